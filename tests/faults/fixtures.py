"""What the tests of faults share: two shops to injure, and the words for the report."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from faults.small_night import KEY, Shop, two_shops

Seen = Callable[..., None]


@pytest.fixture
def seen(record_property) -> Seen:
    """Say for the report what was seen, and in how many seconds the next night mended it."""

    def say(what: str, recovered_in: float | None = None) -> None:
        record_property("seen", what)
        if recovered_in is not None:
            record_property("recovered_in", recovered_in)

    return say


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Shop, Shop]:
    """The shop that is to be injured and its twin; only to be copied."""
    return two_shops(tmp_path_factory.mktemp("prepared"))


@pytest.fixture
def twin(prepared: tuple[Shop, Shop]) -> dict[str, str]:
    """What the night makes where nothing happens to it."""
    return prepared[1].result()


@pytest.fixture
def injured(prepared: tuple[Shop, Shop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop as of the 10th, to be injured in the night of the 11th."""
    monkeypatch.setenv("KIZUNA_TOKEN_KEY", KEY)
    monkeypatch.setenv("KIZUNA_VAULT_KEY", KEY)
    shutil.copytree(prepared[0].folder, tmp_path / "shop", symlinks=True)
    return Shop(tmp_path / "shop")

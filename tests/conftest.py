"""A small made-up shop, a night over it, and the command line that ran it."""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

from orchestration.cli import main
from orchestration.sample import LAST_DAY, write_sample

# PySpark takes a process whose main module has no file, as pytest's workers, for one of its own
# tests, and ends it.
vars(sys.modules["__main__"]).setdefault("__file__", __file__)

pytest_plugins = ["faults.fixtures"]

AS_OF = LAST_DAY.isoformat()

Kizuna = Callable[..., Result]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spark takes longest: begun last it would run on while the other worker has nothing left."""
    items.sort(key=lambda item: item.path.stem != "test_two_engines")


@dataclass(frozen=True)
class Shop:
    """A company folder, and what the last command on it printed."""

    folder: Path
    output: str = ""

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def published(self) -> Path:
        return self.data / "current" / "kizuna.duckdb"

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.published.resolve()), read_only=True) as connection:
            return connection.sql(sql).fetchall()


@pytest.fixture(scope="session")
def kizuna() -> Kizuna:
    """Run the command line in this process, as `kizuna <args>`."""

    def run(*args: object) -> Result:
        return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all workers of this run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company folder with exports, on which no night ran."""
    folder = tmp_path_factory.mktemp("delivered") / "shop"
    write_sample(folder, customers=200, days=200, seed=11)
    return folder


@pytest.fixture(scope="session")
def night(delivered: Path, shared: Path, kizuna: Kizuna) -> Shop:
    """The shop after its first night, which one worker runs for all; copy it before changing it."""
    folder, printed = shared / "night" / "shop", shared / "night.txt"
    with (shared / "night.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(delivered, folder)
            result = kizuna("night", "--company", folder, "--as-of", AS_OF)
            assert result.exit_code == 0, result.output
            printed.write_text(result.output, encoding="utf-8")
    return Shop(folder, printed.read_text(encoding="utf-8"))


@pytest.fixture
def shop(night: Shop, tmp_path: Path) -> Iterator[Shop]:
    """A copy of that shop, to be spoiled."""
    folder = tmp_path / "shop"
    shutil.copytree(night.folder, folder, symlinks=True)
    yield Shop(folder)


def hashes(folder: Path) -> dict[str, str]:
    """Every file below a folder, by the sha256 of its bytes."""
    return {
        str(path.relative_to(folder.resolve())): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.resolve().rglob("*"))
        if path.is_file()
    }

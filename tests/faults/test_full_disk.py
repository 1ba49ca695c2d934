"""A disk that fills up anywhere in a night: the path is named, nothing half has a final name."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults.fixtures import Seen
from faults.small_night import Shop
from faults.test_killed import LAST_GOOD, converges

from orchestration.company import load_company
from orchestration.ledger import Ledger
from orchestration.publishing import find
from orchestration.verification import verify

SIZE = "48m"
SMALL = (0, 20_000, 90_000, 300_000, 700_000)  # bytes that are left
FEW, FINE, COARSE = 60_000, 12_000, 100_000  # bytes: what lands is small, a version is not
NAMED = re.compile(r"No space left on device|disk is full|disk I/O error", re.I)


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A file system of its own, as large as the module says."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={request.module.SIZE}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True)
        why = mounted.stderr.strip()
    except FileNotFoundError as error:
        why = str(error)
    if why:
        pytest.skip(f"no small file system can be mounted here: {why}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, left: int) -> Path:
    """Leave that many bytes."""
    filler = disk / "filler"
    free = shutil.disk_usage(disk).free
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - left)
    return filler


def fails_with(left: int, disk: Path, injured: Shop, twin: dict[str, str]) -> tuple[str, float]:
    """What a night says that has that many bytes left, and in how many seconds the next mends it;
    empty where they were enough.
    """
    shop = Shop(Path(shutil.copytree(injured.folder, disk / f"{left}", symlinks=True)))
    filler = fill(disk, left)
    night = shop.night(11)
    said, code = night.said, night.code
    filler.unlink()
    took = 0.0
    if code:
        assert code == 1 and not night.was_killed
        assert NAMED.search(said), said
        assert str(shop.data) in said, said
        assert shop.current() == LAST_GOOD
        assert not torn(shop)
        took = converges(shop, twin)
    shutil.rmtree(shop.folder)
    return said, took


def torn(shop: Shop) -> list[str]:
    """What is not whole under its final name; raw that is in no ledger yet is nobody's."""
    company = load_company(shop.folder)
    known = {load.load_id for load in Ledger(company.ledger).loads()}
    return [
        what
        for what in verify(company, find(company)).wrong
        if "is in no ledger" not in what or known & set(re.findall(r"load_id=([^/]+)", what))
    ]


@pytest.mark.parametrize("left", SMALL)
def test_a_disk_that_is_full_is_named_with_the_path(
    disk: Path, injured: Shop, twin: dict[str, str], left: int, seen: Seen
):
    said, took = fails_with(left, disk, injured, twin)
    assert said
    seen(said.split("\n")[0].replace(str(disk / f"{left}"), "…"), took)


@pytest.mark.faults
def test_a_disk_that_fills_up_at_any_moment(
    disk: Path, injured: Shop, twin: dict[str, str], seen: Seen
):
    left, places, longest, times = 0, set(), 0.0, 0
    while True:
        said, took = fails_with(left, disk, injured, twin)
        if not said:
            break
        places |= {
            place
            for place in ("raw", "quarantine", "ledger", "work", "versions", "vault")
            if f"data/{place}" in said
        }
        longest, times = max(longest, took), times + 1
        left += FINE if left < FEW else COARSE
    assert places >= {"raw", "work", "versions"}
    seen(f"{times} times, in {', '.join(sorted(places))}; every one named", longest)

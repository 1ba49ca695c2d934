"""Whole nights, dbt and all, killed and starved: a minute each, so only for the full sweep."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import AS_OF
from faults.fixtures import Seen
from faults.test_full_disk import NAMED, disk, fill  # noqa: F401
from faults.test_killed import OF_LIBRARIES

from orchestration.company import load_company
from orchestration.publishing import find, verify
from orchestration.sample import write_sample
from orchestration.settings import ROOT, environment

pytestmark = pytest.mark.faults

BEFORE = (date.fromisoformat(AS_OF) - timedelta(days=1)).isoformat()
OF_NIGHTS = ("runs", "data_quality", "quarantined_rows")  # marts that name the nights
MOMENTS = 5
SIZE = "512m"  # of the disk that fills up
ROOMS = (200_000, 5_000_000, 25_000_000)  # bytes that are left on a full disk


class Company:
    """A company folder on which whole nights run, each in a process group of its own."""

    def __init__(self, folder: Path):
        self.folder = folder

    def start(self, day: str, crash_at: str = "") -> subprocess.Popen:
        command = [sys.executable, "-m", "orchestration.cli", "night"]
        return subprocess.Popen(
            [*command, "--company", str(self.folder), "--as-of", day],
            env=environment(KIZUNA_CRASH_AT=crash_at),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def night(self, day: str = AS_OF, crash_at: str = "") -> tuple[int, str]:
        """Its exit code, and all that it said."""
        with self.start(day, crash_at) as running:
            said, _ = running.communicate()
        return running.returncode, said

    def current(self) -> str:
        """The day that is published, its files held to their manifest."""
        version = find(load_company(self.folder))
        verify(version)
        return version.as_of.isoformat()

    def result(self) -> dict[str, str]:
        """A hash of each mart that must not depend on what became of the nights."""
        files = find(load_company(self.folder)).manifest["files"]
        return {
            name: known
            for name, known in files.items()
            if name.startswith("parquet/") and Path(name).stem not in OF_NIGHTS
        }

    def copied(self, to: Path) -> "Company":
        return Company(Path(shutil.copytree(self.folder, to, symlinks=True)))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Company, dict[str, str], float]:
    """A shop as of the day before, what its next night makes, and in how many seconds."""
    shop = Company(tmp_path_factory.mktemp("whole") / "shop")
    write_sample(shop.folder, customers=60, days=70, seed=3)
    code, said = shop.night(BEFORE)
    assert code == 0, said
    twin = shop.copied(shop.folder.with_name("twin"))
    began = time.monotonic()
    code, said = twin.night()
    assert code == 0, said
    return shop, twin.result(), time.monotonic() - began


@pytest.fixture
def shop(whole, tmp_path: Path) -> Company:
    return whole[0].copied(tmp_path / "shop")


def converges(shop: Company, twin: dict[str, str]) -> float:
    began = time.monotonic()
    code, said = shop.night()
    assert code == 0, said
    assert shop.current() == AS_OF
    assert shop.result() == twin
    return time.monotonic() - began


@pytest.mark.parametrize("step", OF_LIBRARIES)
def test_a_whole_night_killed_at_a_step_is_mended_by_the_next(shop, whole, step, seen: Seen):
    code, _ = shop.night(crash_at=step)
    assert code == -signal.SIGKILL
    assert shop.current() == BEFORE
    seen(f"{step}: killed, mended", converges(shop, whole[1]))


def test_whole_nights_killed_at_random_moments_are_mended_by_the_next(
    shop, whole, tmp_path, seen: Seen
):
    longest = 0.0
    for number in range(MOMENTS):
        other = shop.copied(tmp_path / f"{number}")
        with other.start(AS_OF) as running:
            time.sleep(random.Random(number).uniform(0, whole[2]))
            os.killpg(running.pid, signal.SIGKILL)
        assert other.current() in (BEFORE, AS_OF)
        longest = max(longest, converges(other, whole[1]))
        shutil.rmtree(other.folder)
    seen(f"{MOMENTS} whole nights killed with all their processes, each mended", longest)


def test_dbt_killed_in_the_middle_of_a_night_stops_it_naming_the_model(shop, whole, seen: Seen):
    with shop.start(AS_OF) as running:
        while (dbt := dbt_of(running.pid)) is None:
            time.sleep(0.1)
        while not [*shop.folder.glob("data/work/20*/logs/dbt.log")]:
            time.sleep(0.1)
        time.sleep(3)
        os.kill(dbt, signal.SIGKILL)
        said, _ = running.communicate()
    assert running.returncode == 1
    assert "dbt was ended by SIGKILL at" in said and " model " in said, said
    assert shop.current() == BEFORE
    (told,) = (line for line in said.splitlines() if "ended by SIGKILL" in line)
    seen(told.strip("- "), converges(shop, whole[1]))


def dbt_of(night: int) -> int | None:
    """The process in which a night runs dbt."""
    for task in Path(f"/proc/{night}/task").glob("*"):
        for child in (task / "children").read_text().split():
            if "orchestration.parsed" in Path(f"/proc/{child}/cmdline").read_text():
                return int(child)
    return None


@pytest.mark.parametrize("left", ROOMS)
def test_a_whole_night_on_a_full_disk_names_the_path(shop, whole, disk, left, seen: Seen):  # noqa: F811
    other = shop.copied(disk / "shop")
    filler = fill(disk, left)
    code, said = other.night()
    filler.unlink()
    assert code == 1, said
    assert NAMED.search(said) and str(other.folder) in said.replace("\n", ""), said
    assert other.current() == BEFORE
    seen(f"{left // 1000:,} kB left: stopped", converges(other, whole[1]))

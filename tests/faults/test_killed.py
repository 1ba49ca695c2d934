"""Nights killed at every step and at random moments: the next makes what an unhurt one makes."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults.fixtures import Seen
from faults.small_night import Shop

from orchestration.company import load_company
from orchestration.dbt import standby
from orchestration.defs.warehouse import _killed
from orchestration.ledger import Ledger
from orchestration.lock import holder
from orchestration.steps import STEPS, reach

OF_DBT = [step for step in STEPS if step.endswith("building")]
OF_LIBRARIES = [*OF_DBT, "persons linked", "marts judged"]  # what a small night goes without
PUBLISHED = ("version current", "old version going")  # steps behind the commit
LAST_GOOD, KILLED = "2026-01-10-001", "2026-01-11-001"
FEW, MOMENTS = 8, 200


def converges(shop: Shop, twin: dict[str, str]) -> float:
    """Check that the next night mends everything; the seconds that it took."""
    began = time.monotonic()
    again = shop.night(11)
    took = time.monotonic() - began
    assert again.code == 0, again.said
    assert shop.current() == f"2026-01-11-{len(runs_of(shop, 11)):03}"
    assert shop.result() == twin
    assert not shop.leftovers()
    assert not [run for run in Ledger(shop.data / "ledger.sqlite").runs() if is_open(run)]
    return took


def runs_of(shop: Shop, day: int) -> list[dict]:
    known = Ledger(shop.data / "ledger.sqlite").runs()
    return [run for run in known if run["as_of_date"] == f"2026-01-{day}"]


def is_open(run: dict) -> bool:
    return run["status"] == "running"


@pytest.mark.parametrize("step", [step for step in STEPS if step not in OF_LIBRARIES])
def test_a_night_killed_at_a_step_is_mended_by_the_next(
    injured: Shop, twin: dict[str, str], step: str, seen: Seen
):
    assert injured.current() == LAST_GOOD
    assert injured.night(11, crash_at=step).was_killed
    assert injured.current() == (KILLED if step in PUBLISHED else LAST_GOOD)
    took = converges(injured, twin)
    (first, _) = runs_of(injured, 11)
    assert first["status"] == ("published" if step in PUBLISHED else "failed")
    seen(f"{step}: killed, mended", took)


def kill_at_random(shop: Shop, twin: dict[str, str], count: int, seen: Seen) -> None:
    """Kill nights at random moments of theirs, each over the same shop as it was."""
    killed, longest = 0, 0.0
    usual = converges(copy_of(shop), twin)
    for number in range(count):
        other = copy_of(shop)
        night = other.start(11)
        time.sleep(random.Random(number).uniform(0, usual))
        night.process.kill()
        assert night.was_killed or night.code == 0, night.said
        assert other.current() in (LAST_GOOD, KILLED)
        killed += night.was_killed
        longest = max(longest, converges(other, twin))
        shutil.rmtree(other.folder)
    assert killed > count / 2
    seen(f"{killed} nights killed in the middle, each mended", longest)


def copy_of(shop: Shop) -> Shop:
    folder = shop.folder.with_name("copy")
    shutil.rmtree(folder, ignore_errors=True)
    return Shop(Path(shutil.copytree(shop.folder, folder, symlinks=True)))


def test_nights_killed_at_a_few_random_moments_are_mended_by_the_next(injured, twin, seen):
    kill_at_random(injured, twin, FEW, seen)


@pytest.mark.faults
def test_nights_killed_at_random_moments_are_mended_by_the_next(injured, twin, seen):
    kill_at_random(injured, twin, MOMENTS, seen)


def test_a_killed_night_frees_the_lock_at_once(injured: Shop):
    assert injured.night(11, crash_at="night opened").was_killed
    lock = load_company(injured.folder).lock
    assert KILLED in lock.read_text()
    assert holder(lock) == ""


def test_a_step_is_nothing_unless_it_is_named(monkeypatch):
    monkeypatch.setenv("KIZUNA_CRASH_AT", "version whole")
    reach("version current")
    with pytest.raises(AssertionError):
        reach("no such step")


def test_dbt_ends_with_the_night_that_started_it(tmp_path):
    """A process that waits for ever, started as a night starts dbt, by one that is then killed."""
    waiting = (
        "import os, sys, threading, time; from orchestration.parsed import end_with;"
        "threading.Thread(target=end_with, args=[os.getppid()], daemon=True).start();"
        "print(os.getpid(), flush=True); time.sleep(600)"
    )
    night = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {waiting!r}]);"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", night], stdout=subprocess.PIPE) as started:
        dbt = int(started.stdout.readline())
        os.kill(dbt, 0)
        started.kill()
    for _ in range(100):
        if not Path(f"/proc/{dbt}").exists() and not lives(dbt):
            return
        time.sleep(0.1)
    os.kill(dbt, signal.SIGKILL)
    raise AssertionError("it goes on without its night")


def test_what_waits_to_be_told_what_dbt_shall_run_ends_where_nobody_does():
    with standby() as process:
        process.stdin.close()
        assert process.wait(60) == 0
    with standby() as process:
        pass  # a night without news, or one that was stopped before
    assert process.returncode == -signal.SIGKILL


def lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_dbt_that_was_killed_names_what_it_was_building():
    said = _killed(-signal.SIGKILL, ["sql view model a", "sql table model b", "sql table model c"])
    assert said.startswith("dbt was ended by SIGKILL at sql table model b, sql table model c")
    assert _killed(1, []) == ""

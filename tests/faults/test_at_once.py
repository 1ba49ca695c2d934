"""Two nights at once, and readers who stay or come while a night publishes."""

import time
from pathlib import Path

import duckdb
import pytest
from faults.fixtures import Seen
from faults.small_night import MARTS, Shop, processes
from faults.test_killed import copy_of, runs_of

from orchestration.company import Company, Settings
from orchestration.publishing import publish

FEW, READS = 100, 1000
SEEN = 6  # versions, at least: enough for the first to be gone
ROWS = 2000


def both(shop: Shop, twin: dict[str, str], wait: float) -> str:
    """Two nights begun together: what came of them."""
    first, second = shop.start(11, wait=wait), shop.start(11, wait=wait)
    codes = {first.process.pid: first.code, second.process.pid: second.code}
    told = first.said + second.said
    assert sorted(codes.values()) in ([0, 0], [0, 1]), told
    if 1 in codes.values():
        (won,) = (pid for pid, code in codes.items() if code == 0)
        assert "LockHeld" in told and f"process {won} (run " in told, told
    assert shop.current() == f"2026-01-11-{len(runs_of(shop, 11)):03}"
    assert shop.result() == twin
    assert not shop.leftovers()
    return "one named the other" if told else "one waited"


def pairs(shop: Shop, twin: dict[str, str], count: int, seen: Seen) -> None:
    came = [both(copy_of(shop), twin, wait=60 * (number % 2)) for number in range(count)]
    assert came[1::2] == ["one waited"] * (count // 2)
    named = came.count("one named the other")
    seen(f"{count} times: one named the other {named} times, else it waited")


def test_of_two_nights_one_waits_or_names_the_other(injured, twin, seen):
    pairs(injured, twin, 4, seen)


@pytest.mark.faults
def test_of_two_nights_one_waits_or_names_the_other_50_times(injured, twin, seen):
    pairs(injured, twin, 50, seen)


def test_a_night_waits_for_the_one_before_it_that_is_then_killed(injured, twin, seen):
    first = injured.start(11)
    while not (injured.data / "lock").read_text():
        time.sleep(0.01)
    second = injured.start(11, wait=60)
    first.process.kill()
    assert second.code == 0, second.said
    assert injured.result() == twin


def publish_on_and_on(folder: Path) -> None:
    """A version every moment, each with its own number in two tables."""
    company, number = Company(folder, Settings(), {}), 1
    while True:
        publish_one(company, number)
        number += 1


def publish_one(company: Company, number: int) -> None:
    warehouse = company.work / "warehouse.duckdb"
    warehouse.parent.mkdir(parents=True, exist_ok=True)
    warehouse.unlink(missing_ok=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"""
            create schema marts;
            create table marts.orders as
            select {number} as system, range as order_id from range({ROWS});
            create table marts.runs (run_id varchar, number bigint);
            insert into marts.runs values ('{number}', {number});
        """)
    about = {"as_of_date": "2026-01-10", "sequence": number, "code_version": "", "inputs": []}
    publish(company, f"2026-01-10-{number:04}", warehouse, MARTS, about, {})


WHOLE_VERSION = (
    "select min(system), max(system), count(*), (select any_value(number) from marts.runs)"
    " from marts.orders"
)


def test_reads_while_nights_publish_each_see_one_whole_version(tmp_path, seen):
    read_while_publishing(tmp_path, FEW, seen)


@pytest.mark.faults
def test_a_thousand_reads_while_nights_publish_each_see_one_whole_version(tmp_path, seen):
    read_while_publishing(tmp_path, READS, seen)


def read_while_publishing(tmp_path: Path, reads: int, seen: Seen) -> None:
    company = Company(tmp_path, Settings(), {})
    publish_one(company, 0)
    held = duckdb.connect(str((company.current / "kizuna.duckdb").resolve()), read_only=True)
    publisher = processes.Process(target=publish_on_and_on, args=(tmp_path,), daemon=True)
    publisher.start()
    versions = []
    try:
        while len(versions) < reads or len(set(versions)) < SEEN:
            assert publisher.is_alive()
            with duckdb.connect() as reader:
                path = company.current / "kizuna.duckdb"
                reader.execute(f"attach '{path}' as bi (read_only); use bi")
                least, most, rows, number = reader.sql(WHOLE_VERSION).fetchone()
            assert (least, most, rows) == (number, number, ROWS)
            versions.append(number)
    finally:
        publisher.kill()
        publisher.join()
    assert versions == sorted(versions)
    assert held.sql(WHOLE_VERSION).fetchone() == (0, 0, ROWS, 0)  # long after it was pruned
    held.close()
    seen(f"{len(versions)} reads saw {len(set(versions))} versions, each whole")

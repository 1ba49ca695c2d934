"""What others left: killed runs, an older or newer release, a clock that went back."""

import shutil
import sqlite3
from datetime import date, datetime
from pathlib import Path

import pytest
from conftest import Kizuna, hashes
from faults.fixtures import Seen
from faults.small_night import Shop, night
from faults.test_killed import LAST_GOOD, converges

import orchestration.night
from orchestration.ledger import VERSION, Ledger
from orchestration.publishing import KEPT
from orchestration.running import Outcome


def leave(path: Path, content: bytes = b"half") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_what_killed_runs_left_is_swept_and_never_read(
    injured: Shop, twin: dict[str, str], seen: Seen
):
    data = injured.data
    real = next(data.glob("raw/orders/orders/load_id=0*/*.parquet"))
    shutil.copytree(real.parent, data / "raw/orders/orders/load_id=000099-deadbeef")
    leave(data / "raw/.incoming/000099-deadbeef/part-0.parquet")
    leave(data / "raw/ledger/loads/load_id=ledger/.part-0.parquet.tmp")
    leave(data / "work/2026-01-09-007/warehouse.duckdb")
    leave(data / "work/2026-01-09-007/warehouse.duckdb.wal")
    leave(data / "work/landing-2026-01-09-007/temp/spilled")
    leave(data / "versions/2026-01-12-001.tmp/kizuna.duckdb.wal")
    (data / "current.tmp").symlink_to("versions/2026-01-08-001")
    seen("swept", converges(injured, twin))
    assert not (data / "raw/orders/orders/load_id=000099-deadbeef").exists()


def test_a_ledger_of_an_older_release_is_migrated(injured: Shop, twin: dict[str, str], seen: Seen):
    with sqlite3.connect(injured.data / "ledger.sqlite") as ledger:
        ledger.execute("alter table loads drop column raw_sha256")
        ledger.execute("pragma user_version = 1")
    took = converges(injured, twin)
    with sqlite3.connect(injured.data / "ledger.sqlite") as ledger:
        assert ledger.execute("pragma user_version").fetchone() == (VERSION,)
        kept = ledger.execute("select raw_sha256 is null from loads order by number").fetchall()
    assert kept == [(1,), (1,), (0,), (0,), (0,)]
    seen("migrated", took)


def test_of_a_newer_release_nothing_is_touched_and_the_pointer_still_moves(
    injured: Shop, kizuna: Kizuna, seen: Seen
):
    with sqlite3.connect(injured.data / "ledger.sqlite") as ledger:
        ledger.execute("pragma user_version = 99")
    before = {name: known for name, known in hashes(injured.data).items() if name != "lock"}
    refused = injured.night(11)
    assert refused.code == 1 and "written by a newer release (version 99" in refused.said
    after = {name: known for name, known in hashes(injured.data).items() if name != "lock"}
    assert after == before
    assert kizuna("rollback", "--company", injured.folder).exit_code == 0
    assert injured.current() == "2026-01-09-001"
    seen("refused, named; rolled back")


def test_three_missed_nights_are_caught_up_once_each(
    injured: Shop, kizuna: Kizuna, monkeypatch: pytest.MonkeyPatch, seen: Seen
):
    def small(company, day: date, wait: float, is_full: bool) -> Outcome:
        return Outcome(night(company.folder, day, wait).run, ())

    monkeypatch.setattr("orchestration.running.run_night", small)
    monkeypatch.setattr("orchestration.report.night", lambda *_: None)
    monkeypatch.setattr("orchestration.cli.nights.yesterday", lambda _: date(2026, 1, 13))
    for said in ("as of 2026-01-13", "no night was missed"):
        result = kizuna("catch-up", "--company", injured.folder)
        assert result.exit_code == 0 and said in result.output, result.output
    runs = [run["run_id"] for run in Ledger(injured.data / "ledger.sqlite").runs()][KEPT:]
    assert runs == [f"2026-01-{day}-001" for day in (11, 12, 13)]
    assert injured.current() == "2026-01-13-001"
    seen("three nights, once each")


def test_the_schedule_asks_for_the_nights_of_which_none_was_begun(
    injured: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KIZUNA_COMPANY", str(injured.folder))
    import dagster as dg

    from orchestration.defs.nightly import CAUGHT_UP, missed, nightly
    from orchestration.defs.resources import PARTITION

    @dg.job(name=nightly.name)
    def begun() -> None:
        pass

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = dg.build_schedule_context(instance=instance)

        def asked(day: date) -> list[int]:
            return [one.day for one in missed(context, day)]

        assert asked(date(2026, 1, 11)) == []
        assert asked(date(2026, 1, 14)) == [11, 12, 13]
        failed = dg.DagsterRunStatus.FAILURE
        instance.create_run_for_job(begun, status=failed, tags={PARTITION: "2026-01-12"})
        assert asked(date(2026, 1, 14)) == [11, 13]
        assert asked(date(2026, 1, 31)) == [*range(31 - CAUGHT_UP + 1, 31)]
        (injured.data / "current").unlink()
        assert asked(date(2026, 1, 14)) == []


class Earlier(datetime):
    """A clock that stands at the last moment of another century."""

    @classmethod
    def now(cls, tz=None):
        return cls(1999, 12, 31, 23, 59, tzinfo=tz)


def test_a_clock_that_was_set_back_changes_nothing(
    injured: Shop, twin: dict[str, str], monkeypatch: pytest.MonkeyPatch, seen: Seen
):
    monkeypatch.setattr(orchestration.night, "datetime", Earlier)
    night(injured.folder, date(2026, 1, 11))
    last = Ledger(injured.data / "ledger.sqlite").runs()[-1]
    assert last["run_id"] == "2026-01-11-001" and last["started_at"].startswith("1999")
    assert injured.current() == "2026-01-11-001" != LAST_GOOD
    assert injured.result() == twin
    seen("no effect")


def test_a_name_that_a_lost_ledger_gave_is_not_given_again(injured: Shop):
    (injured.data / "ledger.sqlite").unlink()
    again = injured.night(10)
    assert again.code == 0, again.said
    assert (injured.data / "versions" / "2026-01-10-002").is_dir()

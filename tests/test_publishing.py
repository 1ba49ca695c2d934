"""Publishing, on two small marts: versions, the pointer, the readers, the faults."""

import hashlib
import os
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration import publishing
from orchestration.company import Company, Settings
from orchestration.publishing import Mart, PublishError, current, publish, rollback, sweep, versions

MARTS = [
    Mart("customers", "One row per person.", {"person_key": "Who."}, ["person_key"], True),
    Mart("kpi_report", "One row per figure, named.", {"kpi": "Code."}, [], False),
    Mart("kpi_values", "One row per figure.", {"kpi": "Code, it's."}, ["kpi"], False),
    Mart("runs", "One row per night.", {}, ["run_id"], False),
]


@pytest.fixture
def company(tmp_path) -> Company:
    (tmp_path / "data").mkdir()
    return Company(tmp_path, Settings(), {})


def night(company: Company, run: str, sequence: int, value: float = 1.0):
    """Build a small warehouse and publish it as the night `run`."""
    warehouse = company.work / run / "warehouse.duckdb"
    warehouse.parent.mkdir(parents=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(
            f"""
            create schema marts;
            create table marts.customers as select 'b' as person_key union all select 'a';
            create table marts.kpi_values as select 'nps' as kpi, {value} as value;
            create view marts.kpi_report as
                select *, 'NPS' as name from "warehouse"."marts"."kpi_values";
            create table marts.runs (run_id varchar, as_of_date date, status varchar);
            """
        )
    about = {"as_of_date": run[:10], "sequence": sequence, "code_version": "0", "inputs": []}
    tonight = {"runs": [{"run_id": run, "as_of_date": date.fromisoformat(run[:10]), "more": 1}]}
    return publish(company, run, warehouse, MARTS, about, tonight)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.resolve().rglob("*"))
        if path.is_file()
    }


def test_a_reader_finds_ordered_described_tables_under_any_name(company):
    night(company, "2026-06-30-001", 1)
    with duckdb.connect() as reader:
        reader.execute(f"attach '{company.current}/kizuna.duckdb' as bi (read_only)")
        assert reader.sql("from bi.marts.customers").fetchall() == [("a",), ("b",)]
        assert reader.sql("from bi.marts.kpi_report").fetchall() == [("nps", 1.0, "NPS")]
        assert reader.sql("select run_id from bi.marts.runs").fetchall() == [("2026-06-30-001",)]
        comments = reader.sql(
            "select comment from duckdb_columns()"
            " where column_name = 'kpi' and database_name = 'bi' order by all"
        ).fetchall()
    assert comments == [("Code, it's.",), ("Code.",)]


def test_the_file_for_all_readers_holds_nothing_about_single_persons(company):
    night(company, "2026-06-30-001", 1)
    with duckdb.connect(str(company.current / "kizuna_kpi.duckdb"), read_only=True) as reader:
        tables = reader.sql("select table_name from information_schema.tables order by 1")
        assert tables.fetchall() == [("kpi_report",), ("kpi_values",), ("runs",)]
        assert reader.sql("from marts.kpi_report").fetchall() == [("nps", 1.0, "NPS")]


def test_the_manifest_names_every_file_by_its_hash(company):
    version = night(company, "2026-06-30-001", 1)
    named = {
        str((version.folder / name).resolve()): sha256
        for name, sha256 in version.manifest["files"].items()
    }
    found = hashes(version.folder)
    found.pop(str(version.folder.resolve() / "manifest.json"))
    assert named == found
    assert version.manifest["rows"]["customers"] == 2


def test_the_current_and_the_newest_versions_are_kept(company):
    for number in range(1, 6):
        night(company, f"2026-06-{number:02}-001", number)
    kept = [version.run for version in versions(company)]
    assert kept == ["2026-06-05-001", "2026-06-04-001", "2026-06-03-001"]
    assert current(company).run == "2026-06-05-001"


def test_a_night_for_an_earlier_day_builds_its_version_and_moves_nothing(company):
    night(company, "2026-06-30-001", 1)
    version = night(company, "2026-06-29-001", 2)
    assert not version.is_current
    assert (version.folder / "kizuna.duckdb").is_file()
    assert current(company).run == "2026-06-30-001"


def test_rollback_moves_the_pointer_and_copies_nothing(company):
    night(company, "2026-06-29-001", 1)
    night(company, "2026-06-30-001", 2)
    before = hashes(company.versions)
    assert rollback(company).run == "2026-06-29-001"
    assert current(company).run == "2026-06-29-001"
    assert rollback(company, "2026-06-30-001").run == current(company).run == "2026-06-30-001"
    assert hashes(company.versions) == before


def test_rollback_refuses_a_version_that_is_not_there_or_not_whole(company):
    night(company, "2026-06-30-001", 1)
    with pytest.raises(PublishError, match="no version before the current one"):
        rollback(company)
    with pytest.raises(PublishError, match="there are: 2026-06-30-001"):
        rollback(company, "2026-06-01-001")
    (company.current / "kizuna.duckdb").write_bytes(b"torn")
    with pytest.raises(PublishError, match="not what its manifest says"):
        rollback(company, "2026-06-30-001")


def test_a_reader_that_stays_neither_blocks_nor_is_blocked(company):
    night(company, "2026-06-30-001", 1, value=1.0)
    path = (company.current / "kizuna.duckdb").resolve()
    with duckdb.connect(str(path), read_only=True) as reader:
        night(company, "2026-07-01-001", 2, value=2.0)
        assert reader.sql("select value from marts.kpi_values").fetchall() == [(1.0,)]
    with duckdb.connect(str(company.current / "kizuna.duckdb"), read_only=True) as reader:
        assert reader.sql("select value from marts.kpi_values").fetchall() == [(2.0,)]


def test_a_failure_while_writing_leaves_the_current_version_byte_for_byte(company, monkeypatch):
    night(company, "2026-06-30-001", 1)
    before = hashes(company.current)

    def full(path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(publishing, "_sync", full)
    with pytest.raises(OSError, match="No space left"):
        night(company, "2026-07-01-001", 2)
    assert hashes(company.current) == before
    assert [version.run for version in versions(company)] == ["2026-06-30-001"]
    assert [path.name for path in sweep(company)] == ["2026-07-01-001.tmp"]
    assert sorted(os.listdir(company.versions)) == ["2026-06-30-001"]

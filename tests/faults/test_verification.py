"""`kizuna verify`: every file that is not what it was written as is named, and nothing else is."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from conftest import Kizuna, hashes
from faults.small_night import Shop

from orchestration.lock import only_writer


def raw_file(shop: Shop) -> Path:
    return sorted(shop.data.glob("raw/orders/orders/load_id=0*/*.parquet"))[0]


def version_file(shop: Shop) -> Path:
    return (shop.data / "current" / "kizuna.duckdb").resolve()


def flipped(path: Path) -> Path:
    """One bit of a file, in its middle, is not what it was."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return path


def added(path: Path) -> Path:
    path.write_bytes(b"more")
    return path


def removed(path: Path) -> Path:
    path.unlink()
    return path


def test_what_a_night_made_is_as_it_was_written(injured: Shop, kizuna: Kizuna):
    result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 0, result.output
    assert "version 2026-01-10-001" in result.output and "files of raw" in result.output


@pytest.mark.parametrize(
    ("spoil", "how"),
    [
        (lambda shop: flipped(raw_file(shop)), "is not what the ledger says"),
        (lambda shop: removed(raw_file(shop)), "is gone: the rows of shop/orders/a.csv"),
        (lambda shop: added(raw_file(shop).with_name("part-1.parquet")), "is in no ledger"),
        (lambda shop: flipped(version_file(shop)), "is not what its manifest says"),
        (lambda shop: removed(version_file(shop)), "is gone, which its manifest names"),
        (lambda shop: added(version_file(shop).with_suffix(".wal")), "is not in its manifest"),
    ],
)
def test_a_file_that_is_another_is_named(
    injured: Shop,
    kizuna: Kizuna,
    spoil: Callable[[Shop], Path],
    how: str,
):
    path = spoil(injured)
    result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 1
    assert f"- {path} {how}" in result.output
    assert result.output.count("\n- ") + result.output.count("Error: - ") == 1


def test_what_an_erasure_wrote_anew_is_as_it_was_written(injured: Shop, kizuna: Kizuna):
    before = hashes(injured.data / "raw" / "orders")
    result = kizuna("erase", "--customer", "c5", "--company", injured.folder)
    assert result.exit_code == 0, result.output
    assert hashes(injured.data / "raw" / "orders") != before
    result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 0, result.output


def test_an_earlier_version_can_be_asked_for(injured: Shop, kizuna: Kizuna):
    path = flipped(injured.data / "versions" / "2026-01-09-001" / "kizuna.duckdb")
    assert kizuna("verify", "--company", injured.folder).exit_code == 0
    result = kizuna("verify", "2026-01-09-001", "--company", injured.folder)
    assert result.exit_code == 1 and str(path) in result.output
    result = kizuna("verify", "2025-01-01-001", "--company", injured.folder)
    assert result.exit_code == 1 and "there are: 2026-01-10-001" in result.output


def test_a_load_that_the_ledger_lost_is_named(injured: Shop, kizuna: Kizuna):
    with sqlite3.connect(injured.data / "ledger.sqlite") as ledger:
        ledger.execute("delete from loads where feed = 'customers'")
    result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 1
    assert "crm/customers/c.csv" in result.output and "is in no ledger" in result.output


def test_of_an_older_release_the_rows_are_counted(injured: Shop, kizuna: Kizuna):
    with sqlite3.connect(injured.data / "ledger.sqlite") as ledger:
        ledger.execute("update loads set raw_sha256 = null")
    result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 0 and "2 of them only by their rows" in result.output
    path = raw_file(injured)
    pq.write_table(pq.read_table(path).slice(1), path)
    result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 1 and "has 299 rows where the ledger says 300" in result.output


def test_a_night_that_runs_is_not_looked_into(injured: Shop, kizuna: Kizuna):
    with only_writer(injured.data / "lock") as name:
        name("2026-01-11-001")
        result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 3 and "2026-01-11-001" in result.output


def test_a_ledger_that_is_none_is_named(injured: Shop, kizuna: Kizuna):
    (injured.data / "ledger.sqlite").write_bytes(b"torn" * 999)
    result = kizuna("verify", "--company", injured.folder)
    assert result.exit_code == 1 and "ledger.sqlite: file is not a database" in result.output

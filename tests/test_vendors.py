"""Vendors' exports: what comes with Kizuna knows each by its header and makes the feeds of it."""

import hashlib
import hmac
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration import pages
from orchestration.company import load_company
from orchestration.contract import feeds_by_name
from orchestration.ingest.mapping import mapping_of
from orchestration.landing import Landing
from orchestration.recognition import recognise, shipped
from orchestration.settings import VENDORS

FIXTURES = Path(__file__).parent / "vendors"
AS_OF = date(2026, 6, 30)
KEY = "a key of thirty-two characters.."
SHIPPED = sorted(path.stem for path in VENDORS.glob("*.yml"))


class Delivered:
    """A company to which one vendor's system, `theirs`, delivered its fixture."""

    def __init__(self, vendor: str, folder: Path):
        self.vendor = vendor
        self.expected = yaml.safe_load((FIXTURES / vendor / "expected.yml").read_text())
        system = {"mapping": f"{vendor}.yml", **self.expected.get("system", {})}
        (folder / "company.yml").write_text(
            yaml.safe_dump({"max_quarantined_share": "99 %", "systems": {"theirs": system}})
        )
        for path in fixture_files(vendor):
            to = folder / "landing" / "theirs" / path.relative_to(FIXTURES / vendor)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, to)
        self.company = load_company(folder)
        landing = Landing(self.company, AS_OF, "run-1")
        self.reports = {feed.name: landing.load(feed) for feed in landing.feeds}
        landing.close()
        self.rejected = landing.rejected
        self.bad = self._quarantined()

    def _quarantined(self) -> list[dict]:
        rows = self._read("ledger", "quarantined_rows", "feed, line, column_name")
        return [dict(zip(("feed", "line", "column"), row, strict=True)) for row in rows if row[0]]

    def rows(self, feed: str, columns: list[str]) -> list[dict]:
        """Every row of a feed, as text."""
        source = feeds_by_name()[feed].source
        rows = self._read(source, feed, ", ".join(columns))
        return [dict(zip(columns, map(as_text, row), strict=True)) for row in rows]

    def _read(self, source: str, table: str, columns: str) -> list[tuple]:
        raw = f"{self.company.raw}/{source}/{table}/*/*.parquet"
        sql = f"select {columns} from read_parquet('{raw}', union_by_name = true) order by all"
        return duckdb.connect().execute(sql).fetchall()


def fixture_files(vendor: str) -> list[Path]:
    return sorted(p for p in (FIXTURES / vendor).rglob("*") if p.is_file() and p.suffix != ".yml")


def as_text(value: object) -> str | None:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def nulls_first(row: dict) -> list:
    return [(value is not None, value or "") for value in row.values()]


def wanted(feed: str, row: dict) -> dict:
    """A row as the fixture tells it: personal values are given as their token is made of them."""
    columns = {column.name: column for column in feeds_by_name()[feed].columns}
    texts = {name: as_text(value) for name, value in row.items()}
    return {
        name: hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()
        if text is not None and columns[name].is_token and not columns[name].plain_where
        else text
        for name, text in texts.items()
    }


@pytest.fixture(scope="module", params=SHIPPED)
def delivered(request, tmp_path_factory) -> Delivered:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIZUNA_TOKEN_KEY", KEY)
        return Delivered(request.param, tmp_path_factory.mktemp(request.param))


def each(delivered: Delivered):
    for feed in feeds_by_name():
        if rows := delivered.expected.get(feed):
            yield feed, rows


def test_an_export_becomes_the_rows_that_were_worked_out_by_hand(delivered):
    refused = [report.rejected for report in delivered.reports.values() if report.rejected]
    assert refused == []
    assert delivered.rejected == delivered.expected.get("rejected", {})
    for feed, rows in each(delivered):
        columns = list(rows[0])
        made = delivered.rows(feed, columns)
        assert sorted(made, key=nulls_first) == sorted(
            (wanted(feed, row) for row in rows), key=nulls_first
        ), feed
    loaded = {feed for feed, report in delivered.reports.items() if report.rows_loaded}
    assert loaded == {feed for feed, _ in each(delivered)}
    assert delivered.bad == delivered.expected.get("quarantined", [])


def test_a_file_is_known_by_its_header_as_of_one_vendor_and_kind(delivered, tmp_path):
    vendor, mapping = delivered.vendor, mapping_of(delivered.company, "theirs")
    seen = set()
    for path in fixture_files(vendor):
        below = path.relative_to(FIXTURES / vendor).as_posix()
        strange = tmp_path / f"download{''.join(path.suffixes)}"
        shutil.copy(path, strange)
        (found,) = recognise(strange, tmp_path / "work")
        assert (found.mapping, found.entry) == (f"{vendor}.yml", mapping.entry_of(below))
        seen.add(found.entry)
    assert seen == set(mapping.files), "each kind of file has a fixture"


def test_what_a_mapping_cannot_tell_is_empty_in_every_row(delivered):
    for untold in mapping_of(delivered.company, "theirs").cannot_tell:
        rows = delivered.rows(untold.feed, [untold.column])
        assert rows, untold.feed
        assert {row[untold.column] for row in rows} == {None}, untold


def test_the_page_on_sources_is_as_the_mappings_and_the_contract_say():
    assert pages.SOURCES.read_text(encoding="utf-8") == pages.sources(), (
        "python -m orchestration.pages"
    )


def test_every_export_says_how_to_get_it_in_both_languages():
    silent = [
        f"{name}: {entry}"
        for name, mapping in shipped().items()
        for entry, files in mapping.files.items()
        if not files.obtain
    ]
    assert silent == []

"""Small companies in other time zones, years and currencies, held to figures worked out by hand.

Each folder in companies/ has an `expected.csv`: a cell of the long table a row, with how its
figures came. There an empty field is not asked for, `null` is unknown, and `absent` is no cell.
"""

import csv
import shutil
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest
from conftest import Shop, hashes

from orchestration.company import load_company
from orchestration.dbt import Dbt
from orchestration.landing import Landing
from orchestration.linking import link_persons

FOLDERS = Path(__file__).parent / "companies"
# The last business date of each company's exports; what lies after it does not count yet.
AS_OF = {
    "new_york": date(2025, 11, 30),
    "london": date(2025, 10, 31),
    "fiscal_april": date(2025, 3, 31),
    "two_currencies": date(2025, 4, 15),
}
CELL = ("kpi", "grain", "period_start", "segment_dimension", "segment_value")
BUILD = ("build", "--quiet", "--exclude-resource-type", "unit_test", "test", "--select")
BUILD += ("+kpi_values", "+orders")
FIGURES = ("value", "n", "previous_value", "year_ago_value")

Query = Callable[[str], list[tuple]]


def copy(name: str, into: Path) -> Path:
    return shutil.copytree(FOLDERS / name, into / name, ignore=shutil.ignore_patterns("data"))


def build(name: str, into: Path) -> Path:
    """Take in a company's exports and run dbt on them, which spares the rest of a night."""
    company, as_of = load_company(copy(name, into)), AS_OF[name]
    landing = Landing(company, as_of, "by-hand")
    reports = [landing.load(feed) for feed in landing.feeds]
    landing.close()
    assert not landing.rejected and sum(report.rows_quarantined for report in reports) == 0
    link_persons(company, as_of, landing.id_systems())
    dbt = Dbt(company, as_of, landing.id_systems(), company.work / "by-hand")
    assert dbt.run(*BUILD).returncode == 0
    return dbt.warehouse


@pytest.fixture(scope="module")
def two_currencies(tmp_path_factory, kizuna) -> Shop:
    """The company with two currencies after its night."""
    folder = copy("two_currencies", tmp_path_factory.mktemp("companies"))
    night = kizuna("night", "--company", folder, "--as-of", AS_OF["two_currencies"])
    assert night.exit_code == 0, night.output
    return Shop(folder, night.output)


@pytest.fixture(scope="module")
def query(tmp_path_factory, request) -> Query:
    """A question to the marts of a company; each company is built once."""
    built: dict[str, Path] = {}

    def ask(name: str, sql: str) -> list[tuple]:
        if name not in built:
            built[name] = (
                request.getfixturevalue(name).published.resolve()
                if name == "two_currencies"
                else build(name, tmp_path_factory.mktemp("companies"))
            )
        with duckdb.connect(str(built[name]), read_only=True) as connection:
            return connection.sql(sql).fetchall()

    return ask


@pytest.mark.parametrize("name", AS_OF)
def test_every_figure_is_that_worked_out_by_hand(query, name):
    found = {
        tuple(row[: len(CELL)]): dict(zip(FIGURES, row[len(CELL) :], strict=True))
        for row in query(
            name,
            "select kpi, grain, period_start::varchar, segment_dimension, segment_value,"
            f" {', '.join(FIGURES)} from marts.kpi_values",
        )
    }
    with (FOLDERS / name / "expected.csv").open(encoding="utf-8", newline="") as lines:
        expected = list(csv.DictReader(lines))
    differing = [
        f"{' '.join(row[part] for part in CELL)}: {figure} is {seen}, not {row[figure]}"
        f" ({row['how']})"
        for row in expected
        for figure, seen in _figures(row, found)
        if not _is(row[figure], seen)
    ]
    assert len(expected) >= 15
    assert not differing, "\n".join(["", *differing])


def _figures(row: dict[str, str], found: dict[tuple, dict]) -> list[tuple[str, object]]:
    """The figures that a row asks for, as they were found."""
    cell = found.get(tuple(row[part] for part in CELL))
    return [(f, cell[f] if cell else "absent") for f in FIGURES if row[f]]


def _is(expected: str, seen: object) -> bool:
    if expected == "absent" or seen == "absent":
        return expected == seen
    if expected == "null" or seen is None:
        return expected == "null" and seen is None
    return seen == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


def test_the_hour_told_twice_is_in_order_by_its_offset(query):
    """C6 ordered at 01:30 of summer time, then at 01:10 of winter time."""
    found = query(
        "new_york",
        "select order_id, ordered_at, ordered_date, order_number from marts.orders"
        " where order_id in ('N04', 'F03', 'F04', 'F05') order by order_id",
    )
    switch, other = date(2025, 11, 2), date(2025, 3, 9)
    assert found == [
        ("F03", datetime(2025, 11, 2, 5, 30), switch, 1),
        ("F04", datetime(2025, 11, 2, 6, 10), switch, 2),
        ("F05", datetime(2025, 11, 2, 6, 30), switch, 4),  # without an offset: the second 01:30
        ("N04", datetime(2025, 3, 9, 7, 30), other, 1),  # 02:30 is skipped: 03:30 of summer time
    ]


def test_an_order_of_the_day_after_the_last_is_not_there_yet(query):
    assert query("new_york", "from marts.orders where order_id = 'F10'") == []
    assert query("london", "from marts.orders where order_id = 'L20'") == []
    assert query("fiscal_april", "from marts.orders where order_id = 'A17'") == []


def test_a_refund_is_at_the_rate_of_its_orders_month_and_without_one_of_its_own(query):
    """T1 and its refund are at the 0.80 of January; T2 is in euros and its refund in dollars."""
    found = query(
        "two_currencies",
        "select order_id, goods_amount, refund_amount from marts.orders order by 1",
    )
    assert found == [
        ("T1", 80, 24),
        ("T2", 50, 8),
        ("T3", 180, 18),
        ("T4", 40, None),
        ("T5", 9, None),
        ("T6", 60, None),
        ("T7", 27, None),
        ("T8", 30, None),
    ]


def test_missing_rates_stop_the_night_by_name(two_currencies, tmp_path, kizuna):
    """One that orders and refunds need, and one that only a product's cost and an ad do."""
    shutil.copytree(two_currencies.folder, tmp_path / "company", symlinks=True)
    shop = Shop(tmp_path / "company")
    rates = shop.folder / "reference" / "fx_rates.csv"
    kept = [
        line
        for line in rates.read_text().splitlines(keepends=True)
        if not line.startswith(("USD,2025-02", "GBP,2025-03"))
    ]
    rates.write_text("".join(kept))
    before = hashes(shop.data / "versions")
    night = kizuna("night", "--company", shop.folder, "--as-of", AS_OF["two_currencies"])
    assert night.exit_code == 1, night.output
    assert "every_currency_has_a_rate" in night.output
    assert "currency USD, month_start 2025-02-01" in night.output
    assert "currency GBP, month_start 2025-03-01" in night.output
    assert hashes(shop.data / "versions") == before

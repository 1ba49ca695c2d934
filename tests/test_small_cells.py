"""Small cells: a reader of all that is published and of the rules tries to tell what is hidden."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from orchestration.dbt import manifest
from orchestration.publishing import PERSON_FREE
from tests.conftest import Shop
from tests.differences import raw_data, same
from tests.engagement_feeds import Engaged
from tests.made_up import given_for
from tests.purchase_figures import ATTRIBUTES, GROWTH, HIDDEN, MONTHS, Delivery, Row, month_after

DECISION = Path(__file__).parents[1] / "docs/decisions/0003-what-the-definitions-leave-open.md"
AS_OF = date(2025, 8, 20)
LEAST = {"persons": 5, "employees": 10}
FIGURES = ("numerator", "denominator", "n", "persons")
CELL = ("kpi", "grain", "period_start", "segment_dimension", "segment_value")
STAGE = ("grain", "period_start", "segment_dimension", "segment_value", "stage_number")
MOVES = ("person_count", "entered_count", "moved_on_count", "fell_back_count")
OF_NO_PERSON = {
    *("cac", "ltv_cac_ratio", "cac_payback_months", "review_rating", "ugc_created"),
    *("new_visitors", "sessions", "bounce_rate", "session_dwell_seconds", "pages_per_session"),
    *("document_download_rate", "conversion_rate", "cart_abandonment_rate"),
    "checkout_completion_rate",
}
# Figures of one base: what one of them hides, no other may show.
OF_ONE_BASE = [
    ("nps", "promoter_rate", "passive_rate", "detractor_rate"),
    ("csat", "csat_mean"),
    ("churn_rate", "retention_rate", "gross_revenue_retention", "net_revenue_retention"),
    ("active_subscribers", "monthly_recurring_revenue"),
    ("net_revenue", "gross_profit"),
    ("repeat_rate", "returning_customer_rate", "revenue_per_customer", GROWTH),
    ("new_customers", "new_customer_repeat_rate"),
    ("active_customers", "referrer_rate"),
    ("email_open_rate", "email_open_rate_raw"),
    ("app_users", "app_launches_per_user_week", "feature_usage_rate"),
    ("support_tickets", "resolved_rate"),
]
# What a reader can tell all the same: docs/decisions/0003 says of each why it stands.
KNOWN_WAYS = {
    "alone in its cut",
    "one person in each hidden cell",
    "the quarter less its other months",
    "customers at the end less those at the start",
    "promoters and detractors of the rates",
    "net revenue beside revenue per customer",
    "persons in a stage less those who were in it",
}

Key = tuple[str, str, date, str, str]
Cut = tuple[str, str, date, str]


class Crowd(Engaged):
    """Some more than a year, so that the cells of it are small and large; and staff and tickets."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.first = self.as_of - timedelta(days=400)

    def moment(self, first: date | None = None, days: int = 430) -> Any:
        return super().moment(first, min(days, 430))

    def contract(self, number: int) -> Row:
        return {
            **super().contract(number),
            "plan": self.pick("basic", "plus", None),
            "cancel_reason": self.pick("price", "price", "taste", None),
        }

    def all_feeds(self) -> list[Delivery]:
        super().all_feeds()
        tickets = [
            {
                "ticket_id": f"T{i}",
                "customer_id": self.who(),
                "opened_at": self.moment(),
                "resolved_at": self.pick(None, self.moment()),
                "category": self.pick(None, "bill", "bill", "bill", "bug", "bug", "other"),
                "is_satisfied": self.pick(None, True, False),
            }
            for i in range(400)
        ]
        self.deliver("support_tickets", "help", tickets)
        staff = [
            {
                "response_id": f"E{i}",
                "survey_id": "EMP",
                "department": self.pick(*["sales"] * 5, "it", "it", "hr", None),
                "is_complete": True,
                "responded_at": self.moment(),
            }
            for i in range(500)
        ]
        self.deliver("responses", "survey", staff, late=3)
        votes = [
            {
                "response_id": row["response_id"],
                "question_code": "nps",
                "numeric_value": Decimal(self.below(11)),
            }
            for row in staff
        ]
        self.deliver("answers", "survey", votes, late=3)
        self.leave_and_climb()
        return self.deliveries

    def leave_and_climb(self) -> None:
        """In two months many end a contract and change their tier, for some reasons only few."""
        contracts, before, after = [], [], []
        for i in range(80):
            at = datetime(2025, self.pick(4, 6), 3 + self.below(20))
            person = {"customer_id": f"L{i}"}
            contracts.append(
                {
                    **self.contract(i),
                    **person,
                    "subscription_id": f"L{i}",
                    "plan": self.pick("basic", "basic", "basic", "plus"),
                    "cancel_reason": self.pick(*["price"] * 8, "taste", "taste", "moved"),
                    "started_at": datetime(2025, 1, 9),
                    "ended_at": at,
                }
            )
            tier = self.pick("silver", "silver", "silver", "gold")
            before.append({**person, "membership_tier": tier, "updated_at": datetime(2024, 9, 1)})
            tier = self.pick(*["platinum"] * 6, "bronze")
            after.append({**person, "membership_tier": tier, "updated_at": at})
        self.deliver("subscriptions", "crm", contracts)
        self.deliver("customers", "crm", before)
        self.deliver("customers", "crm", after, late=1)


def rows_of(connection: duckdb.DuckDBPyConnection, query: str) -> list[Row]:
    found = connection.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@dataclass
class LongTable:
    """The published figures by cell, and by cut: the whole beside the cells of it."""

    cells: dict[Key, Row]
    cuts: dict[Cut, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        for (*cut, value), row in self.cells.items():
            if row["segment_dimension"] != "overall":
                self.cuts[tuple(cut)][value] = row

    def whole(self, cut: Cut) -> Row:
        return self.cells[(*cut[:3], "overall", "all")]

    def shown(self, kpi: str, of: Key, figure: str = "numerator") -> float | None:
        """A figure of another KPI in the same cell, where it is shown."""
        return self.cells.get((kpi, *of[1:]), {}).get(figure)


def long_table(connection: duckdb.DuckDBPyConnection) -> LongTable:
    found = rows_of(connection, "from marts.kpi_values")
    return LongTable({tuple(row[name] for name in CELL): row for row in found})


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Of the last published night it says that all was shown, and otherwise than it is now."""
    given = given_for({"seed": 1, "as_of": AS_OF}, Crowd)
    raw = raw_data(given, tmp_path_factory.mktemp("cells"))
    schema = raw.published["published_values"].schema
    raw.published["published_values"] = pa.Table.from_pylist(list(shown_before()), schema)
    marts = "+kpi_restatements +journey_stages +churn_reasons +tier_migrations"
    path = raw.build(AS_OF, marts, given.id_systems)
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


def shown_before() -> Iterator[Row]:
    cuts = {"gender": ("f", "m", "unknown"), "membership_tier": ("gold", "silver", "unknown")}
    cuts |= {"prefecture": ("Tokyo", "Osaka", "Kyoto", "Nara", "unknown")}
    months = [month_after(AS_OF.replace(day=1), -i) for i in range(1, 13)]
    flags = {"is_complete": True, "is_mature": True, "as_of_date": AS_OF}
    for kpi, month, (dimension, values) in product(codes(), months, cuts.items()):
        for value in values:
            cell = dict(zip(CELL, (kpi, "month", month, dimension, value), strict=True))
            yield {**cell, "value": 1234.5, "n": 77, **flags}


def codes() -> list[str]:
    nodes = manifest()["nodes"].values()
    return [kpi["code"] for node in nodes for kpi in node["config"].get("meta", {}).get("kpis", [])]


@pytest.fixture(scope="module")
def published(warehouse) -> LongTable:
    return long_table(warehouse)


@pytest.fixture(scope="module")
def truth(warehouse) -> dict[Key, Row]:
    """What was measured, before anything is hidden."""
    found = rows_of(warehouse, "from intermediate.int_kpis_measured")
    measured = {tuple(row[name] for name in CELL): row for row in found}
    grown = {
        (GROWTH, *key[1:]): row for key, row in measured.items() if key[0] == "revenue_per_customer"
    }
    return measured | grown


# ---- the rule


def hidden_by_rule(persons: Mapping[str, int], least: int) -> set[str]:
    """The fewer than so many, and where that is one, the next smallest."""
    order = sorted(persons, key=lambda value: (persons[value], value))
    small = [value for value in order if persons[value] < least]
    return set(order[:2] if len(small) == 1 else small)


def about_of(kpi: str) -> str | None:
    if kpi in OF_NO_PERSON or kpi.startswith(("sns_", "seo_", "ad_")):
        return None
    return "employees" if kpi == "enps" else "persons"


def test_a_cell_is_hidden_exactly_where_the_rule_says(published, truth):
    seen: dict[str | None, list[int]] = defaultdict(lambda: [0, 0])
    for cut, cells in published.cuts.items():
        about = about_of(cut[0])
        persons = {value: truth[(*cut, value)]["persons"] or 0 for value in cells}
        expected = hidden_by_rule(persons, LEAST[about]) if about else set()
        assert {value for value, row in cells.items() if row["is_suppressed"]} == expected, cut
        seen[about][0] += len(expected)
        seen[about][1] += len(cells) - len(expected)
    assert not any(
        row["is_suppressed"] for key, row in published.cells.items() if key[3] == "overall"
    )
    assert seen[None][0] == 0 and min(seen["persons"]) > 3000 and min(seen["employees"]) > 10, seen


def test_of_a_hidden_cell_nothing_is_said(published):
    for key, row in published.cells.items():
        if row["is_suppressed"]:
            assert {name: row[name] for name in HIDDEN if row[name] is not None} == {}, key
        elif key[3] != "overall":
            assert row["n"] > 0, key


# ---- what subtraction tells


def rest(whole: float | None, cells: Mapping[str, float | None]) -> tuple[str, float | None] | None:
    """The hidden one of a cut and what it must be, if it is the only one that is hidden."""
    hidden = [value for value, figure in cells.items() if figure is None]
    if len(hidden) != 1:
        return None
    return hidden[0], whole and whole - sum(x for x in cells.values() if x is not None)


def told(published: LongTable) -> Iterator[tuple[Key, str, float | None]]:
    """Each figure of each hidden cell that the whole less the shown cells of its cut gives."""
    for cut, cells in published.cuts.items():
        for figure in FIGURES:
            by_value = {
                value: None if row["is_suppressed"] else row[figure] or 0
                for value, row in cells.items()
            }
            found = rest(published.whole(cut)[figure], by_value)
            if found:
                yield (*cut, found[0]), figure, found[1]


def test_no_hidden_figure_is_the_whole_less_what_is_shown(published, truth):
    alone = 0
    for key, figure, value in told(published):
        assert len(published.cuts[key[:4]]) == 1, (key, figure, value)  # then it is the whole
        alone += same(value, truth[key][figure])
    assert alone > 100


def test_no_hidden_cell_of_another_mart_is_what_the_others_leave(warehouse):
    cuts: dict[tuple, dict[str, float | None]] = defaultdict(dict)
    for row in rows_of(warehouse, "from marts.journey_stages where segment_dimension <> 'overall'"):
        for figure in MOVES:
            of = (row["grain"], row["period_start"], row["segment_dimension"], row["stage"], figure)
            cuts[of][row["segment_value"]] = row[figure]
    for row in rows_of(warehouse, "from marts.churn_reasons"):
        for figure in ("churned_count", "recurring_amount"):
            cut = cuts["churn_reasons", row["period_start"], figure]
            cut[row["plan"], row["cancel_reason"]] = row[figure]
            assert row["is_suppressed"] == (row[figure] is None)
    for row in rows_of(warehouse, "from marts.tier_migrations"):
        cut = cuts["tier_migrations", row["period_start"]]
        cut[row["from_tier"], row["to_tier"]] = row["person_count"]
    several = {of: cells for of, cells in cuts.items() if len(cells) > 1}
    assert not [of for of, cells in several.items() if rest(None, cells)]
    for mart in ("month", "churn_reasons", "tier_migrations"):  # some of each shown, some hidden
        own = [cells.values() for of, cells in several.items() if of[0] == mart]
        assert any(None in cells and any(cells) for cells in own), mart


def test_a_stage_and_its_moves_are_hidden_by_the_rule(warehouse):
    names = dict(zip(MOVES, ("persons", "entered", "moved_on", "fell_back"), strict=True))
    cell = ("grain", "period_start", "segment_dimension", "stage_number", "segment_value")
    counted = {
        tuple(row[name] for name in cell): row
        for row in rows_of(warehouse, "from intermediate.int_stages_measured")
    }
    cuts: dict[tuple, dict[str, Row]] = defaultdict(dict)
    for row in rows_of(warehouse, "from marts.journey_stages where segment_dimension <> 'overall'"):
        cuts[tuple(row[name] for name in cell[:4])][row["segment_value"]] = row
    for cut, cells in cuts.items():
        for figure, name in names.items():
            persons = {value: counted[(*cut, value)][name] for value in cells}
            hidden = {value for value, row in cells.items() if row[figure] is None}
            assert hidden == hidden_by_rule(persons, LEAST["persons"]), (cut, figure)
        for row in cells.values():
            assert row["is_suppressed"] == any(row[figure] is None for figure in MOVES)
            assert row["median_days"] is None or row["person_count"] is not None


# ---- what repeats a hidden cell


def test_no_later_period_says_what_is_hidden_in_an_earlier_one(published):
    tried = 0
    for key, row in published.cells.items():
        before, ago = neighbours(key)
        for name, other in (("previous_value", before), ("year_ago_value", ago)):
            if published.cells.get(other, {}).get("is_suppressed"):
                assert row[name] is None, (key, name)
                tried += 1
        ago = published.cells.get(("revenue_per_customer", *ago[1:]), {})
        if key[0] == GROWTH and ago.get("is_suppressed"):
            assert row["value"] is None, key
    assert tried > 1000


def neighbours(key: Key) -> tuple[Key, Key]:
    kpi, grain, start, *cut = key
    if grain in MONTHS:
        before, ago = month_after(start, -MONTHS[grain]), month_after(start, -12)
    else:
        days = 7 if grain == "week" else 1
        before = start - timedelta(days=days)
        ago = start - timedelta(weeks=52) if grain == "week" else start - timedelta(days=365)
    return (kpi, grain, before, *cut), (kpi, grain, ago, *cut)


def test_a_restatement_does_not_say_what_a_cell_was_that_is_hidden_now(warehouse, published):
    restated = rows_of(warehouse, "from marts.kpi_restatements")
    now = {cell: row["is_suppressed"] for cell, row in published.cells.items()}
    hidden = [row for row in restated if now.get(cell_of(row))]
    gone = [row for row in restated if cell_of(row) not in now]
    assert gone and not [row for row in gone if row["new_value"] is not None]
    figures = ("old_value", "new_value", "difference", "old_n", "new_n")
    assert not [row for row in hidden if any(row[name] is not None for name in figures)]
    assert len(hidden) > 1000
    assert any(row["old_value"] is not None for row in restated if row["segment_value"] != "all")


def cell_of(row: Row) -> Key:
    return tuple(row[name] for name in CELL)


def test_figures_of_one_base_are_hidden_together(published):
    for codes in OF_ONE_BASE:
        cells: dict[tuple, set[bool]] = defaultdict(set)
        for key, row in published.cells.items():
            if key[0] in codes:
                cells[key[1:]].add(row["is_suppressed"])
        assert {True} in cells.values() and {False} in cells.values()
        assert not [key for key, states in cells.items() if len(states) > 1], codes


# ---- what can be told all the same


def test_what_can_be_told_all_the_same_is_known(warehouse, published, truth):
    found: dict[str, int] = defaultdict(int)
    for key, row in published.cells.items():
        if row["is_suppressed"] and key[0] != GROWTH:
            for way, figure, value in guesses(published, key):
                found[way] += value is not None and same(float(value), truth[key][figure])
    counted = rows_of(warehouse, "from intermediate.int_stages_measured")
    moved = {tuple(row[name] for name in STAGE): row["moved_on"] for row in counted}
    for key, value in moves_told(rows_of(warehouse, "from marts.journey_stages")):
        found["persons in a stage less those who were in it"] += value == moved[key]
    assert {way for way, times in found.items() if times} == KNOWN_WAYS, dict(found)


def test_the_decision_says_of_every_known_way_why_it_stands():
    text = " ".join(DECISION.read_text(encoding="utf-8").split()).lower()
    assert not [way for way in KNOWN_WAYS if f"**{way}" not in text]


def guesses(published: LongTable, key: Key) -> Iterator[tuple[str, str, float | None]]:
    """What a reader would say of a figure of a hidden cell, and by which way."""
    kpi, grain, _, dimension, value = key
    cells, whole = published.cuts[key[:4]], published.whole(key[:4])
    hidden = [row for row in cells.values() if row["is_suppressed"]]
    if len(cells) == 1:
        for figure in FIGURES:
            yield "alone in its cut", figure, whole[figure]
    elif dimension in ATTRIBUTES:
        left = whole["persons"] - sum(row["persons"] or 0 for row in cells.values())
        if left == len(hidden):
            yield "one person in each hidden cell", "persons", 1
    if grain == "month":
        yield "the quarter less its other months", "numerator", other_months(published, key)
    if kpi == "reactivated_customers" and grain != "year":
        at_start = published.shown("lapse_rate", key, "denominator")
        parts = [at_start, published.shown("active_customers", key)]
        parts += [published.shown("lapse_rate", key), published.shown("new_customers", key)]
        if None not in parts:
            start, end, lapsed, new = parts
            way = "customers at the end less those at the start"
            yield way, "numerator", end - (start - lapsed) - new
    if kpi == "nps_repeat_gap":
        rates = [published.shown(f"{side}_rate", key) for side in ("promoter", "detractor")]
        if None not in rates:
            yield "promoters and detractors of the rates", "n", sum(rates)
    if kpi == "revenue_per_customer" and dimension in ATTRIBUTES and len(cells) > 1:
        known = {
            other: row["numerator"]
            if not row["is_suppressed"]
            else published.shown("net_revenue", (*key[:4], other))
            for other, row in cells.items()
        }
        way = "net revenue beside revenue per customer"
        yield way, "numerator", known[value]
        found = rest(whole["numerator"], known)
        if found and found[0] == value:
            yield way, "numerator", found[1]


def other_months(published: LongTable, key: Key) -> float | None:
    kpi, _, start, *cut = key
    first = date(start.year, (start.month - 1) // 3 * 3 + 1, 1)
    whole = published.shown(kpi, (kpi, "quarter", first, *cut))
    months = [(kpi, "month", month_after(first, i), *cut) for i in range(3)]
    others = [published.cells[m] for m in months if m != key and m in published.cells]
    if whole is None or any(row["is_suppressed"] for row in others):
        return None
    return whole - sum(row["numerator"] or 0 for row in others)


def moves_told(stages: list[Row]) -> Iterator[tuple[tuple, int]]:
    """Who moved on is who was in the stage and who entered, less who is in it and who fell back."""
    by_cell = {tuple(row[name] for name in STAGE): row for row in stages}
    for key, row in by_cell.items():
        before = by_cell.get((*key[:1], month_after(key[1], -MONTHS[key[0]]), *key[2:]))
        if before and row["moved_on_count"] is None:
            parts = [before["person_count"], row["entered_count"]]
            parts += [row["person_count"], row["fell_back_count"]]
            if None not in parts:
                was, entered, stays, back = parts
                yield key, was + entered - stays - back


# ---- the file for readers who may see no person


def test_the_file_without_persons_holds_no_hidden_figure(night: Shop):
    path = night.published.with_name(PERSON_FREE).resolve()
    with duckdb.connect(str(path), read_only=True) as connection:
        published = long_table(connection)
        report = rows_of(connection, "from marts.kpi_report")
        restated = rows_of(connection, "from marts.kpi_restatements")
        names = {
            name
            for (name,) in connection.sql("select column_name from duckdb_columns()").fetchall()
        }
    assert not names & {"person_key", "customer_id", "email", "source_id"}
    hidden = {key for key, row in published.cells.items() if row["is_suppressed"]}
    assert len(hidden) > 1000
    test_of_a_hidden_cell_nothing_is_said(published)
    test_no_later_period_says_what_is_hidden_in_an_earlier_one(published)
    assert not [key for key, _, _ in told(published) if len(published.cuts[key[:4]]) > 1]
    for row in report + restated:
        if cell_of(row) in hidden:
            assert all(
                row.get(name) is None for name in (*HIDDEN, "old_value", "new_value", "old_n")
            )

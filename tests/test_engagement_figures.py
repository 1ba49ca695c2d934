"""Messages, community, stages and all that is said of persons against figures computed apart."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.care_feeds import Cared
from tests.customer_figures import COMPONENTS, Customers
from tests.differences import build, differences, mart_differences, published_figures, summary
from tests.habit_figures import Habits
from tests.health_figures import Health
from tests.journey_figures import Engagement, advocacy_kpis
from tests.long_table import figures, first_day
from tests.made_up import given_for
from tests.message_figures import message_kpis
from tests.purchase_figures import ONE_DAY, facts_of
from tests.stage_figures import COUNTS, Journeys, tier_migrations

CELL = ("grain", "period_start", "segment_dimension", "segment_value")
CASES: dict[str, dict[str, Any]] = {
    "tokyo": {"seed": 1, "as_of": date(2025, 8, 20)},
    "new_york_with_two_shops": {
        "seed": 2,
        "as_of": date(2025, 3, 31),
        "shops": ["shop", "pos"],
        "business_timezone": "America/New_York",
        "reporting_currency": "USD",
        "fiscal_year_start": 4,
        "history_complete_from": date(2024, 2, 10),
        "min_cell_size": 3,
    },
}
SWEEP = {
    f"seed_{seed}": {
        "seed": seed,
        "as_of": date(2025, 1, 1) + timedelta(days=(seed * 37) % 365),
        "shops": ["shop", "pos"][: 1 + seed % 2],
        "business_timezone": ("Asia/Tokyo", "America/New_York", "Europe/London")[seed % 3],
        "fiscal_year_start": 1 + seed % 12,
        "history_complete_from": (None, date(2024, 3, 1))[seed // 2 % 2],
        "min_cell_size": 2 + seed % 5,
    }
    for seed in range(10, 22)
}


@pytest.fixture(scope="module")
def case(request, tmp_path_factory):
    given = given_for(request.param, Cared)
    select = "+kpi_values +customers +journey_stages +tier_migrations"
    with build(given, tmp_path_factory.mktemp("engagement"), select) as warehouse:
        yield given, Engagement(facts_of(given)), warehouse


def _cases(cases: dict[str, dict], *marks: pytest.MarkDecorator) -> list:
    return [pytest.param(value, id=name, marks=marks) for name, value in cases.items()]


every_case = pytest.mark.parametrize(
    "case", _cases(CASES) + _cases(SWEEP, pytest.mark.sweep), indirect=True
)


@every_case
def test_every_figure_is_that_computed_apart(case):
    given, engagement, warehouse = case
    facts = engagement.facts
    kpis = message_kpis(facts) | advocacy_kpis(engagement)
    expected = {key: vars(figure) for key, figure in figures(given, facts, kpis).items()}
    told = differences(published_figures(warehouse, kpis), expected)
    assert not told, f"{len(told)} of {len(expected)} figures differ\n{summary(told)}"


@every_case
def test_every_person_is_scored_as_computed_apart(case):
    given, engagement, warehouse = case
    customers = Customers(engagement.facts, engagement, COMPONENTS)
    counts = [f"behaviour_{name}_count" for name in COMPONENTS]
    columns = [
        *("r_score", "f_score", "m_score", *counts, "behaviour_score", "consciousness_score"),
        *("engagement_quadrant", "lifecycle_phase", "journey_stage", "price_sensitivity_share"),
    ]
    expected = {}
    for person in Journeys(engagement).shown:
        rfm = customers.rfm(person) or (None, None, None)
        done = customers.counts(person)
        values = [
            *(*rfm, *(done[name] for name in COMPONENTS), customers.behaviour(person)),
            *(customers.consciousness(person), customers.quadrant(person)),
            *(customers.phase(person), engagement.stage(person, given.as_of + ONE_DAY)),
            customers.discounted_share(person),
        ]
        expected[person,] = dict(zip(columns, values, strict=True))
    told = mart_differences(warehouse, "customers", ["person_key"], expected)
    assert len(expected) > 100
    assert not told, f"{len(told)} of {len(expected)} persons differ\n{summary(told)}"


@every_case
def test_the_health_of_every_person_is_that_computed_apart(case):
    _, engagement, warehouse = case
    health = Health(engagement.facts, engagement)
    expected = {(person,): health.row(person) for person in Journeys(engagement).shown}
    told = mart_differences(warehouse, "customers", ["person_key"], expected)
    assert not told, f"{len(told)} of {len(expected)} persons differ\n{summary(told)}"
    for name in health.components:
        assert different(expected, f"health_{name}_score") > 3, name
    assert different(expected, "health_band") == 4


@every_case
def test_clock_contacts_and_tier_of_every_person_are_those_computed_apart(case):
    _, engagement, warehouse = case
    facts = engagement.facts
    customers = Customers(facts, engagement, COMPONENTS)
    habits = Habits(facts, customers, Health(facts, engagement))
    expected = {(person,): habits.row(person) for person in Journeys(engagement).shown}
    told = mart_differences(warehouse, "customers", ["person_key"], expected)
    assert not told, f"{len(told)} of {len(expected)} persons differ\n{summary(told)}"
    assert all(different(expected, name) > 1 for name in next(iter(expected.values())))


@every_case
def test_every_cell_of_the_journey_is_that_computed_apart(case):
    _, engagement, warehouse = case
    expected = Journeys(engagement).stages()
    told = mart_differences(warehouse, "journey_stages", [*CELL, "stage"], expected)
    assert not told, f"{len(told)} of {len(expected)} cells differ\n{summary(told)}"
    in_cuts = {key: row for key, row in expected.items() if key[2] != "overall"}
    assert all(different(in_cuts, name) > 5 for name in COUNTS)


@every_case
def test_every_move_between_tiers_is_that_computed_apart(case):
    given, engagement, warehouse = case
    expected = tier_migrations(engagement.facts, first_day(given))
    keys = ["period_start", "from_tier", "to_tier"]
    told = mart_differences(warehouse, "tier_migrations", keys, expected)
    assert not told, f"{len(told)} of {len(expected)} moves differ\n{summary(told)}"
    assert {row["is_suppressed"] for row in expected.values()} == {True, False}


def different(rows: dict[tuple, dict[str, Any]], name: str) -> int:
    """How many values a column has: what is the same everywhere is compared with little."""
    return len({row[name] for row in rows.values()})

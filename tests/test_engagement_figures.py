"""Messages, community, stages and the scores of persons against figures computed apart."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.customer_figures import COMPONENTS, Customers
from tests.differences import build, differences, published_figures, summary
from tests.engagement_feeds import Engaged
from tests.journey_figures import Engagement, advocacy_kpis
from tests.long_table import figures
from tests.made_up import given_for
from tests.message_figures import message_kpis
from tests.purchase_figures import ONE_DAY, facts_of

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
    given = given_for(request.param, Engaged)
    select = "+kpi_values +customers +journey_stages"
    with build(given, tmp_path_factory.mktemp("engagement"), select) as warehouse:
        yield given, facts_of(given), warehouse


def _cases(cases: dict[str, dict], *marks: pytest.MarkDecorator) -> list:
    return [pytest.param(value, id=name, marks=marks) for name, value in cases.items()]


every_case = pytest.mark.parametrize(
    "case", _cases(CASES) + _cases(SWEEP, pytest.mark.sweep), indirect=True
)


@every_case
def test_every_figure_is_that_computed_apart(case):
    given, facts, warehouse = case
    kpis = message_kpis(facts) | advocacy_kpis(Engagement(facts))
    expected = {key: vars(figure) for key, figure in figures(given, facts, kpis).items()}
    found = published_figures(warehouse, kpis)
    told = differences(found, expected)
    assert not told, f"{len(told)} of {len(expected)} figures differ\n{summary(told)}"


@every_case
def test_every_person_is_scored_as_computed_apart(case):
    given, facts, warehouse = case
    engagement = Engagement(facts)
    customers = Customers(facts, engagement, COMPONENTS)
    counts = [f"behaviour_{name}_count" for name in COMPONENTS]
    columns = [
        *("r_score", "f_score", "m_score", *counts, "behaviour_score", "consciousness_score"),
        *("engagement_quadrant", "lifecycle_phase", "journey_stage", "price_sensitivity_share"),
    ]
    rows = warehouse.execute(f"select person_key, {', '.join(columns)} from marts.customers")
    found = {row[0]: dict(zip(columns, row[1:], strict=True)) for row in rows.fetchall()}
    expected = {}
    for person in found:
        rfm = customers.rfm(person) or (None, None, None)
        done = customers.counts(person)
        values = [
            *(*rfm, *(done[name] for name in COMPONENTS), customers.behaviour(person)),
            *(customers.consciousness(person), customers.quadrant(person)),
            *(customers.phase(person), engagement.stage(person, given.as_of + ONE_DAY)),
            customers.discounted_share(person),
        ]
        expected[person,] = dict(zip(columns, values, strict=True))
    told = differences({(person,): row for person, row in found.items()}, expected)
    assert len(found) > 100
    assert not told, f"{len(told)} of {len(expected)} persons differ\n{summary(told)}"

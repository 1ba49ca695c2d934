"""Purchases, staying and lifetime value: the long table against figures computed apart."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.differences import build, differences, published_figures, summary
from tests.made_up import MadeUp, given_for
from tests.purchase_figures import (
    GROWTH,
    RESTS_ON,
    Given,
    cohorts,
    customers,
    facts_of,
    kpi_figures,
)

KPIS = [
    "net_revenue",
    "gross_profit",
    "orders",
    "purchasing_customers",
    "new_customers",
    "average_order_value",
    "revenue_per_customer",
    GROWTH,
    "repeat_rate",
    "returning_customer_rate",
    "new_customer_repeat_rate",
    "first_repeat_rate",
    *RESTS_ON,
    "lapse_rate",
    "active_customers",
    "reactivated_customers",
    "ltv_historic",
    "ltv_simple",
    "ltv_discounted",
]

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
        "first_repeat_days": 45,
    },
    "without_contracts_and_refunds_on_a_leap_day": {
        "seed": 3,
        "as_of": date(2024, 2, 29),
        "without": ["subscriptions", "refunds"],
        "min_cell_size": 3,
        "inactivity_days": 60,
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
        "max_tenure_years": (10, 1.5)[seed % 2],
    }
    for seed in range(10, 22)
}


def first_day(given: Given) -> date:
    """The first business date with an event in any feed."""
    happened = {
        "campaigns": "started_at",
        "orders": "ordered_at",
        "refunds": "refunded_at",
        "subscriptions": "started_at",
    }
    instants = [row[at] for feed, at in happened.items() for row in given.rows(feed) if row[at]]
    return given.day_of(min(instants))


@pytest.fixture(scope="module")
def case(request, tmp_path_factory):
    given = given_for(request.param, MadeUp)
    folder = tmp_path_factory.mktemp("purchases")
    with build(given, folder, "+kpi_values +cohort_retention +customers") as warehouse:
        yield given, facts_of(given), warehouse


def _cases(cases: dict[str, dict], *marks: pytest.MarkDecorator) -> list:
    return [pytest.param(value, id=name, marks=marks) for name, value in cases.items()]


every_case = pytest.mark.parametrize(
    "case", _cases(CASES) + _cases(SWEEP, pytest.mark.sweep), indirect=True
)


@every_case
def test_every_figure_is_that_computed_apart(case):
    given, facts, warehouse = case
    found = published_figures(warehouse, KPIS)
    expected = {
        key: vars(figure) for key, figure in kpi_figures(given, facts, first_day(given)).items()
    }
    told = differences(found, expected)
    assert not told, f"{len(told)} of {len(expected)} figures differ\n{summary(told)}"


@every_case
def test_every_cohort_is_that_computed_apart(case):
    given, facts, warehouse = case
    names = list(next(iter(cohorts(given, facts).values())))
    rows = warehouse.execute(
        f"select cohort_month, months_since, {', '.join(names)} from marts.cohort_retention"
    ).fetchall()
    found = {tuple(row[:2]): dict(zip(names, row[2:], strict=True)) for row in rows}
    told = differences(found, cohorts(given, facts))
    assert not told, f"{len(told)} differ\n" + "\n".join(told[:20])


@every_case
def test_every_customer_is_as_computed_apart(case):
    given, facts, warehouse = case
    expected = customers(given, facts)
    names = list(next(iter(expected.values())))
    rows = warehouse.execute(f"select person_key, {', '.join(names)} from marts.customers")
    found = {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows.fetchall()}
    assert found.keys() >= expected.keys()
    told = differences({person: found[person] for person in expected}, expected)
    assert not told, f"{len(told)} differ\n" + "\n".join(told[:20])
    assert all(found[other]["is_lead"] for other in found.keys() - expected.keys())

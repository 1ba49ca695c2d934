"""What is bought, renewed, answered and paid: the long table against figures computed apart."""

from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import given as whatever
from hypothesis import strategies as st

from tests import (
    acquisition_figures,
    contract_figures,
    first_use_figures,
    item_figures,
    vote_figures,
)
from tests.differences import build, differences, mart_differences, published_figures, summary
from tests.figure_cells import Cells, long_table
from tests.made_up import given_for
from tests.made_up_lives import MadeUpLives
from tests.purchase_figures import Figure, Given, Key, facts_of, lifetime_values

KPIS = (
    item_figures.KPIS
    | first_use_figures.KPIS
    | contract_figures.KPIS
    | acquisition_figures.KPIS
    | vote_figures.KPIS
)
CASES: dict[str, dict[str, Any]] = {
    "tokyo": {"seed": 1, "as_of": date(2025, 8, 20)},
    "new_york_with_two_shops": {
        "seed": 2,
        "as_of": date(2025, 6, 30),
        "shops": ["shop", "pos"],
        "business_timezone": "America/New_York",
        "reporting_currency": "USD",
        "fiscal_year_start": 4,
        "history_complete_from": date(2024, 3, 10),
        "min_cell_size": 3,
    },
}
WHATEVER = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "as_of": st.dates(date(2024, 1, 1), date(2025, 12, 31)),
        "shops": st.sampled_from([["shop"], ["shop", "pos"]]),
        "business_timezone": st.sampled_from(["Asia/Tokyo", "America/New_York", "Europe/London"]),
        "reporting_currency": st.sampled_from(["JPY", "USD"]),
        "fiscal_year_start": st.integers(1, 12),
        "history_complete_from": st.none() | st.dates(date(2022, 6, 1), date(2025, 6, 1)),
        "min_cell_size": st.integers(1, 7),
        "inactivity_days": st.sampled_from([60, 180]),
        "without": st.lists(
            st.sampled_from(["subscription_changes", "web_events", "ads_daily", "refunds"]),
            max_size=1,
        ),
    }
)
EVENTS = {
    "campaigns": "started_at",
    "orders": "ordered_at",
    "refunds": "refunded_at",
    "subscriptions": "started_at",
    "subscription_changes": "effective_at",
    "invitations": "sent_at",
    "responses": "responded_at",
    "web_events": "occurred_at",
}


def first_day(given: Given) -> date:
    """The first business date with an event in any feed."""
    instants = [row[at] for feed, at in EVENTS.items() for row in given.rows(feed) if row[at]]
    days = [row["date"] for row in given.rows("ads_daily")]
    return min([given.day_of(min(instants)), *days])


def expected_figures(given: Given) -> dict[Key, Figure]:
    facts = facts_of(given)
    bought = item_figures.Bought(facts)
    created = first_use_figures.created_persons(facts)
    subscriptions = contract_figures.subscriptions_of(facts)
    terms = contract_figures.terms_of(facts, subscriptions)
    costs, values = acquisition_figures.costs_of(facts), lifetime_values(facts)
    votes = vote_figures.Votes(facts)

    def cells(grain: str, start: date, end: date) -> Cells:
        period = grain, start, end
        return [
            *item_figures.item_cells(bought, *period),
            *first_use_figures.first_use_cells(facts, created, *period),
            *contract_figures.contract_cells(facts, subscriptions, terms, *period),
            *acquisition_figures.acquisition_cells(facts, costs, values, *period),
            *vote_figures.vote_cells(votes, *period),
        ]

    return long_table(given, first_day(given), KPIS, cells)


def told_apart(given: Given, folder: Path) -> list[str]:
    """In words, all that a warehouse of these deliveries says otherwise than expected."""
    with build(given, folder, "+kpi_values +subscriptions +churn_reasons") as warehouse:
        expected = {key: vars(figure) for key, figure in expected_figures(given).items()}
        told = differences(published_figures(warehouse, KPIS), expected)
        for mart, (keys, rows) in expected_marts(given).items():
            told += [f"{mart}, {line}" for line in mart_differences(warehouse, mart, keys, rows)]
    return told


def expected_marts(given: Given) -> dict[str, tuple[list[str], dict]]:
    """What is said of contracts, with the columns that tell its rows apart."""
    facts, begun = facts_of(given), first_day(given)
    contracts = contract_figures.subscriptions_of(facts)
    return {
        "subscriptions": (
            ["subscription_key", "period_start"],
            contract_figures.contract_months(facts, contracts, begun),
        ),
        "churn_reasons": (
            ["period_start", "plan", "cancel_reason"],
            contract_figures.churn_reasons(facts, contracts, begun),
        ),
    }


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_figure_is_that_computed_apart(case, tmp_path):
    told = told_apart(given_for(case, MadeUpLives), tmp_path)
    assert not told, f"{len(told)} figures differ\n{summary(told)}"


@pytest.mark.sweep
@settings(
    max_examples=12, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
)
@whatever(case=WHATEVER)
def test_every_figure_of_whatever_company_is_that_computed_apart(case, tmp_path_factory):
    told = told_apart(given_for(case, MadeUpLives), tmp_path_factory.mktemp("lives"))
    assert not told, f"{len(told)} figures differ\n{summary(told)}"


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_figure_is_shown_and_hidden_somewhere(case):
    """What is nowhere known or nowhere hidden would be compared with nothing."""
    shown, hidden = defaultdict(set), defaultdict(int)
    for (kpi, *_), figure in expected_figures(given_for(case, MadeUpLives)).items():
        shown[kpi].add(figure.value)
        hidden[kpi] += figure.is_suppressed
    assert min(len(shown[kpi]) for kpi in KPIS) > 10, shown
    assert all(hidden[code] > 50 for code, kpi in KPIS.items() if kpi.is_of_persons)
    _, reasons = expected_marts(given_for(case, MadeUpLives))["churn_reasons"]
    assert {row["is_suppressed"] for row in reasons.values()} == {True, False}

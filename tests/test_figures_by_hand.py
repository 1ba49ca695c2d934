"""The figures computed apart from the SQL, on a handful of rows that are worked out by hand."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests import contract_figures, item_figures, vote_figures
from tests.acquisition_figures import acquisition_cells, costs_of
from tests.first_use_figures import created_persons, first_use_figures
from tests.purchase_figures import Delivery, Facts, Figure, Given, Row, facts_of

TOKYO = timedelta(hours=9)
MARCH, APRIL, MAY = date(2025, 3, 1), date(2025, 4, 1), date(2025, 5, 1)


def at(text: str) -> datetime:
    """An instant in UTC of a Japanese time."""
    return datetime.fromisoformat(text) - TOKYO


def facts(as_of: str, **feeds: list[Row]) -> Facts:
    deliveries = [Delivery(feed, "s", rows, datetime(2026, 1, 1)) for feed, rows in feeds.items()]
    margins = {"default": Decimal("0.5")}
    rates = {("USD", "2025-04"): Decimal(100), ("USD", "2025-05"): Decimal(200)}
    return facts_of(Given(deliveries, date.fromisoformat(as_of), {}, rates, margins))


def order(name: str, person: str | None, when: str, **columns: Any) -> Row:
    row = {"order_id": name, "customer_id": person, "ordered_at": at(when), "status": "paid"}
    return {**row, "currency": "JPY", "subtotal": Decimal(100), **columns}


def line(of: str, product: str, quantity: int, total: str) -> Row:
    row = {"order_item_id": f"{of}{product}", "order_id": of, "product_id": product}
    return {**row, "quantity": quantity, "line_total": Decimal(total)}


def overall(cells: list) -> dict[str, Figure]:
    return {
        kpi: figure
        for dimension, _, figures in cells
        if dimension == "overall"
        for kpi, figure in figures.items()
    }


def test_who_tried_another_category_and_a_higher_grade():
    """Ann knows tea 1 and takes tea 2 and cups; Bob repeats; a line of 0 and Cas are nobody."""
    products = [
        {"product_id": "tea1", "category": "tea", "product_family": "leaf", "grade": 1},
        {"product_id": "tea2", "category": "tea", "product_family": "leaf", "grade": 2},
        {"product_id": "cup", "category": None},
        {"product_id": "pot", "category": "pots"},
    ]
    bought = item_figures.Bought(
        facts(
            "2025-04-30",
            products=[{"name": "x", **row} for row in products],
            orders=[
                order("a1", "ann", "2025-03-31 23:59:59"),
                order("a2", "ann", "2025-04-01 00:00:00"),
                order("b1", "bob", "2025-03-01 00:00:00"),
                order("b2", "bob", "2025-04-02 00:00:00"),
                order("c1", "cas", "2025-04-03 00:00:00"),
                order("c2", "cas", "2025-04-04 00:00:00"),
            ],
            order_items=[
                line("a1", "tea1", 1, "10"),
                line("a2", "tea2", 1, "10"),
                line("a2", "cup", 1, "10"),
                line("b1", "tea2", 1, "10"),
                line("b2", "tea1", 1, "10"),
                line("b2", "pot", 0, "0"),
                line("c1", "tea1", 1, "10"),
                line("c2", "tea2", 1, "10"),
            ],
        )
    )
    found = overall(item_figures.item_cells(bought, "month", APRIL, MAY))
    for kpi in ("cross_sell_rate", "upgrade_rate"):
        assert (found[kpi].numerator, found[kpi].denominator) == (1, 2), kpi


def test_which_lines_are_at_the_list_price_and_above_the_reference():
    """3 × 0.1 is the list price to the last digit; before the first price there is none."""
    price = {"product_id": "p", "name": "p", "valid_from": at("2025-04-02 00:00:00")}
    bought = item_figures.Bought(
        facts(
            "2025-04-30",
            products=[{**price, "list_price": Decimal("0.1"), "reference_price": Decimal("0.1")}],
            orders=[order(f"o{day}", None, f"2025-04-0{day} 00:00:00") for day in range(1, 5)],
            order_items=[
                line("o1", "p", 1, "9"),
                line("o2", "p", 3, "0.3"),
                line("o3", "p", 3, "0.29"),
                line("o4", "p", 1, "0.11"),
            ],
        )
    )
    found = overall(item_figures.item_cells(bought, "month", APRIL, MAY))
    full, premium = found["full_price_share"], found["premium_share"]
    assert (full.numerator, full.denominator, full.n, full.persons) == (0.41, 0.7, 3, 0)
    assert (premium.numerator, premium.denominator) == (0.11, 0.7)


def test_who_had_something_of_it_within_thirty_days():
    """Ann on the thirtieth day, Bob on the thirty-first, Cas on the day itself, but earlier."""
    made = {"ann": "2025-04-01 12:00", "bob": "2025-04-01 12:00", "cas": "2025-04-05 12:00"}
    created = created_persons(
        facts(
            "2025-05-31",
            customers=[{"customer_id": name, "created_at": at(day)} for name, day in made.items()],
            orders=[
                order("a", "ann", "2025-05-01 23:59"),
                order("b", "bob", "2025-05-02 00:00"),
                order("c", "cas", "2025-04-05 00:00"),
            ],
        )
    )
    found = first_use_figures(created)
    assert (found["activation_rate"].numerator, found["activation_rate"].denominator) == (2, 3)
    assert found["days_to_first_value"].value == 15  # between 0 and 30


def test_which_terms_are_renewed():
    """Renewed on the thirtieth day; ended the day before it, or on it; an end after D is none."""
    term = {"customer_id": "ann", "amount": Decimal(1), "currency": "JPY"}
    term |= {"billing_period": "month", "started_at": at("2025-01-01"), "plan": None}
    ends = {"1": "2025-05-09 23:59", "2": "2025-05-10 00:00", "3": "2025-05-21 00:00"}
    of = facts(
        "2025-05-20",
        subscriptions=[
            {**term, "subscription_id": name, "term_ends_at": at("2025-04-10"), "ended_at": at(end)}
            for name, end in {**ends, "4": "2025-04-01 00:00", "5": "2025-04-01 00:00"}.items()
        ],
        subscription_changes=[
            {
                "change_id": name,
                "subscription_id": name,
                "change_type": "renewed",
                "effective_at": at(when),
                "term_ends_at": at("2025-04-10"),
            }
            for name, when in {"4": "2025-05-10 23:59", "5": "2025-05-11 00:00"}.items()
        ],
    )
    subscriptions = contract_figures.subscriptions_of(of)
    terms = contract_figures.terms_of(of, subscriptions)
    cells = contract_figures.contract_cells(of, subscriptions, terms, "month", APRIL, MAY)
    found = overall(cells)["renewal_rate"]
    assert (found.numerator, found.denominator, found.n, found.persons) == (3, 5, 5, 1)


def test_what_recurs_at_the_beginning_and_at_the_end():
    """Ann falls from 10 to 4 and rises to 6; Bob pays a twelfth of 12 dollars, 1, and leaves."""
    of = facts(
        "2025-04-30",
        subscriptions=[
            {
                "subscription_id": "1",
                "customer_id": "ann",
                "amount": Decimal(10),
                "currency": "JPY",
                "billing_period": "month",
                "started_at": at("2025-03-31 23:59:59"),
            },
            {
                "subscription_id": "2",
                "customer_id": "bob",
                "amount": Decimal(12),
                "currency": "USD",
                "billing_period": "year",
                "started_at": at("2025-03-31 23:59:59"),
                "ended_at": at("2025-04-30 23:59:59"),
            },
            {
                "subscription_id": "3",
                "customer_id": "cas",
                "amount": Decimal(7),
                "currency": "JPY",
                "billing_period": "month",
                "started_at": at("2025-04-01 00:00:00"),
            },
        ],
        subscription_changes=[
            {
                "change_id": when,
                "subscription_id": "1",
                "change_type": "amount_changed",
                "effective_at": at(when),
                "amount": amount and Decimal(amount),
            }
            for when, amount in {
                "2025-04-01 00:00": 4,
                "2025-04-30 23:59": 6,
                "2025-04-30 23:59:59": None,
                "2025-05-01 00:00": 99,
            }.items()
        ],
    )
    cells = contract_figures.contract_cells(
        of, contract_figures.subscriptions_of(of), [], "month", APRIL, MAY
    )
    found = overall(cells)
    assert found["monthly_recurring_revenue"].value == 13
    for kpi in ("gross_revenue_retention", "net_revenue_retention"):
        assert (found[kpi].numerator, found[kpi].denominator, found[kpi].n) == (6, 110, 2)


def test_what_a_new_customer_costs():
    """30 yen over 30 days from 17 March: 15 fall in April; ads of 2 replace a campaign of 999."""
    campaign = {"name": "x", "objective": "acquisition", "currency": "JPY"}
    of = facts(
        "2025-04-30",
        campaigns=[
            {
                **campaign,
                "campaign_id": "spread",
                "cost": Decimal(30),
                "started_at": at("2025-03-17 09:00"),
                "ended_at": at("2025-04-15 09:00"),
            },
            {
                **campaign,
                "campaign_id": "advertised",
                "cost": Decimal(999),
                "started_at": at("2025-04-01 09:00"),
            },
            {
                **campaign,
                "campaign_id": "kept",
                "objective": "retention",
                "cost": Decimal(999),
                "started_at": at("2025-04-01 09:00"),
            },
        ],
        ads_daily=[
            {
                "platform": "x",
                "campaign_id": name,
                "ad_id": "1",
                "date": day,
                "cost": Decimal(2),
                "currency": "USD",
            }
            for name, day in [
                ("advertised", date(2025, 4, 30)),
                ("kept", date(2025, 4, 30)),
                ("unheard of", date(2025, 4, 1)),
                ("unheard of", date(2025, 5, 1)),
            ]
        ],
        orders=[
            order("a", "ann", "2025-03-31 23:59"),
            order("b", "bob", "2025-04-10 00:00"),
            order("c", "cas", "2025-04-20 00:00"),
            order("c2", "cas", "2025-04-30 00:00"),
        ],
    )
    values = {"bob": {"ltv_discounted": 100.0}, "cas": {"ltv_discounted": 330.0}}
    values = {f"s:{name}": value for name, value in values.items()}
    cells = acquisition_cells(of, costs_of(of), values, "month", APRIL, MAY)
    found = overall(cells)
    assert (found["cac"].numerator, found["cac"].denominator) == (15 + 2 * 2 * 100, 2)
    assert found["ltv_cac_ratio"].value == pytest.approx(215 / 207.5)
    # 150 in 20 + 10 days, which are one month
    assert found["cac_payback_months"].value == pytest.approx(207.5 / 150)


def test_whether_promoters_order_more_often_than_detractors():
    """A promoter orders on the 180th day, another on the 181st; a detractor before answering."""
    answered = {"p1": "9", "p2": "10", "d1": "6", "d2": "0", "passive": "8"}
    of = facts(
        "2025-12-31",
        surveys=[{"survey_id": "rel", "kind": "relationship"}],
        responses=[
            {
                "response_id": name,
                "survey_id": "rel",
                "customer_id": name,
                "responded_at": at("2025-04-01 12:00"),
            }
            for name in answered
        ],
        answers=[
            {"response_id": name, "question_code": "nps", "numeric_value": Decimal(score)}
            for name, score in answered.items()
        ],
        orders=[
            order("1", "p1", "2025-09-28 23:59"),
            order("2", "p2", "2025-09-29 00:00"),
            order("3", "d1", "2025-04-01 11:59"),
            order("4", "passive", "2025-04-02 00:00"),
        ],
    )
    found = overall(vote_figures.vote_cells(vote_figures.Votes(of), "month", APRIL, MAY))
    assert (found["nps_repeat_gap"].value, found["nps_repeat_gap"].n) == (50, 4)


def test_what_an_empathy_vote_is():
    """The last answer alone counts: the mean of 5 and 2 is 3.5, which is 62.5 of 100."""
    scores = {("r1", "empathy_a"): "1", ("r2", "empathy_a"): "5", ("r2", "empathy_b"): "2"}
    of = facts(
        "2025-04-30",
        surveys=[{"survey_id": "eng", "kind": "engagement"}],
        responses=[
            {
                "response_id": name,
                "survey_id": "eng",
                "customer_id": "ann",
                "responded_at": at("2025-04-01 12:00"),
            }
            for name in ("r1", "r2", "r3")
        ],
        answers=[
            {"response_id": name, "question_code": code, "numeric_value": Decimal(score)}
            for (name, code), score in scores.items()
        ],
    )
    found = overall(vote_figures.vote_cells(vote_figures.Votes(of), "month", APRIL, MAY))
    assert (found["empathy_index"].value, found["empathy_index"].n) == (62.5, 1)
    assert found["attachment_index"].value is None


def test_the_interval_of_a_difference_is_that_of_newcombe():
    """Newcombe 1998, Statistics in Medicine 17, table II, method 10."""
    examples: dict[tuple, tuple] = {
        (56, 70, 48, 80): (0.0524, 0.3339),
        (9, 10, 3, 10): (0.1705, 0.8090),
        (10, 10, 0, 10): (0.6075, 1.0000),
    }
    for counts, bounds in examples.items():
        _, low, high = vote_figures.newcombe(*counts)
        assert (low / 100, high / 100) == pytest.approx(bounds, abs=5e-5)

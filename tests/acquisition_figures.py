"""Figures of what new customers cost and bring back, day by day and apart from SQL."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tests.figure_cells import Cells, Kpi
from tests.purchase_figures import CUT_GRAINS, ONE_DAY, Facts, Figure, Row, known_sum

RESTS_ON = (("orders",), ("campaigns", "ads_daily"))
KPIS = {
    code: Kpi(RESTS_ON, CUT_GRAINS, is_of_persons=False, is_first_based=True)
    for code in ("cac", "ltv_cac_ratio", "cac_payback_months")
}
DAYS_OF_A_MONTH = 30


@dataclass
class Cost:
    """What winning customers cost on a day; a null amount is a cost that nobody gave."""

    day: date
    amount: Decimal | None
    currency: str | None
    has_own_rate: bool  # at the rate of its own month; else at that of the period's last day


def costs_of(facts: Facts) -> list[Cost]:
    given = facts.given
    campaigns = {
        row["campaign_key"]: row
        for row in given.rows("campaigns")
        if given.happened(row["started_at"])
    }
    spent: dict[str, list[Row]] = defaultdict(list)
    for row in given.rows("ads_daily"):
        if row["date"] <= given.as_of:
            spent[row["campaign_key"]].append(row)
    found = []
    for key, row in campaigns.items():
        ads = spent.get(key, [])
        is_replaced = any(ad.get("cost") is not None for ad in ads)
        if row.get("objective") == "acquisition" and not is_replaced:
            found += _spread(facts, row)
    for key, ads in spent.items():
        if campaigns.get(key, {}).get("objective") in (None, "acquisition"):
            found += [Cost(ad["date"], ad.get("cost"), ad.get("currency"), True) for ad in ads]
    return found


def _spread(facts: Facts, row: Row) -> Iterator[Cost]:
    """Evenly over the days to the campaign's end, be it only planned; without one, to D."""
    given = facts.given
    first = given.day_of(row["started_at"])
    last = given.day_of(row["ended_at"]) if row.get("ended_at") else given.as_of
    days = (last - first).days + 1
    for since in range(days):
        day = first + timedelta(days=since)
        if day <= given.as_of:
            amount = None if row.get("cost") is None else row["cost"] / days
            yield Cost(day, amount, row.get("currency"), False)


def acquisition_cells(
    facts: Facts,
    costs: list[Cost],
    values: dict[str, dict[str, float | None]],
    grain: str,
    start: date,
    end: date,
) -> Cells:
    if grain not in CUT_GRAINS:
        return []
    given = facts.given
    spent = [cost for cost in costs if start <= cost.day < end]
    amounts = [
        None
        if cost.amount is None
        else cost.amount
        * given.rate(cost.currency, cost.day if cost.has_own_rate else end - ONE_DAY)
        for cost in spent
    ]
    new = {
        person: orders[0].day
        for person, orders in facts.orders_of.items()
        if orders[0].is_first and start <= orders[0].day < end
    }
    cost = known_sum(amounts)
    cac = None if cost is None or not new else float(cost) / len(new)
    worth = [values[person]["ltv_discounted"] for person in new]
    worth = [value for value in worth if value is not None]
    mean_worth = sum(worth) / len(worth) if worth else None
    profit = known_sum(
        [order.profit for order in facts.orders if order.person in new]
        + [-refund.profit for refund in facts.refunds if refund.person in new]
    )
    months = sum((given.as_of - day).days for day in new.values()) / DAYS_OF_A_MONTH
    monthly = float(profit) / months if months and profit is not None else None
    total = None if cost is None else float(cost)
    return [
        (
            "overall",
            "all",
            {
                "cac": Figure(total, len(new), cac, n=len(new)),
                "ltv_cac_ratio": _ratio(mean_worth, cac, len(new)),
                "cac_payback_months": _ratio(cac, monthly, len(new)),
            },
        )
    ]


def _ratio(numerator: float | None, denominator: float | None, n: int) -> Figure:
    value = numerator / denominator if numerator is not None and denominator else None
    return Figure(numerator, denominator, value, n=n)

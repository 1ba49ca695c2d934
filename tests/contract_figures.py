"""Figures of contracts: terms renewed and recurring revenue, contract by contract."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.figure_cells import Cells, Kpi, cells_of
from tests.purchase_figures import (
    CUT_GRAINS,
    ONE_DAY,
    Facts,
    Figure,
    Row,
    distinct,
    known_sum,
    percent,
    ratio,
)

WITHIN_DAYS = 30
RESTS_ON = (("subscriptions",),)
KPIS = {
    "renewal_rate": Kpi(RESTS_ON, CUT_GRAINS, matures_after=WITHIN_DAYS),
    "monthly_recurring_revenue": Kpi(RESTS_ON, CUT_GRAINS),
    "gross_revenue_retention": Kpi(RESTS_ON, CUT_GRAINS),
    "net_revenue_retention": Kpi(RESTS_ON, CUT_GRAINS),
}


@dataclass
class Term:
    """A term of a contract on the day that it is due."""

    person: str
    day: date
    is_renewed: bool
    cuts: dict[str, str | None] = field(default_factory=dict)


@dataclass
class Subscription:
    """A contract that has begun, with what changed of it by the as-of date."""

    row: Row
    person: str
    ended_at: datetime | None
    changes: list[Row]

    def is_active(self, at: datetime) -> bool:
        return self.row["started_at"] < at and not (self.ended_at and self.ended_at < at)

    def monthly_amount(self, at: datetime) -> Decimal:
        """What it brings a month just before an instant, in its own currency."""
        stated = [c for c in self.changes if c.get("amount") is not None]
        stated = [change for change in stated if change["effective_at"] < at]
        last = max(stated, key=lambda c: (c["effective_at"], c["change_key"]), default=self.row)
        return last["amount"] / (12 if self.row["billing_period"] == "year" else 1)


@dataclass
class Recurring:
    """A person's recurring revenue when a period began and when it ended."""

    person: str
    contracts_at_start: int
    contracts_at_end: int
    at_start: Decimal
    at_end: Decimal
    cuts: dict[str, str | None] = field(default_factory=dict)


def subscriptions_of(facts: Facts) -> list[Subscription]:
    given = facts.given
    changes = defaultdict(list)
    for row in given.rows("subscription_changes"):
        if given.happened(row["effective_at"]):
            changes[row["subscription_key"]].append(row)
    return [
        Subscription(
            row=row,
            person=row["customer_key"],
            ended_at=row.get("ended_at") if given.happened(row.get("ended_at")) else None,
            changes=changes[row["subscription_key"]],
        )
        for row in given.rows("subscriptions")
        if given.happened(row["started_at"])
    ]


def terms_of(facts: Facts, subscriptions: Iterable[Subscription]) -> list[Term]:
    given, found = facts.given, []
    for subscription in subscriptions:
        due = {row.get("term_ends_at") for row in [subscription.row, *subscription.changes]}
        for ends_at in due - {None}:
            if given.happened(ends_at):
                day = given.day_of(ends_at)
                found.append(Term(subscription.person, day, is_renewed(facts, subscription, day)))
    return found


def is_renewed(facts: Facts, subscription: Subscription, due: date) -> bool:
    given, days = facts.given, timedelta(days=WITHIN_DAYS)
    renewed = [c["effective_at"] for c in subscription.changes if c["change_type"] == "renewed"]
    if any(abs(given.day_of(at) - due) <= days for at in renewed):
        return True
    ended_at = subscription.ended_at
    return ended_at is None or given.day_of(ended_at) >= due + days


def recurring_of(
    facts: Facts, subscriptions: Iterable[Subscription], start: date, end: date
) -> list[Recurring]:
    """Of who has a contract at the start or at the end, at the rates of the last counted day."""
    given, by_person = facts.given, defaultdict(list)
    for subscription in subscriptions:
        by_person[subscription.person].append(subscription)
    found = []
    for person, own in by_person.items():
        running, amounts = [], []
        for at in (given.start_of(start), given.start_of(end)):
            active = [contract for contract in own if contract.is_active(at)]
            running.append(len(active))
            amounts.append(
                known_sum(
                    contract.monthly_amount(at)
                    * given.rate(contract.row["currency"], end - ONE_DAY)
                    for contract in active
                )
            )
        if any(running):
            found.append(Recurring(person, *running, *amounts))
    return found


def contract_cells(
    facts: Facts,
    subscriptions: list[Subscription],
    terms: list[Term],
    grain: str,
    start: date,
    end: date,
) -> Cells:
    if grain not in CUT_GRAINS:
        return []
    due = [term for term in terms if start <= term.day < end]
    recurring = recurring_of(facts, subscriptions, start, end)
    return [
        *cells_of(facts, grain, start, due, renewal_figures),
        *cells_of(facts, grain, start, recurring, revenue_figures),
    ]


def renewal_figures(terms: list[Term]) -> dict[str, Figure]:
    figure = percent(sum(term.is_renewed for term in terms), len(terms))
    figure.persons = distinct(terms)
    return {"renewal_rate": figure}


def revenue_figures(persons: list[Recurring]) -> dict[str, Figure]:
    starters = [person for person in persons if person.contracts_at_start]
    capped = [min(person.at_start, person.at_end) for person in starters]
    base = known_sum(person.at_start for person in starters)
    now = float(known_sum(person.at_end for person in persons))
    return {
        "monthly_recurring_revenue": Figure(
            now,
            1,
            now,
            n=sum(person.contracts_at_end for person in persons),
            persons=sum(person.contracts_at_end > 0 for person in persons),
        ),
        "gross_revenue_retention": _retained(known_sum(capped), base, len(starters)),
        "net_revenue_retention": _retained(
            known_sum(person.at_end for person in starters), base, len(starters)
        ),
    }


def _retained(kept: Decimal, base: Decimal, persons: int) -> Figure:
    figure = ratio(100 * kept, base, persons, persons)
    figure.numerator = float(kept)
    return figure

"""Figures of contracts: terms renewed and recurring revenue, contract by contract."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

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
    too_few,
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


def _shown(facts: Facts, person: str) -> str | None:
    return person if facts.persons.allows(person, "analytics") else None


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


# ---- the marts subscriptions and churn_reasons


def months(facts: Facts, begun: date) -> Iterator[tuple[date, date, bool]]:
    """Each month's first day, the day after its last counted one, and whether it is over."""
    given, over = facts.given, facts.given.as_of + ONE_DAY
    start = given.period_of("month", begun)
    while start < over:
        end = given.period_end("month", start)
        yield start, min(end, over), end <= over
        start = end


def contract_months(
    facts: Facts, subscriptions: Iterable[Subscription], begun: date
) -> dict[tuple[str, date], dict[str, Any]]:
    """The mart subscriptions, by contract and month."""
    given, subscriptions = facts.given, list(subscriptions)
    found = {}
    for start, counted_to, is_complete in months(facts, begun):
        begins, ends = given.start_of(start), given.start_of(counted_to)
        for contract in subscriptions:
            row, ended_at = contract.row, contract.ended_at
            if row["started_at"] >= ends or (ended_at and ended_at < begins):
                continue
            is_ended = ended_at is not None and ended_at < ends
            rate = given.rate(row["currency"], counted_to - ONE_DAY)
            amounts = {
                name: float(contract.monthly_amount(at) * rate) if contract.is_active(at) else 0.0
                for name, at in (("start", begins), ("end", ends))
            }
            found[row["subscription_key"], start] = {
                "person_key": _shown(facts, contract.person),
                **{name: row[name] for name in ("system", "subscription_id", "plan")},
                **{name: row[name] for name in ("billing_period", "currency", "started_at")},
                "cancel_reason": row["cancel_reason"] if is_ended else None,
                "recurring_amount_at_start": amounts["start"],
                "recurring_amount_at_end": amounts["end"],
                "is_active_at_start": contract.is_active(begins),
                "is_active_at_end": contract.is_active(ends),
                "is_started": row["started_at"] >= begins,
                "is_ended": is_ended,
                "is_complete": is_complete,
                "ended_at": ended_at if is_ended else None,
            }
    return found


def churn_reasons(
    facts: Facts, subscriptions: Iterable[Subscription], begun: date
) -> dict[tuple[date, str, str], dict[str, Any]]:
    """The mart churn_reasons: who churned, by the last to end of the contracts at the start."""
    given, by_person = facts.given, defaultdict(list)
    for contract in subscriptions:
        by_person[contract.person].append(contract)
    found: dict[tuple[date, str, str], dict[str, Any]] = {}
    for start, counted_to, is_complete in months(facts, begun):
        begins, ends = given.start_of(start), given.start_of(counted_to)
        lost = defaultdict(list)
        for own in by_person.values():
            held = [contract for contract in own if contract.is_active(begins)]
            if not held or any(contract.is_active(ends) for contract in own):
                continue
            at = max(contract.ended_at for contract in held)
            last = min(
                (contract.row for contract in held if contract.ended_at == at),
                key=lambda row: row["subscription_key"],
            )
            revenue = known_sum(
                contract.monthly_amount(begins)
                * given.rate(contract.row["currency"], counted_to - ONE_DAY)
                for contract in held
            )
            lost[last["plan"] or "unknown", last["cancel_reason"] or "unknown"].append(revenue)
        rows = {
            pair: {
                "churned_count": len(amounts),
                "recurring_amount": float(known_sum(amounts)),
                "is_complete": is_complete,
                "is_suppressed": False,
            }
            for pair, amounts in lost.items()
        }
        cells = [(row["churned_count"], pair, row) for pair, row in rows.items()]
        for row in too_few(cells, given.min_cell_size):
            row.update(churned_count=None, recurring_amount=None, is_suppressed=True)
        found |= {(start, *pair): row for pair, row in rows.items()}
    return found

"""The health score of each person with its parts and reasons, computed apart from the SQL."""

import csv
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from orchestration.settings import REFERENCE
from tests.contract_figures import Subscription, subscriptions_of
from tests.journey_figures import Engagement
from tests.message_figures import messages_of
from tests.purchase_figures import Facts, Given, Row

HEALTHY, WATCH = 70, 40
TEN_DIGITS = Decimal("1e-10")


def rounded(number: Fraction, to: Decimal = Decimal(1)) -> Decimal:
    """Half a unit goes away from zero."""
    exact = Decimal(number.numerator) / Decimal(number.denominator)
    return exact.quantize(to, ROUND_HALF_UP)


def of_persons(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found = defaultdict(list)
    for row in rows:
        if row["person"] is not None:
            found[row["person"]].append(row)
    return found


def answered(message: Row) -> bool | None:
    """Whether a message was opened by a person or clicked; null where nothing tells."""
    if not message["delivered"] or message["read"] is message["clicked"] is None:
        return None
    return bool(message["read"] or message["clicked"])


@dataclass
class Health:
    """What is known of each person that their health rests on."""

    facts: Facts
    engagement: Engagement
    components: dict[str, Row] = field(init=False)

    def __post_init__(self) -> None:
        with (REFERENCE / "health_components.csv").open(encoding="utf-8") as file:
            self.components = {row["component"]: row for row in csv.DictReader(file)}

    @property
    def given(self) -> Given:
        return self.facts.given

    def days_since(self, day: date) -> int:
        return (self.given.as_of - day).days

    def window(self, component: str, rows: Iterable[Any], number: int = 1) -> list[Any]:
        """Those of the last window of a part, or of the one so many windows before it."""
        days = int(self.components[component]["window_days"])
        ages = range(days * (number - 1), days * number)
        return [r for r in rows if self.days_since(r["day"] if type(r) is dict else r.day) in ages]

    # ---- what each part looks at: a number, or None where nothing is known

    def recency(self, person: str) -> int | None:
        orders = self.facts.orders_of.get(person)
        return self.days_since(orders[-1].day) if orders else None

    def frequency_trend(self, person: str) -> Fraction | None:
        orders = self.facts.orders_of.get(person, [])
        both = 2 * int(self.components["frequency_trend"]["window_days"])
        late, before = (len(self.window("frequency_trend", orders, i)) for i in (1, 2))
        if late + before == 0 or self.days_since(orders[0].day) < both:
            return None
        return Fraction(late - before, late + before)

    @cached_property
    def visits(self) -> dict[str, dict[str, list[Row]]]:
        """App opens and uses of features, by person."""
        names = ("app_open", "feature_use")
        return {
            name: of_persons(row for row in self.engagement.web if row["event_name"] == name)
            for name in names
        }

    def app_use(self, person: str) -> int | None:
        opens = self.visits["app_open"].get(person)
        if not opens:
            return None
        return len({row["day"] for row in self.window("app_use", opens)})

    def feature_use(self, person: str) -> int | None:
        uses = self.visits["feature_use"]
        if not uses or not (person in uses or person in self.visits["app_open"]):
            return None
        return len(self.window("feature_use", uses.get(person, [])))

    @cached_property
    def scores(self) -> dict[str, list[Row]]:
        answers = self.engagement.answers
        return of_persons(row for row in answers if row["question_code"] == "nps")

    def last_nps(self, person: str) -> Decimal | None:
        asked = self.window("last_nps", self.scores.get(person, []))
        last = max(asked, key=lambda row: (row["at"], row["response_id"]), default=None)
        return last and last["numeric_value"]

    @cached_property
    def tickets(self) -> dict[str, list[Row]]:
        given, owners = self.given, self.facts.persons.owners
        found = []
        for row in given.rows("support_tickets"):
            if given.happened(row["opened_at"]):
                resolved_at = row["resolved_at"]
                is_open = resolved_at is None or not given.happened(resolved_at)
                person = row["customer_key"] or owners.get(row["requester_email"])
                day = given.day_of(row["opened_at"])
                found.append({"person": person, "day": day, "is_open": is_open})
        return of_persons(found)

    def open_tickets(self, person: str) -> int | None:
        own = self.tickets.get(person, [])
        still_open = sum(row["is_open"] for row in own)
        return still_open if still_open or self.window("open_tickets", own) else None

    def ticket_trend(self, person: str) -> int | None:
        own = self.tickets.get(person, [])
        late, before = (len(self.window("ticket_trend", own, i)) for i in (1, 2))
        return late - before if late + before else None

    @cached_property
    def messages(self) -> dict[str, list[Row]]:
        return of_persons(messages_of(self.facts))

    def message_response(self, person: str) -> Fraction | None:
        sent = self.window("message_response", self.messages.get(person, []))
        told = [answer for message in sent if (answer := answered(message)) is not None]
        return Fraction(100 * sum(told), len(told)) if told else None

    @cached_property
    def contracts(self) -> dict[str, list[Subscription]]:
        """Those that run when the as-of date is over."""
        found = defaultdict(list)
        for contract in subscriptions_of(self.facts):
            if contract.ended_at is None:
                found[contract.person].append(contract)
        return found

    def days_to_renewal(self, person: str) -> int | None:
        ahead = []
        for contract in self.contracts.get(person, []):
            said = [c for c in contract.changes if c.get("term_ends_at") is not None]
            last = max(
                said,
                key=lambda c: (c["effective_at"], c["term_ends_at"], c["change_key"]),
                default=contract.row,
            )
            due = last["term_ends_at"]
            if due is not None and not self.given.happened(due):
                ahead.append((self.given.day_of(due) - self.given.as_of).days)
        return min(ahead, default=None)

    def contract_age(self, person: str) -> int | None:
        begun = [contract.row["started_at"] for contract in self.contracts.get(person, [])]
        return self.days_since(self.given.day_of(min(begun))) if begun else None

    # ---- parts, score, band and reasons

    def values(self, person: str) -> dict[str, Fraction]:
        found = {name: getattr(self, name)(person) for name in self.components}
        return {name: Fraction(value) for name, value in found.items() if value is not None}

    def part(self, component: str, value: Fraction) -> Decimal:
        row = self.components[component]
        zero, full = Fraction(row["zero_score_at"]), Fraction(row["full_score_at"])
        share = (value - zero) / (full - zero)
        return rounded(100 * min(max(share, Fraction(0)), Fraction(1)), TEN_DIGITS)

    def row(self, person: str) -> dict[str, Any]:
        """What the mart says of a person's health, by column."""
        values = self.values(person)
        parts = {name: self.part(name, value) for name, value in values.items()}
        weights = {name: Decimal(self.components[name]["weight"]) for name in parts}
        score = None
        if parts:
            score = float(sum(weights[n] * p for n, p in parts.items()) / sum(weights.values()))
        pulls = {name: weights[name] * (part - 50) for name, part in parts.items()}
        strongest = sorted(pulls, key=lambda name: (-abs(pulls[name]), name))[:3]
        told = {f"health_{name}_score": parts.get(name) for name in self.components}
        for place in range(3):
            name = strongest[place] if place < len(strongest) else None
            for language in ("en", "ja"):
                words = name and self.words(name, language, pulls[name], values[name])
                told[f"health_reason_{place + 1}_{language}"] = words
        told = {k: float(v) if isinstance(v, Decimal) else v for k, v in told.items()}
        return {"health_score": score, "health_band": band(score), **told}

    def words(self, name: str, language: str, pull: Decimal, value: Fraction) -> str | None:
        if pull == 0:
            return None
        row = self.components[name]
        text = row[f"{'high' if pull > 0 else 'low'}_{language}"]
        return text.replace("{value}", str(rounded(value))).replace("{days}", row["window_days"])


def band(score: float | None) -> str | None:
    if score is None:
        return None
    return "healthy" if score >= HEALTHY else "watch" if score >= WATCH else "at_risk"


def in_days(given: Given, rows: Iterable[Row], days: int) -> list[Row]:
    """Those of so many business dates that end with the as-of date."""
    since = given.as_of - timedelta(days=days - 1)
    return [row for row in rows if row["day"] >= since]

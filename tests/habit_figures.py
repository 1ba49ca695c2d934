"""When each person should buy again and how to reach them, computed apart from the SQL."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

from tests.customer_figures import Customers
from tests.health_figures import Health, answered, in_days, of_persons, rounded
from tests.purchase_figures import Facts, Given, Row

SHRINKAGE_INTERVALS, SHRINKAGE_MESSAGES = 3, 10
RESPONSE_DAYS, FATIGUE = 365, 8
CHANNELS = ("email", "line", "sms", "push", "phone")
TWELVE_DIGITS = Decimal("1e-12")


@dataclass
class Habits:
    """Purchases, contacts and tiers of every person."""

    facts: Facts
    customers: Customers
    health: Health

    @property
    def given(self) -> Given:
        return self.facts.given

    # ---- the repurchase clock

    @cached_property
    def favourites(self) -> dict[str, str]:
        """The category of most orders, then of the higher line totals, then the first by name."""
        found = {}
        for person, items in self.customers.items.items():
            orders, spent = defaultdict(set), defaultdict(Decimal)
            for item in items:
                if item.category != "unknown":
                    orders[item.category].add(item.order.key)
                    spent[item.category] += item.amount
            if orders:
                found[person] = min(orders, key=lambda c: (-len(orders[c]), -spent[c], c))
        return found

    @cached_property
    def intervals(self) -> dict[str, list[int]]:
        """Days between the business dates on which a person ordered."""
        return {
            person: [
                (after - before).days
                for before, after in pairwise(sorted({order.day for order in orders}))
            ]
            for person, orders in self.facts.orders_of.items()
        }

    @cached_property
    def yardsticks(self) -> dict[str | None, list[int]]:
        """The intervals of those who share a favourite category; of None, of everybody."""
        found = defaultdict(list)
        for person, own in self.intervals.items():
            found[None] += own
            if person in self.favourites:
                found[self.favourites[person]] += own
        return found

    def clock(self, person: str) -> dict[str, Any]:
        names = ("repurchase_interval_days", "days_late", "days_late_percentile")
        nothing = dict.fromkeys((*names, "expected_order_date"))
        if person not in self.intervals:
            return nothing
        own = self.intervals[person]
        usual = self.yardsticks[self.favourites.get(person)] or self.yardsticks[None]
        if not usual:
            return nothing
        last = self.facts.orders_of[person][-1].day
        waited = (self.given.as_of - last).days
        weights = [len(own), SHRINKAGE_INTERVALS]
        middles = [Fraction(median(own)) if own else Fraction(0), Fraction(median(usual))]
        over = [_share_over(own, waited), _share_over(usual, waited)]
        days = _mean(middles, weights)
        whole = int(rounded(days))
        told = (float(days), waited - whole, float(100 * _mean(over, weights)))
        return {
            **dict(zip(names, told, strict=True)),
            "expected_order_date": last + timedelta(days=whole),
        }

    # ---- contacts

    @cached_property
    def contacts(self) -> dict[str, list[Row]]:
        """Messages sent, and invitations to surveys."""
        given = self.given
        messages = [m for own in self.health.messages.values() for m in own]
        invitations = [
            {"person": row["customer_key"], "day": given.day_of(row["sent_at"])}
            for row in given.rows("invitations")
            if given.happened(row["sent_at"])
        ]
        return of_persons(messages + invitations)

    @cached_property
    def told(self) -> dict[str, list[tuple[Row, bool]]]:
        """The messages of which it is known whether they were answered."""
        return {
            person: [
                (message, answer)
                for message in in_days(self.given, own, RESPONSE_DAYS)
                if (answer := answered(message)) is not None
            ]
            for person, own in self.health.messages.items()
        }

    @cached_property
    def overall_rate(self) -> Fraction:
        answers = [answer for own in self.told.values() for _, answer in own]
        return Fraction(sum(answers), len(answers))

    def best(self, person: str, slot: Callable[[Row], Any]) -> Any:
        """The slot that the person answers most, ties to more messages, then to the lower."""
        answers = defaultdict(list)
        for message, answer in self.told.get(person, ()):
            answers[slot(message)].append(answer)

        def rank(name: Any) -> tuple:
            own, strength = answers[name], SHRINKAGE_MESSAGES
            rate = (sum(own) + strength * self.overall_rate) / (len(own) + strength)
            return -rounded(rate, TWELVE_DIGITS), -len(own), name

        return min(answers, key=rank, default=None)

    def _local(self, message: Row) -> datetime:
        zone = ZoneInfo(self.given.business_timezone)
        return message["at"].replace(tzinfo=UTC).astimezone(zone)

    def policy(self, person: str) -> dict[str, Any]:
        contacts = self.contacts.get(person, [])
        counts = {days: len(in_days(self.given, contacts, days)) for days in (7, 30, 90)}
        found: dict[str, Any] = {
            "preferred_channel": self.best(person, lambda row: row["message_channel"]),
            "best_hour": self.best(person, lambda row: self._local(row).hour),
            "best_weekday": self.best(person, lambda row: self._local(row).isoweekday()),
            "is_contact_fatigued": counts[30] >= FATIGUE,
        }
        for days, number in counts.items():
            found[f"contact_count_{days}_days"] = number
        for channel in CHANNELS:
            is_allowed = self.facts.persons.allows(person, f"marketing_{channel}")
            found[f"is_contactable_by_{channel}"] = is_allowed
        return found

    # ---- tiers

    def tier(self, person: str) -> dict[str, Any]:
        """The tier, and the date of the first version since which none said another."""
        persons = self.facts.persons
        versions = sorted(persons.versions.get(person, []), key=lambda row: row["stated_at"])
        begun = [row for row in versions if self.given.happened(row["stated_at"])]
        since = None
        for row in reversed(begun):
            if row["membership_tier"] != begun[-1]["membership_tier"]:
                break
            since = self.given.day_of(row["stated_at"])
        if begun and begun[-1]["membership_tier"] is None:
            since = None
        tier = self.facts.attributes_at_end(person)["membership_tier"]
        return {"membership_tier": tier, "tier_since_date": since}

    def row(self, person: str) -> dict[str, Any]:
        return {
            "favourite_category": self.favourites.get(person),
            **self.clock(person),
            **self.policy(person),
            **self.tier(person),
        }


def _share_over(intervals: list[int], days: int) -> Fraction:
    over = sum(interval <= days for interval in intervals)
    return Fraction(over, len(intervals)) if intervals else Fraction(0)


def _mean(values: list[Fraction], weights: list[int]) -> Fraction:
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)

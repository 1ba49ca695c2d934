"""What section 8 says of each person at the as-of date, computed apart from the SQL."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from tests.journey_figures import Engagement
from tests.purchase_figures import ONE_DAY, Facts, Given, Order, Row, known_sum

WINDOW_DAYS = 365
RECENCY = ((30, 5), (60, 4), (120, 3), (240, 2))
FREQUENCY = ((8, 5), (5, 4), (3, 3), (2, 2))
COMPONENTS: dict[str, tuple[int, int]] = {  # full score at, weight
    "repeat_orders": (4, 25),
    "new_categories": (3, 15),
    "upgrades": (1, 10),
    "premium_items": (2, 10),
    "referrals": (2, 15),
    "feedback": (3, 15),
    "social": (5, 10),
}
CONSCIOUS_FROM, ACTIVE_FROM = 60, 40
FEEDBACK_ACTS = {"review", "idea"}


@dataclass(frozen=True)
class Item:
    """A line of an order that counts, with its product as it was then."""

    order: Order
    category: str
    family: str | None
    grade: int | None
    is_premium: bool
    amount: Decimal


@dataclass
class Customers:
    """Every person's scores; one method per thing that section 8 defines."""

    facts: Facts
    engagement: Engagement
    components: Mapping[str, tuple[float, float]]

    @property
    def given(self) -> Given:
        return self.facts.given

    @property
    def since(self) -> date:
        return self.given.as_of - timedelta(days=WINDOW_DAYS - 1)

    def recent(self, rows: Iterable[Any]) -> list[Any]:
        return [row for row in rows if _day(row) >= self.since]

    # ---- RFM

    @cached_property
    def revenue(self) -> dict[str, Decimal | None]:
        """Net revenue in the 365 days of each person with an order."""
        amounts = {person: [] for person in self.facts.orders_of}
        for order in self.recent(self.facts.orders):
            if order.person:
                amounts[order.person].append(order.goods)
        for refund in self.recent(self.facts.refunds):
            if refund.person in amounts:
                amounts[refund.person].append(-refund.amount)
        return {person: known_sum(own) for person, own in amounts.items()}

    def rfm(self, person: str) -> tuple[int, int, int] | None:
        orders = self.facts.orders_of.get(person)
        if not orders:
            return None
        days = (self.given.as_of - max(order.day for order in orders)).days
        number = len(self.recent(orders))
        recency = next((score for most, score in RECENCY if days <= most), 1)
        frequency = next((score for least, score in FREQUENCY if number >= least), 1)
        return recency, frequency, self._monetary(person)

    def _monetary(self, person: str) -> int:
        own = self.revenue[person]
        if own is None or own <= 0:
            return 1
        paying = [amount for amount in self.revenue.values() if amount is not None and amount > 0]
        not_above = sum(amount <= own for amount in paying)
        return math.ceil(5 * Fraction(not_above, len(paying)))

    # ---- behaviour

    @cached_property
    def items(self) -> dict[str, list[Item]]:
        """Lines of quantity above 0, by person and in the order of time."""
        by_order = defaultdict(list)
        for row in self.given.rows("order_items"):
            by_order[row["order_key"]].append(row)
        prices = self._price_lists()
        highest = self._highest_grades(prices)
        found = {}
        for person, orders in self.facts.orders_of.items():
            found[person] = [
                self._item(order, row, prices.get(row["product_key"], []), highest)
                for order in orders
                for row in by_order[order.key]
                if row["quantity"] > 0
            ]
        return found

    def _price_lists(self) -> dict[str, list[Row]]:
        lists = defaultdict(list)
        for row in self.given.rows("products"):
            if self.given.happened(row.get("valid_from")):
                lists[row["product_key"]].append(row)
        for rows in lists.values():
            rows.sort(key=lambda row: row.get("valid_from") or datetime.min)
        return lists

    @staticmethod
    def _highest_grades(prices: Mapping[str, list[Row]]) -> dict[str, int]:
        highest: dict[str, int] = {}
        for rows in prices.values():
            for row in rows:
                family, grade = row.get("product_family"), row.get("grade")
                if family is not None and grade is not None:
                    highest[family] = max(grade, highest.get(family, grade))
        return highest

    def _item(self, order: Order, row: Row, prices: list[Row], highest: Mapping) -> Item:
        begun = [p for p in prices if (p.get("valid_from") or datetime.min) <= order.at]
        named = (begun[-1:] or prices[:1] or [{}])[0]
        priced = begun[-1] if begun else {}
        family, grade = named.get("product_family"), named.get("grade")
        paid = row["line_total"] * self.given.rate(order.currency, order.day)

        def reaches(price: str) -> int | None:
            """-1, 0 or 1: what was paid for one is below, at or above that price."""
            if priced.get(price) is None:
                return None
            rate = self.given.rate(priced.get("currency") or order.currency, order.day)
            asked = row["quantity"] * priced[price] * rate
            return (paid > asked) - (paid < asked)

        is_highest = family is not None and grade is not None and grade == highest.get(family)
        at_list = reaches("list_price") in (0, 1) and is_highest
        category = named.get("category") or "unknown"
        is_premium = at_list or reaches("reference_price") == 1
        return Item(order, category, family, grade, is_premium, paid)

    def counts(self, person: str) -> dict[str, int]:
        """How much of each component of the behaviour score in the 365 days."""
        orders = self.facts.orders_of.get(person, [])
        items = self.items.get(person, [])
        begun = bool(orders) and orders[0].is_first and orders[0].day >= self.since
        first_bought: dict[str, date] = {}
        for item in items:
            first_bought.setdefault(item.category, item.order.day)
        new = sum(day >= self.since for day in first_bought.values())
        community = self._own(self.engagement.community, person)
        acts = sum(row["event_type"] in FEEDBACK_ACTS for row in community)
        told = [*self.engagement.responses.values(), *self.engagement.feedback]
        return {
            "repeat_orders": len(self.recent(orders)) - begun,
            "new_categories": max(new - begun, 0),
            "upgrades": len(self.recent(self._upgrades(items))),
            "premium_items": sum(item.is_premium for item in self.recent(items)),
            "referrals": len(self._own(self.engagement.referrals, person)),
            "feedback": acts + len(self._own(told, person)),
            "social": len(community) + len(self._own(self.engagement.mentions, person)),
        }

    def _own(self, rows: Iterable[Row], person: str) -> list[Row]:
        return self.recent(row for row in rows if row["person"] == person)

    @staticmethod
    def _upgrades(items: list[Item]) -> list[Item]:
        """Per order and family a line of a higher grade than any in the person's orders before."""
        found, highest = {}, {}
        pending: list[Item] = []
        for item in items:
            if pending and pending[0].order is not item.order:
                for earlier in pending:
                    known = highest.get(earlier.family, earlier.grade)
                    highest[earlier.family] = max(known, earlier.grade)
                pending = []
            if item.family is None or item.grade is None:
                continue
            if item.family in highest and item.grade > highest[item.family]:
                found[item.order.key, item.family] = item
            pending.append(item)
        return [*found.values()]

    def behaviour_parts(self, person: str) -> dict[str, float]:
        return {
            name: min(count / self.components[name][0], 1) * 100
            for name, count in self.counts(person).items()
        }

    def behaviour(self, person: str) -> float:
        weights = {name: weight for name, (_, weight) in self.components.items()}
        parts = self.behaviour_parts(person)
        return math.fsum(weights[n] * part for n, part in parts.items()) / sum(weights.values())

    # ---- consciousness

    @cached_property
    def feelings(self) -> dict[str, dict[str, tuple[tuple, float]]]:
        """The latest empathy and attachment index of each person in the 365 days."""
        votes = defaultdict(list)
        for row in self.recent(self.engagement.answers):
            kind = row["question_code"].partition("_")[0]
            if row["question_code"].startswith(("empathy_", "attachment_")) and row["person"]:
                at = (row["at"], row["response_id"])
                votes[row["person"], kind, at].append(row["numeric_value"])
        latest: dict[str, dict[str, tuple[tuple, float]]] = defaultdict(dict)
        for (person, kind, at), values in votes.items():
            index = (float(sum(values)) / len(values) - 1) / 4 * 100
            if kind not in latest[person] or at > latest[person][kind][0]:
                latest[person][kind] = at, index
        return latest

    def consciousness(self, person: str) -> float | None:
        known = [index for _, index in self.feelings.get(person, {}).values()]
        return sum(known) / len(known) if known else None

    def quadrant(self, person: str) -> str:
        feeling = self.consciousness(person)
        if feeling is None:
            return "unknown"
        acts = self.behaviour(person) >= ACTIVE_FROM
        if feeling >= CONSCIOUS_FROM:
            return "engaged" if acts else "loyal_inactive"
        return "habitual" if acts else "detached"

    # ---- phase

    def phase(self, person: str) -> str:
        given, facts = self.given, self.facts
        orders = facts.orders_of.get(person, [])
        contracts = facts.contracts_of.get(person, [])
        if not orders and not contracts:
            return "acquisition"
        begun = [given.day_of(min(c.started_at for c in contracts))] if contracts else []
        begun += [orders[0].day] if orders and orders[0].is_first else []
        if any((given.as_of - day).days <= 90 for day in begun) and len(orders) < 2:
            return "activation"
        buys = facts.bought_before(person, given.as_of + ONE_DAY)
        holds = any(contract.is_active(given.end) for contract in contracts)
        if (buys or holds) and self._advocates(person):
            return "advocacy"
        alone = len(orders) == 1 and (given.as_of - orders[0].day).days >= 91
        if alone and buys and not holds:
            return "stalled"
        return "retention" if buys or holds else "lapsed"

    def _advocates(self, person: str) -> bool:
        said = self.engagement
        return bool(self._own([*said.promoters, *said.referrals, *said.made_by_users], person))

    # ---- purchases

    @cached_property
    def _discounted(self) -> set[str]:
        """Orders with a discount of their own or of an item."""
        found = {r["order_key"] for r in self.given.rows("orders") if (r.get("discount") or 0) > 0}
        items = self.given.rows("order_items")
        return found | {row["order_key"] for row in items if (row.get("discount") or 0) > 0}

    def discounted_share(self, person: str) -> float | None:
        orders = self.facts.orders_of.get(person)
        if not orders:
            return None
        return 100 * sum(order.key in self._discounted for order in orders) / len(orders)


def _day(row: Any) -> date:
    if isinstance(row, Item):
        return row.order.day
    return row["day"] if isinstance(row, dict) else row.day

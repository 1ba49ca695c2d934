"""Figures of what was bought: categories, grades and prices, item by item and apart from SQL."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from tests.figure_cells import Cells, Kpi, cells_of
from tests.purchase_figures import (
    Facts,
    Figure,
    Order,
    Row,
    distinct,
    known_sum,
    percent,
    price_lists,
    ratio,
)

CUTS = ("order_channel", "store", "campaign")
RESTS_ON = (("orders",), ("order_items",), ("products",))
KPIS = {
    "cross_sell_rate": Kpi(RESTS_ON, cuts=(*CUTS, "category"), is_first_based=True),
    "upgrade_rate": Kpi(RESTS_ON, cuts=(*CUTS, "category"), is_first_based=True),
    "full_price_share": Kpi(RESTS_ON, cuts=(*CUTS, "category")),
    "premium_share": Kpi(RESTS_ON, cuts=(*CUTS, "category")),
}


@dataclass
class Item:
    """A line of an order that counts, of a quantity above 0; money in the reporting currency."""

    order: Order
    category: str
    family: str | None
    grade: int | None
    quantity: int
    amount: Decimal
    list_price: Decimal | None
    reference_price: Decimal | None

    @property
    def person(self) -> str | None:
        return self.order.person

    @property
    def cuts(self) -> dict[str, str | None]:
        return {**self.order.cuts, "category": self.category}


class Bought:
    """All items, and what each person had bought before a day."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.items = list(_items(facts))
        self.by_order = defaultdict(list)
        self.by_person = defaultdict(list)
        for item in self.items:
            self.by_order[item.order.key].append(item)
            if item.person:
                self.by_person[item.person].append(item)

    def of(self, orders: Iterable[Order]) -> list[Item]:
        return [item for order in orders for item in self.by_order[order.key]]

    def categories_before(self, person: str, day: date) -> set[str]:
        return {item.category for item in self.by_person[person] if item.order.day < day}

    def grades_before(self, person: str, day: date) -> dict[str, set[int]]:
        """By family, the grades that are known."""
        return grades(item for item in self.by_person[person] if item.order.day < day)


def grades(items: Iterable[Item]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for item in items:
        if item.family is not None:
            found[item.family] |= {item.grade} - {None}
    return dict(found)


def _items(facts: Facts) -> Iterator[Item]:
    given = facts.given
    counted = {order.key: order for order in facts.orders}
    prices = price_lists(given)
    for row in given.rows("order_items"):
        order = counted.get(row["order_key"])
        if order is not None and row["quantity"] > 0:
            yield _item(facts, row, order, prices.get(row["product_key"], []))


def _item(facts: Facts, row: Row, order: Order, prices: list[Row]) -> Item:
    """Before its first price a product has a name, a category, a family and a grade alone."""
    in_force = [p for p in prices if (p.get("valid_from") or datetime.min) <= order.at]
    named = (in_force[-1:] or prices[:1] or [{}])[0]
    priced = in_force[-1] if in_force else {}
    rate = facts.given.rate(priced.get("currency") or order.currency, order.day)

    def price(name: str) -> Decimal | None:
        return None if priced.get(name) is None else priced[name] * rate

    return Item(
        order=order,
        category=named.get("category") or "unknown",
        family=named.get("product_family"),
        grade=named.get("grade"),
        quantity=row["quantity"],
        amount=row["line_total"] * facts.given.rate(order.currency, order.day),
        list_price=price("list_price"),
        reference_price=price("reference_price"),
    )


def item_cells(bought: Bought, grain: str, start: date, end: date) -> Cells:
    facts = bought.facts
    orders = [order for order in facts.orders if start <= order.day < end]

    def of_orders(some: list[Order]) -> dict[str, Figure]:
        return person_figures(bought, some, bought.of(some), start)

    def of_items(some: list[Item]) -> dict[str, Figure]:
        return person_figures(bought, [item.order for item in some], some, start)

    items = bought.of(orders)
    by_category = cells_of(facts, grain, start, items, of_items, ("category",))
    return [
        *cells_of(facts, grain, start, orders, of_orders, CUTS),
        *(cell for cell in by_category if cell[0] == "category"),
        *cells_of(facts, grain, start, items, price_figures, (*CUTS, "category")),
    ]


def person_figures(
    bought: Bought, orders: list[Order], items: list[Item], start: date
) -> dict[str, Figure]:
    """Of orders of a period and what they hold: who tried something else, or something better."""
    own = defaultdict(list)
    for item in items:
        own[item.person].append(item)
    known = tried = stayed = upgraded = 0
    for person in {order.person for order in orders} - {None}:
        if any(order.day < start for order in bought.facts.orders_of[person]):
            before = bought.categories_before(person, start)
            known += 1
            tried += any(item.category not in before for item in own[person])
        earlier, now = bought.grades_before(person, start), grades(own[person])
        both = earlier.keys() & now.keys()
        stayed += bool(both)
        upgraded += any(
            earlier[family] and now[family] and max(now[family]) > max(earlier[family])
            for family in both
        )
    return {
        "cross_sell_rate": percent(tried, known),
        "upgrade_rate": percent(upgraded, stayed),
    }


def price_figures(items: list[Item]) -> dict[str, Figure]:
    listed = [item for item in items if item.list_price is not None]
    full = [item for item in listed if item.amount >= item.list_price * item.quantity]
    compared = [item for item in items if item.reference_price is not None]
    premium = [item for item in compared if item.amount > item.reference_price * item.quantity]
    return {
        "full_price_share": _share(full, listed),
        "premium_share": _share(premium, compared),
    }


def _share(part: list[Item], base: list[Item]) -> Figure:
    amounts = [known_sum(item.amount for item in items) for items in (part, base)]
    figure = ratio(100 * amounts[0], amounts[1], len(base), distinct(base))
    figure.numerator = float(amounts[0])
    return figure

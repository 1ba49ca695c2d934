"""Random deliveries of a made-up company, full of awkward rows, the same for a seed."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from tests.purchase_figures import Delivery, Given, Row

CATEGORIES = [None, "food", "toys", "books"]
MARGINS = {
    "default": Decimal("0.4"),
    "food": Decimal("0.25"),
    "toys": Decimal("0.333333333333"),
}


class MadeUp:
    """Random deliveries full of awkward rows, the same for a seed."""

    id_systems: Mapping[str, Mapping[str, str]] = {
        "customer_id": {"shop": "crm"},
        "product_id": {"pos": "shop"},
    }

    def __init__(self, seed: int, as_of: date, zone: str, shops: list[str]) -> None:
        self.random = np.random.default_rng(seed)
        self.as_of, self.zone, self.shops = as_of, ZoneInfo(zone), shops
        self.first = as_of - timedelta(days=900)
        self.delivered_at = datetime.combine(as_of + timedelta(days=2), datetime.min.time())
        self.deliveries: list[Delivery] = []

    def pick(self, *options: Any) -> Any:
        return options[self.random.integers(len(options))]

    def often(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def below(self, number: int) -> int:
        return int(self.random.integers(number))

    def money(self, most: int) -> Decimal:
        return Decimal(self.below(most * 100)) / 100

    def moment(self, first: date | None = None, days: int = 940) -> datetime:
        """An instant in UTC, often on the edge of a business date; some lie after the end."""
        day = (first or self.first) + timedelta(days=self.below(days))
        if self.often(0.1):
            day = day.replace(day=1) - timedelta(days=self.below(2))
        hour, minute, second = self.pick(
            (0, 0, 0), (23, 59, 59), (self.below(24), self.below(60), 0), (12, 0, self.below(3))
        )
        local = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=self.zone)
        return local.astimezone(UTC).replace(tzinfo=None)

    def different(self, never: float) -> list[datetime | None]:
        """Up to three moments, or none at all, in an order that the seed decides."""
        found = [None if self.often(never) else self.moment() for _ in range(3)]
        return list(dict.fromkeys(found))

    def deliver(self, feed: str, system: str, rows: list[Row], late: int = 0) -> None:
        at = self.delivered_at + timedelta(days=late)
        self.deliveries.append(Delivery(feed, system, rows, at))

    def deliver_again(self, feed: str, system: str, rows: list[Row], **changes: list[Any]) -> None:
        """The feed, some of its rows twice with other content, in one file or in two."""
        for name in changes:
            assert all(name in row for row in rows), f"{feed} rows without {name}"
        again = [
            {**row, **{name: self.pick(*values) for name, values in changes.items()}}
            for row in rows
            if self.often(0.1)
        ]
        cut = len(again) // 2
        self.deliver(feed, system, rows + again[:cut])
        self.deliver(feed, system, again[cut:], late=1)

    # ---- the feeds

    def all_feeds(self) -> list[Delivery]:
        self.persons("crm", 70)
        self.deliver("identities", "crm", [self.identity(i) for i in range(12)])
        self.deliver("consents", "crm", list(self.words(70)))
        self.deliver(
            "accounts",
            "crm",
            [
                {
                    "account_id": f"A{i}",
                    "industry": self.pick(None, "retail", "farming"),
                    "company_size": self.pick("1-9", "10-99"),
                    "updated_at": self.moment(),
                }
                for i in (0, 0, 1, 1, 2)
            ],
        )
        contracts = [self.contract(i) for i in range(60)]
        self.deliver_again("subscriptions", "crm", contracts, ended_at=[None])
        for system in ["crm", *self.shops[1:]]:
            self.deliver("campaigns", system, [self.campaign(name) for name in ("K1", "K2")])
        self.price_list()
        for shop in self.shops:
            if shop == "pos":
                self.persons("pos", 25)
            self.sales(shop, 800 // len(self.shops))
        return self.deliveries

    def persons(self, system: str, number: int) -> None:
        rows = [self.customer(i) for i in range(number)]
        again = [
            {**self.customer(row["customer_id"]), "created_at": row["created_at"]}
            for row in rows
            for _ in range(self.below(3))
        ]
        for row in again:
            if self.often(0.2):
                row["updated_at"] = None
        self.deliver("customers", system, rows)
        self.deliver("customers", system, again, late=1)
        tied = {**rows[0], "membership_tier": "zinc"}
        self.deliver("customers", system, [tied], late=2)

    def words(self, number: int) -> Iterator[Row]:
        """What persons allow: some refuse to be analysed, half of them to have handles joined."""
        for i in range(number):
            for purpose, word in (("analytics", i % 10 != 0), ("sns_linking", i % 2 == 0)):
                if i % 5 and purpose == "analytics":
                    continue  # never spoke of it
                for days, granted in ((300, not word), (30, word), (-1, not word)):
                    day = datetime.combine(self.as_of - timedelta(days=days), datetime.min.time())
                    yield {
                        "consent_id": f"{purpose} {i} {days}",
                        "customer_id": f"C{i}",
                        "purpose": purpose,
                        "granted": granted,
                        "recorded_at": day + timedelta(hours=12),
                    }

    def customer(self, number: int | str) -> Row:
        name = number if isinstance(number, str) else f"C{number}"
        mail = f"mail{name}@pos" if self.often(0.5) else f"mail{name}"
        return {
            "customer_id": name,
            "account_id": self.pick(None, None, "A0", "A1", "A2", "A9"),
            "email": self.pick(mail, mail, mail, "shared", None),
            "birth_date": self.pick(
                None, date(1950, 1, 1) + timedelta(days=self.below(20000)), date(1984, 2, 29)
            ),
            "gender": self.pick("f", "m", None),
            "prefecture": self.pick("Tokyo", "Osaka", "Kyoto", "Nara"),
            "acquisition_channel": self.pick("store", "paid_social"),
            "customer_segment": self.pick("consumer", "business"),
            "membership_tier": self.pick("gold", "silver", None),
            "created_at": self.pick(None, self.moment(), self.moment(), self.moment()),
            "updated_at": self.moment(),
        }

    def identity(self, number: int) -> Row:
        return {
            "customer_id": f"C{self.below(80)}",
            "identity_type": self.pick("email", "email", "phone"),
            "identity_value": self.pick(f"mailC{self.below(70)}", f"only{number}"),
            "linked_at": self.pick(None, self.moment()),
        }

    def contract(self, number: int) -> Row:
        started_at = self.moment()
        return {
            "subscription_id": f"S{number}",
            "customer_id": f"C{self.below(50)}",
            "amount": self.money(100),
            "currency": "JPY",
            "billing_period": "month",
            "started_at": started_at,
            "ended_at": self.pick(
                None,
                started_at,
                max(started_at, self.moment()),
                started_at + timedelta(days=self.below(40)),
                started_at + timedelta(days=self.below(1500)),
            ),
        }

    def campaign(self, name: str) -> Row:
        return {"campaign_id": name, "name": name, "started_at": self.moment()}

    def price_list(self) -> None:
        rows = [
            {
                "product_id": f"P{i}",
                "valid_from": valid_from,
                "name": f"Product {i}",
                "category": self.pick(*CATEGORIES),
                "unit_cost": self.pick(None, self.money(40), self.money(40)),
                "currency": self.pick(None, "JPY", "USD"),
            }
            for i in range(20)
            for valid_from in self.different(0.4)
        ]
        self.deliver_again("products", "shop", rows, unit_cost=[None, Decimal(7)])

    def sales(self, shop: str, number: int) -> None:
        orders = [self.order(i) for i in range(number)]
        self.deliver_again(
            "orders", shop, orders, status=["completed", "cancelled"], subtotal=[Decimal(9)]
        )
        items = [item for i in range(int(number * 0.7)) for item in self.items(i)]
        self.deliver("order_items", shop, items)
        returned = [item for item in items if self.often(0.1)]
        self.deliver("order_items", shop, returned, late=1)  # an order that lost its other lines
        refunds = [self.refund(i, number) for i in range(number // 5)]
        self.deliver_again("refunds", shop, refunds, amount=[Decimal(3)])

    def order(self, number: int) -> Row:
        who = self.below(70) if self.often(0.5) else self.below(20)
        customer = self.pick(*[f"C{who}"] * 6, None, None, f"X{who}")
        cancelled = self.often(0.1)
        return {
            "order_id": f"O{number}",
            "customer_id": customer,
            "email": self.pick(None, "shared", "nobody", *[f"mailC{self.below(70)}"] * 4, "only3"),
            "ordered_at": self.moment(),
            "status": "cancelled"
            if cancelled
            else self.pick("placed", "completed", "completed", "completed", "returned", "pending"),
            "cancelled_at": self.pick(None, self.moment(), self.moment(self.as_of, 30))
            if cancelled or self.often(0.05)
            else None,
            "channel": self.pick("ec", "ec", "store", None),
            "store_id": self.pick(None, "1", "2", "rare" if self.often(0.2) else "2"),
            "campaign_id": self.pick(None, None, "K1", "K2"),
            "currency": self.pick("JPY", "JPY", "USD"),
            "subtotal": self.pick(None, self.money(200), self.money(200)),
            "discount": self.pick(None, self.money(20)),
            "shipping": self.pick(None, self.money(9)),
            "tax": self.pick(None, self.money(9)),
            "total": self.pick(None, Decimal(30) + self.money(200)),
            "is_test": self.pick(None, False, False, True if self.often(0.3) else None),
        }

    def items(self, number: int) -> list[Row]:
        return [
            {
                "order_item_id": f"I{number}-{line}",
                "order_id": f"O{number}",
                "product_id": self.pick(*[f"P{self.below(20)}"] * 9, "unknown"),
                "quantity": self.pick(0, 1, 1, 2, 3),
                "line_total": self.pick(Decimal(0), *[self.money(90) + 20] * 9),
            }
            for line in range(self.pick(0, 1, 1, 2, 3))
        ]

    def refund(self, number: int, orders: int) -> Row:
        order = self.pick(None, *[self.below(orders)] * 6, -1)
        return {
            "refund_id": f"R{number}",
            "order_id": None if order is None else f"O{order}",
            "order_item_id": self.pick(None, None if order is None else f"I{order}-0", "other"),
            "customer_id": self.pick(None, f"C{self.below(70)}", "X99"),
            "currency": self.pick(None, None, "USD", "JPY"),
            "amount": self.money(60),
            "refunded_at": self.pick(None, self.moment(), self.moment()),
        }


def fx_rates(currency: str) -> dict[tuple[str, str], Decimal]:
    """A rate a month from 2020 to 2030, of the currency that is not reported in."""
    dollar, yen = Decimal(150), Decimal("0.00671140939597")
    other, base = ("USD", dollar) if currency == "JPY" else ("JPY", yen)
    months = [f"{year}-{month:02d}" for year in range(2020, 2031) for month in range(1, 13)]
    return {(other, month): base + base * (i % 7) / 100 for i, month in enumerate(months)}


def given_for(case: dict[str, Any], maker: type[MadeUp]) -> Given:
    settings = {
        name: value for name, value in case.items() if name not in ("seed", "shops", "without")
    }
    as_of, zone = case["as_of"], case.get("business_timezone", "Asia/Tokyo")
    made_up = maker(case["seed"], as_of, zone, case.get("shops", ["shop"]))
    kept = [d for d in made_up.all_feeds() if d.feed not in case.get("without", ())]
    rates = fx_rates(case.get("reporting_currency", "JPY"))
    return Given(
        kept, id_systems=maker.id_systems, fx_rates=rates, margin_rates=MARGINS, **settings
    )

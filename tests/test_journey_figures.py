"""Every figure of the journey, recomputed apart from the SQL over random raw data."""

import csv
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, cached_property
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from raw_data import RawData

Row = dict[str, Any]
Cell = tuple[str, date, str, str]  # grain, period start, dimension, value

# A zone with 23 and 25 hour days, a fiscal year that is none of the calendar's, and an as-of
# date inside every period but the day.
ZONE = ZoneInfo("America/New_York")
AS_OF = date(2026, 2, 18)
FIRST_YEAR = 2025
FISCAL_YEAR_START = 4
INACTIVITY_DAYS = 60
MIN_CELL_SIZE = 3
SETTINGS = {
    "name": "Random",
    "business_timezone": "America/New_York",
    "fiscal_year_start": FISCAL_YEAR_START,
    "inactivity_days": INACTIVITY_DAYS,
    "min_cell_size": MIN_CELL_SIZE,
}
ID_SYSTEMS = {"customer_id": dict.fromkeys(["shop", "web", "app", "desk"], "crm")}
GRAINS = ("day", "week", "month", "quarter", "year")
CUT_GRAINS = ("month", "quarter", "year")
PERSON_CUTS = (
    "membership_tier", "prefecture", "acquisition_channel", "customer_segment", "gender",
    "age_band", "industry", "company_size", "tenure_band",
)  # fmt: skip
EVENTS = (
    "page_view", "product_view", "document_download", "add_to_cart", "begin_checkout", "purchase",
    "sign_up", "login", "app_open", "feature_use", "other",
)  # fmt: skip


# ---- random raw data


def midnight(day: date) -> datetime:
    """The instant at which a business date begins, as a naive UTC time."""
    local = datetime.combine(day, datetime.min.time(), ZONE)
    return local.astimezone(UTC).replace(tzinfo=None)


def business_date(instant: datetime) -> date:
    return instant.replace(tzinfo=UTC).astimezone(ZONE).date()


END = midnight(AS_OF + timedelta(days=1))


class RandomFeeds:
    """Rows of every feed that the journey is counted from; the same for the same seed."""

    def __init__(self, seed: int, persons: int = 90):
        self.random = random.Random(seed)
        self.persons = persons
        self.customers = list(self._customers())
        self.accounts = list(self._accounts())
        self.identities = list(self._identities())
        self.orders = list(self._orders())
        self.subscriptions = list(self._subscriptions())
        self.tickets = list(self._tickets())
        self.referrals = list(self._referrals())
        self.web_events = {"web": list(self._sessions("web")), "app": list(self._loose("app"))}
        self.ads = list(self._ads())
        self.searches = list(self._searches())

    def _maybe(self, share: float, value: Any) -> Any:
        return value if self.random.random() < share else None

    def _moment(self, first: date, last: date) -> datetime:
        """A second between two dates; now and then exactly midnight."""
        span = (midnight(last) - midnight(first)).total_seconds()
        moment = midnight(first) + timedelta(seconds=self.random.randrange(int(span)))
        return moment if self.random.random() < 0.95 else midnight(business_date(moment))

    def _customer(self, beyond: int = 6) -> str:
        """An id of a customer, or one that the CRM has never heard of."""
        return f"C{self.random.randrange(self.persons + beyond)}"

    def _customers(self) -> Iterator[Row]:
        for i in range(self.persons):
            fixed = {
                "customer_id": f"C{i}",
                "email": f"mail{i % (self.persons - 10)}",  # ten share another's address
                "birth_date": date(1950 + self.random.randrange(65), 2, 1 + i % 28),
                "created_at": datetime(2024, 1, 1),
            }
            for _ in range(self.random.choice([1, 1, 2, 3])):
                yield fixed | {
                    "membership_tier": self._maybe(0.8, self.random.choice(["gold", "silver"])),
                    "prefecture": self._maybe(0.9, f"p{self.random.randrange(12)}"),
                    "acquisition_channel": self.random.choice(["store", "referral"]),
                    "customer_segment": self._maybe(0.9, "consumer"),
                    "gender": self.random.choice(["f", "m", None]),
                    "account_id": self._maybe(0.5, f"A{self.random.randrange(6)}"),
                    "updated_at": self._moment(date(FIRST_YEAR - 1, 6, 1), AS_OF),
                }

    def _accounts(self) -> Iterator[Row]:
        for i in range(5):
            for _ in range(self.random.choice([1, 2])):
                yield {
                    "account_id": f"A{i}",
                    "industry": self._maybe(0.8, self.random.choice(["retail", "steel"])),
                    "company_size": self.random.choice(["small", "large"]),
                    "updated_at": self._moment(date(FIRST_YEAR - 1, 6, 1), AS_OF),
                }

    def _identities(self) -> Iterator[Row]:
        for i in range(self.persons):
            yield {
                "customer_id": self._customer(),
                "identity_type": "web_anonymous_id" if i % 9 else "loyalty_card",
                "identity_system": self.random.choice([None, "web", "app", "ios"]),
                "identity_value": f"W{self.random.randrange(60)}",
                "linked_at": self._maybe(0.8, self._moment(date(2026, 1, 1), date(2026, 3, 10))),
            }

    def _orders(self) -> Iterator[Row]:
        for i in range(260):
            ordered_at = self._moment(date(FIRST_YEAR, 1, 3), date(2026, 3, 5))
            status = self.random.choice(["paid", "shipped", "completed", "cancelled", "pending"])
            yield {
                "order_id": f"O{i:04d}",
                "customer_id": self._maybe(0.8, self._customer()),
                "email": self._maybe(0.6, f"mail{self.random.randrange(self.persons)}"),
                "ordered_at": ordered_at,
                "status": status,
                "cancelled_at": self._maybe(0.8, self._moment(date(2026, 1, 1), date(2026, 3, 5)))
                if status == "cancelled"
                else None,
                "currency": "JPY",
                "subtotal": 1000,
                "is_test": self._maybe(0.9, self.random.random() < 0.05),
            }

    def _subscriptions(self) -> Iterator[Row]:
        for i in range(60):
            started_at = self._moment(date(FIRST_YEAR, 1, 3), date(2026, 3, 1))
            lasts = timedelta(seconds=self.random.randrange(200 * 86400))
            yield {
                "subscription_id": f"S{i}",
                "customer_id": self._customer(),
                "amount": 100,
                "currency": "JPY",
                "billing_period": "month",
                "started_at": started_at,
                "ended_at": self._maybe(0.7, started_at + lasts),
            }

    def _tickets(self) -> Iterator[Row]:
        for i in range(300):
            opened_at = self._moment(date(FIRST_YEAR, 1, 3), date(2026, 3, 1))
            yield {
                "ticket_id": f"T{i}",
                "customer_id": self._maybe(0.6, self._customer()),
                "requester_email": self._maybe(0.7, f"mail{self.random.randrange(100)}"),
                "opened_at": opened_at,
                "first_responded_at": self._maybe(0.8, opened_at + self._some_seconds(3)),
                "resolved_at": self._maybe(0.8, opened_at + self._some_seconds(40)),
                "category": self._maybe(0.8, self.random.choice(["bill", "bug", "other"])),
                "is_satisfied": self._maybe(0.5, self.random.random() < 0.7),
            }

    def _some_seconds(self, days: int) -> timedelta:
        return timedelta(seconds=self.random.randrange(days * 86400))

    def _referrals(self) -> Iterator[Row]:
        ordered = [row for row in self.orders if row["customer_id"]]
        for i in range(160):
            order = self.random.choice(ordered)
            at_once = self.random.random() < 0.5
            yield {
                "referral_id": f"R{i}",
                "referrer_customer_id": self._customer(),
                "referee_customer_id": order["customer_id"]
                if at_once
                else self._maybe(0.9, self._customer()),
                "referred_at": order["ordered_at"]
                if at_once
                else self._moment(date(FIRST_YEAR, 1, 3), date(2026, 3, 1)),
            }

    def _sessions(self, system: str) -> Iterator[Row]:
        """Most events with the source's session, signed in halfway or by several persons."""
        for number in range(420):
            at = self._moment(date(2025, 9, 20), date(2026, 2, 25))
            visitor, customer = f"W{self.random.randrange(60)}", self._customer()
            for _ in range(self.random.choice([1, 1, 2, 3, 6])):
                yield self._event(system, at, f"N{number}", visitor, self._maybe(0.3, customer))
                at += timedelta(seconds=self.random.choice([0, 1, 50, 1800, 4000]))
                if self.random.random() < 0.03:
                    visitor, customer = f"W{self.random.randrange(60)}", self._customer()
        yield from self._loose(system, visits=60)

    def _loose(self, system: str, visits: int = 300) -> Iterator[Row]:
        """Events without a session, often exactly half an hour apart."""
        for _ in range(visits):
            at = self._moment(date(2025, 9, 20), date(2026, 2, 25))
            visitor = f"W{self.random.randrange(60)}"
            for _ in range(self.random.choice([1, 2, 4])):
                yield self._event(system, at, None, visitor, self._maybe(0.08, self._customer()))
                at += timedelta(seconds=self.random.choice([0, 600, 1799, 1800, 1801, 1799.999999]))

    def _event(
        self, system: str, at: datetime, session: str | None, visitor: str, customer: str | None
    ) -> Row:
        platforms = ["web", "web", "other", None] if system == "web" else ["ios", "android"]
        return {
            "event_id": f"E{self.random.randrange(10**12):012d}",
            "anonymous_id": visitor,
            "customer_id": customer,
            "session_id": session,
            "occurred_at": at,
            "event_name": self.random.choice(EVENTS),
            "platform": self.random.choice(platforms),
            "utm_campaign": self._maybe(0.5, f"K{self.random.randrange(4)}"),
        }

    def _ads(self) -> Iterator[Row]:
        for day in days(date(2025, 10, 3), date(2026, 2, 25)):
            for ad in range(self.random.choice([0, 0, 1, 3])):
                yield {
                    "platform": self.random.choice(["facebook", "google"]),
                    "campaign_id": f"K{self.random.randrange(4)}",
                    "ad_id": f"A{ad}",
                    "date": day,
                    "impressions": self._maybe(0.8, self.random.randrange(1000)),
                    "clicks": self._maybe(0.8, self.random.randrange(100)),
                    "reach": self._maybe(0.7, self.random.randrange(500)),
                    "audience_size": self._maybe(0.7, 500 + self.random.randrange(500)),
                }

    def _searches(self) -> Iterator[Row]:
        for day in days(date(2025, 10, 3), date(2026, 2, 25)):
            for query in range(self.random.choice([0, 1, 2])):
                yield {
                    "site": "shop",
                    "query": f"q{query}",
                    "page": "/",
                    "date": day,
                    "impressions": self._maybe(0.9, self.random.randrange(200)),
                    "clicks": self._maybe(0.9, self.random.randrange(20)),
                    "average_position": self._maybe(0.8, self.random.randrange(10**6) / 10**4),
                }

    def deliver(self, raw: RawData) -> None:
        """Write every feed, some events in a second load once more."""
        for feed, system, rows in [
            ("customers", "crm", self.customers),
            ("accounts", "crm", self.accounts),
            ("identities", "crm", self.identities),
            ("orders", "shop", self.orders),
            ("subscriptions", "crm", self.subscriptions),
            ("support_tickets", "desk", self.tickets),
            ("referrals", "crm", self.referrals),
            ("web_events", "web", self.web_events["web"]),
            ("web_events", "app", self.web_events["app"]),
            ("web_events", "app", self.web_events["app"][:50]),
            ("ads_daily", "ads", self.ads),
            ("search_daily", "search", self.searches),
        ]:
            raw.deliver(feed, system, rows)


def days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


# ---- periods and persons


@dataclass(frozen=True)
class Period:
    grain: str
    start: date
    end: date

    @property
    def counted_to(self) -> date:
        return min(self.end, AS_OF + timedelta(days=1))

    @property
    def days(self) -> int:
        return (self.counted_to - self.start).days


def add_months(day: date, months: int) -> date:
    month = day.year * 12 + day.month - 1 + months
    return date(month // 12, month % 12 + 1, 1)


def period_of(grain: str, day: date) -> Period:
    if grain == "day":
        return Period(grain, day, day + timedelta(days=1))
    if grain == "week":
        start = day - timedelta(days=day.weekday())
        return Period(grain, start, start + timedelta(days=7))
    length = {"month": 1, "quarter": 3, "year": 12}[grain]
    since_fiscal = (day.month - FISCAL_YEAR_START) % 12
    start = add_months(day.replace(day=1), -(since_fiscal % length))
    return Period(grain, start, add_months(start, length))


class Recomputed:
    """The figures of random feeds, by the definitions and without a line of SQL."""

    def __init__(self, feeds: RandomFeeds):
        self.feeds = feeds
        self.first_day = min(
            day
            for day in (
                *(business_date(r["ordered_at"]) for r in feeds.orders),
                *(business_date(r["started_at"]) for r in feeds.subscriptions),
                *(business_date(r["opened_at"]) for r in feeds.tickets),
                *(business_date(r["referred_at"]) for r in feeds.referrals),
            )
        )

    @cached_property
    def periods(self) -> list[Period]:
        every = days(self.first_day, AS_OF)
        return sorted(
            {period_of(grain, day) for grain in GRAINS for day in every},
            key=lambda p: (p.grain, p.start),
        )

    @cached_property
    def owners(self) -> dict[str, str]:
        """E-mail to the one customer who has it."""
        holders = defaultdict(set)
        for row in self.feeds.customers:
            holders[row["email"]].add(row["customer_id"])
        return {email: next(iter(ids)) for email, ids in holders.items() if len(ids) == 1}

    def person(self, row: Row, email: str) -> str | None:
        return row["customer_id"] or self.owners.get(row[email])

    # ---- orders, contracts and attributes

    @cached_property
    def orders(self) -> list[Row]:
        counting = [
            row | {"person": self.person(row, "email"), "day": business_date(row["ordered_at"])}
            for row in self.feeds.orders
            if not row["is_test"]
            and row["ordered_at"] < END
            and row["status"] != "pending"
            and (row["status"] != "cancelled" or (row["cancelled_at"] or datetime.min) >= END)
        ]
        return sorted(counting, key=lambda r: (r["ordered_at"], r["order_id"]))

    @cached_property
    def contracts(self) -> list[Row]:
        known = [r for r in self.feeds.subscriptions if r["started_at"] < END]
        return [r if (r["ended_at"] or END) < END else r | {"ended_at": None} for r in known]

    @cached_property
    def first_orders(self) -> dict[str, Row]:
        firsts: dict[str, Row] = {}
        for row in self.orders:
            if row["person"]:
                firsts.setdefault(row["person"], row)
        return firsts

    @cached_property
    def order_days(self) -> dict[str, set[date]]:
        by_person = defaultdict(set)
        for row in self.orders:
            if row["person"]:
                by_person[row["person"]].add(row["day"])
        return by_person

    def buys(self, person: str, at: date) -> bool:
        since = at - timedelta(days=INACTIVITY_DAYS)
        return any(since <= day < at for day in self.order_days.get(person, ()))

    def subscribes(self, person: str, at: date) -> bool:
        moment = midnight(at)
        return any(
            row["started_at"] < moment and not (row["ended_at"] and row["ended_at"] < moment)
            for row in self.contracts
            if row["customer_id"] == person
        )

    @cached_property
    def first_dates(self) -> dict[str, date]:
        firsts: dict[str, date] = {p: row["day"] for p, row in self.first_orders.items()}
        for row in self.contracts:
            started = business_date(row["started_at"])
            firsts[row["customer_id"]] = min(started, firsts.get(row["customer_id"], started))
        return firsts

    @cache  # noqa: B019
    def attribute(self, person: str, name: str, at: date) -> str:
        if name == "tenure_band":
            first = self.first_dates.get(person)
            if first is None or at <= first:
                return "none"
            age = (at - first).days
            return "0-90" if age <= 90 else "91-365" if age <= 365 else "366+"
        row = in_force(self.feeds.customers, "customer_id", person, at)
        if row is None:
            return "unknown"
        if name == "age_band":
            born = row["birth_date"]
            age = at.year - born.year - ((at.month, at.day) < (born.month, born.day))
            return "0-19" if age < 20 else "60+" if age >= 60 else f"{age // 10}0-{age // 10}9"
        if name in ("industry", "company_size"):
            row = in_force(self.feeds.accounts, "account_id", row["account_id"], at) or {}
        return row.get(name) or "unknown"

    # ---- web

    @cached_property
    def events(self) -> list[Row]:
        events = [
            row
            | {
                "visitor": f"{system}:{row['anonymous_id']}",
                "system": system,
                "day": business_date(row["occurred_at"]),
            }
            for system, rows in self.feeds.web_events.items()
            for row in rows
            if row["occurred_at"] < END
        ]
        events.sort(key=lambda r: (r["occurred_at"], r["event_id"]))
        persons = self._visitors_persons(events)
        for row in events:
            row["person"] = row["customer_id"] or persons.get(row["visitor"])
            row["user"] = row["person"] or ("anonymous", row["visitor"])
        return events

    def _visitors_persons(self, events: list[Row]) -> dict[str, str]:
        known = defaultdict(set)
        for row in events:
            if row["customer_id"]:
                known[row["visitor"]].add(row["customer_id"])
        for row in self.feeds.identities:
            if (
                row["identity_type"] == "web_anonymous_id"
                and (row["linked_at"] or datetime.min) < END
            ):
                named = row["identity_system"]
                for system in [named] if named in ("web", "app") else ["web", "app"]:
                    known[f"{system}:{row['identity_value']}"].add(row["customer_id"])
        return {visitor: next(iter(ids)) for visitor, ids in known.items() if len(ids) == 1}

    @cached_property
    def sessions(self) -> list[Row]:
        parts = defaultdict(list)
        last: dict[str, tuple[datetime, int]] = {}
        for row in self.events:
            if row["session_id"]:
                parts[row["system"], row["session_id"]].append(row)
                continue
            before, number = last.get(row["visitor"], (datetime.min, 0))
            number += row["occurred_at"] - before >= timedelta(minutes=30)
            last[row["visitor"]] = (row["occurred_at"], number)
            parts["built", row["visitor"], number].append(row)
        return [self._session(events) for events in parts.values()]

    def _session(self, events: list[Row]) -> Row:
        names = [row["event_name"] for row in events]
        persons = {row["person"] for row in events if row["person"]}
        return {
            "day": events[0]["day"],
            "platform": events[0]["platform"],
            "campaign": events[0]["utm_campaign"],
            "person": persons.pop() if len(persons) == 1 else None,
            "session_id": events[0]["session_id"],
            "system": events[0]["system"],
            "events": len(events),
            "pages": names.count("page_view") + names.count("product_view"),
            "dwell": (events[-1]["occurred_at"] - events[0]["occurred_at"]).total_seconds(),
            **{name: name in names for name in EVENTS},
        }

    @cached_property
    def visitors(self) -> list[Row]:
        firsts: dict[str, Row] = {}
        for row in self.events:
            firsts.setdefault(row["visitor"], row | {"campaign": row["utm_campaign"]})
        return list(firsts.values())

    @cached_property
    def tickets(self) -> list[Row]:
        return [
            row
            | {
                "person": self.person(row, "requester_email"),
                "day": business_date(row["opened_at"]),
                "category": row["category"] or "unknown",
                "answered": hours(row["opened_at"], row["first_responded_at"]),
                "resolved": hours(row["opened_at"], row["resolved_at"]),
            }
            for row in self.feeds.tickets
            if row["opened_at"] < END
        ]

    @cached_property
    def referrals(self) -> list[Row]:
        return [
            row | {"day": business_date(row["referred_at"])}
            for row in self.feeds.referrals
            if row["referred_at"] < END
        ]

    @cached_property
    def new_customers(self) -> list[Row]:
        referred = defaultdict(list)
        for row in self.referrals:
            referred[row["referee_customer_id"]].append(row["referred_at"])
        return [
            row | {"is_referred": any(at <= row["ordered_at"] for at in referred[person])}
            for person, row in self.first_orders.items()
        ]

    @cache  # noqa: B019
    def active(self, period: Period) -> list[Row]:
        """Persons active at the period's end, with what they did in it."""
        asked = {r["person"] for r in self.tickets if period.start <= r["day"] < period.counted_to}
        referred = {
            r["referrer_customer_id"]
            for r in self.referrals
            if period.start <= r["day"] < period.counted_to
        }
        known = set(self.order_days) | {row["customer_id"] for row in self.contracts}
        rows = []
        for person in known:
            buys = self.buys(person, period.counted_to)
            if buys or self.subscribes(person, period.counted_to):
                rows.append(
                    {
                        "person": person,
                        "buys": buys,
                        "asked": person in asked,
                        "referred": person in referred,
                    }
                )
        return rows


def in_force(rows: list[Row], key: str, value: str | None, at: date) -> Row | None:
    """The version in force when a date begins, else the first one known."""
    versions = sorted((r for r in rows if r[key] == value), key=lambda r: r["updated_at"])
    begun = [row for row in versions if row["updated_at"] <= midnight(at)]
    return begun[-1] if begun else versions[0] if versions else None


def hours(since: datetime, until: datetime | None) -> float | None:
    return (until - since).total_seconds() / 3600 if until and until < END else None


# ---- figures


@dataclass(frozen=True)
class Figure:
    numerator: float | None
    denominator: float | None
    n: int
    persons: int | None = None
    value: float | None = None  # of a median
    deviations: float | None = None  # of a mean: the squared ones, summed


Measure = Callable[[list[Row], Period], Figure]


@dataclass(frozen=True)
class Kpi:
    kind: str
    rows: str | Callable[[Recomputed, Period], list[Row]]  # a list with a day, or rows of a period
    measure: Measure
    cuts: tuple[str, ...] = ()
    interval: str = "none"
    grains: tuple[str, ...] = GRAINS

    @property
    def is_about_persons(self) -> bool:
        return "membership_tier" in self.cuts


def total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def persons(rows: Iterable[Row]) -> int:
    return len({row["person"] for row in rows if row["person"]})


def counted(of: str | None = None) -> Measure:
    """How many rows (that have the flag)."""

    def measure(rows: list[Row], period: Period) -> Figure:
        n = sum(1 for row in rows if of is None or row[of])
        return Figure(n, 1, n)

    return measure


def share(part: Callable[[Row], bool], base: Callable[[Row], bool] = lambda row: True) -> Measure:
    """Rows of the base that are also of the part."""

    def measure(rows: list[Row], period: Period) -> Figure:
        of = [row for row in rows if base(row)]
        return Figure(sum(1 for row in of if part(row)), len(of), len(of), _about(of))

    return measure


def _about(rows: list[Row]) -> int | None:
    return persons(rows) if not rows or "person" in rows[0] else None


def summed(column: str) -> Measure:
    def measure(rows: list[Row], period: Period) -> Figure:
        values = [row[column] for row in rows]
        return Figure(total(values) if values else 0, 1, len(rows))

    return measure


def of_sums(upper: Callable[[Row], float], lower: str, needs: str) -> Measure:
    """A ratio of sums over the rows that have both columns."""

    def measure(rows: list[Row], period: Period) -> Figure:
        both = [row for row in rows if row[lower] is not None and row[needs] is not None]
        empty = 0 if not rows else None
        numerator = total(upper(row) for row in both)
        denominator = total(row[lower] for row in both)
        return Figure(
            empty if numerator is None else numerator,
            empty if denominator is None else denominator,
            len(both),
        )

    return measure


def dwell(rows: list[Row], period: Period) -> Figure:
    longer = [row["dwell"] for row in rows if row["events"] > 1]
    mean = sum(longer) / max(len(longer), 1)
    deviations = sum((seconds - mean) ** 2 for seconds in longer)
    return Figure(sum(longer), len(longer), len(longer), deviations=deviations)


def users(rows: list[Row], name: str) -> dict[Any, list[Row]]:
    by_user = defaultdict(list)
    for row in rows:
        if row["event_name"] == name:
            by_user[row["user"]].append(row)
    return by_user


def identified(by_user: Iterable[Any]) -> int:
    return sum(1 for user in by_user if isinstance(user, str))


def app_users(rows: list[Row], period: Period) -> Figure:
    opened = users(rows, "app_open")
    return Figure(len(opened), 1, len(opened), identified(opened))


def per_user_week(name: str) -> Measure:
    def measure(rows: list[Row], period: Period) -> Figure:
        by_user = users(rows, name)
        times = sum(len(found) for found in by_user.values())
        return Figure(times, len(by_user) * period.days / 7, len(by_user), identified(by_user))

    return measure


def stickiness(rows: list[Row], period: Period) -> Figure:
    opened = users(rows, "app_open")
    user_days = sum(len({row["day"] for row in found}) for found in opened.values())
    return Figure(user_days / period.days, len(opened), len(opened), identified(opened))


def feature_usage(rows: list[Row], period: Period) -> Figure:
    opened, used = users(rows, "app_open"), users(rows, "feature_use")
    return Figure(len(opened.keys() & used.keys()), len(opened), len(opened), identified(opened))


def tickets_opened(rows: list[Row], period: Period) -> Figure:
    return Figure(len(rows), 1, len(rows), persons(rows))


def median_of(column: str) -> Measure:
    def measure(rows: list[Row], period: Period) -> Figure:
        known = [row for row in rows if row[column] is not None]
        value = median(row[column] for row in known) if known else None
        return Figure(None, None, len(known), persons(known), value)

    return measure


WEB = ("platform", "campaign")
APP = (*PERSON_CUTS, "platform")
DESK = (*PERSON_CUTS, "category")
KPIS = {
    "seo_impressions": Kpi("sum", "searches", summed("impressions")),
    "seo_click_through_rate": Kpi(
        "percent", "searches", of_sums(lambda r: r["clicks"], "impressions", "clicks")
    ),
    "seo_average_position": Kpi(
        "ratio",
        "searches",
        of_sums(
            lambda r: r["average_position"] * r["impressions"], "impressions", "average_position"
        ),
    ),
    "ad_impressions": Kpi("sum", "ads", summed("impressions"), WEB),
    "ad_click_through_rate": Kpi(
        "percent", "ads", of_sums(lambda r: r["clicks"], "impressions", "clicks"), WEB
    ),
    "ad_daily_reach_rate": Kpi(
        "percent", "ads", of_sums(lambda r: r["reach"], "audience_size", "reach"), WEB
    ),
    "new_visitors": Kpi("count", "visitors", counted(), WEB),
    "sessions": Kpi("count", "sessions", counted(), WEB),
    "bounce_rate": Kpi("percent", "sessions", share(lambda r: r["events"] == 1), WEB, "wilson"),
    "session_dwell_seconds": Kpi("mean", "sessions", dwell, WEB, "t"),
    "pages_per_session": Kpi(
        "ratio",
        "sessions",
        lambda rows, period: Figure(sum(r["pages"] for r in rows), len(rows), len(rows)),
        WEB,
    ),
    "document_download_rate": Kpi(
        "percent", "sessions", share(lambda r: r["document_download"]), WEB, "wilson"
    ),
    "conversion_rate": Kpi("percent", "sessions", share(lambda r: r["purchase"]), WEB, "wilson"),
    "cart_abandonment_rate": Kpi(
        "percent",
        "sessions",
        share(lambda r: not r["purchase"], lambda r: r["add_to_cart"]),
        WEB,
        "wilson",
    ),
    "checkout_completion_rate": Kpi(
        "percent",
        "sessions",
        share(lambda r: r["purchase"], lambda r: r["begin_checkout"]),
        WEB,
        "wilson",
    ),
    "app_users": Kpi("count", "events", app_users, APP),
    "app_launches_per_user_week": Kpi("ratio", "events", per_user_week("app_open"), APP),
    "logins_per_user_week": Kpi("ratio", "events", per_user_week("login"), APP),
    "app_stickiness": Kpi("ratio", "events", stickiness, APP, grains=("month",)),
    "feature_usage_rate": Kpi("percent", "events", feature_usage, APP, "wilson"),
    "support_tickets": Kpi("count", "tickets", tickets_opened, DESK),
    "first_response_hours": Kpi("median", "tickets", median_of("answered"), DESK),
    "resolution_hours": Kpi("median", "tickets", median_of("resolved"), DESK),
    "resolved_rate": Kpi(
        "percent", "tickets", share(lambda r: r["resolved"] is not None), DESK, "wilson"
    ),
    "ticket_satisfaction_rate": Kpi(
        "percent",
        "tickets",
        share(lambda r: r["is_satisfied"], lambda r: r["is_satisfied"] is not None),
        DESK,
        "wilson",
    ),
    "inquiry_rate": Kpi(
        "percent", Recomputed.active, share(lambda r: r["asked"]), PERSON_CUTS, "wilson"
    ),
    "referral_rate": Kpi(
        "percent", "new_customers", share(lambda r: r["is_referred"]), PERSON_CUTS, "wilson"
    ),
    "referrer_rate": Kpi(
        "percent",
        Recomputed.active,
        share(lambda r: r["referred"], lambda r: r["buys"]),
        PERSON_CUTS,
        "wilson",
    ),
}
Z = 1.959963984540054


def cells(recomputed: Recomputed, kpi: Kpi) -> dict[Cell, Figure]:
    """Every cell of a KPI: overall in every period, a cut where its base is not empty."""
    found: dict[Cell, Figure] = {}
    for period in recomputed.periods:
        if period.grain not in kpi.grains:
            continue
        rows = _rows(recomputed, kpi, period)
        found[period.grain, period.start, "overall", "all"] = kpi.measure(rows, period)
        for cut in kpi.cuts:
            if period.grain not in CUT_GRAINS and cut != "platform":
                continue
            for value, part in _parts(recomputed, rows, cut, period.start).items():
                figure = kpi.measure(part, period)
                if figure.n:
                    found[period.grain, period.start, cut, value] = figure
    return found


def _rows(recomputed: Recomputed, kpi: Kpi, period: Period) -> list[Row]:
    if callable(kpi.rows):
        return kpi.rows(recomputed, period)
    rows = getattr(recomputed, kpi.rows, None) or getattr(recomputed.feeds, kpi.rows)
    return [r for r in rows if period.start <= _day(r) < period.counted_to]


def _day(row: Row) -> date:
    return row["day"] if "day" in row else row["date"]


def _parts(recomputed: Recomputed, rows: list[Row], cut: str, at: date) -> dict[str, list[Row]]:
    parts = defaultdict(list)
    for row in rows:
        if cut in PERSON_CUTS:
            value = recomputed.attribute(row["person"], cut, at) if row["person"] else None
        else:
            value = row.get(cut) or (row.get("campaign_id") if cut == "campaign" else None)
        if value:
            parts[value].append(row)
    return parts


def hidden(found: dict[Cell, Figure], kpi: Kpi) -> set[Cell]:
    """Cells on too few persons, and the next smallest beside a single one."""
    if not kpi.is_about_persons:
        return set()
    out: set[Cell] = set()
    cut = sorted(cell for cell in found if cell[2] != "overall")
    for _, group in groupby(cut, key=lambda cell: cell[:3]):
        ranked = sorted(group, key=lambda cell: (found[cell].persons, cell[3]))
        small = [cell for cell in ranked if found[cell].persons < MIN_CELL_SIZE]
        out.update(ranked[:2] if len(small) == 1 else small)
    return out


def value_of(figure: Figure, kind: str) -> float | None:
    if kind == "median":
        return figure.value
    if not figure.denominator or figure.numerator is None:
        return None
    return figure.numerator / figure.denominator * (100 if kind == "percent" else 1)


def interval_of(figure: Figure, kpi: Kpi) -> tuple[float | None, float | None]:
    value = value_of(figure, kpi.kind)
    if value is None or kpi.interval == "none":
        return None, None
    n = figure.n
    if kpi.interval == "wilson":
        p = value / 100
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
        return 100 * max(middle - half, 0), 100 * min(middle + half, 1)
    if n == 1:
        return None, None
    half = t_quantile(n - 1) * math.sqrt(figure.deviations / (n - 1) / n)
    return value - half, value + half


@cache
def t_quantile(df: int) -> float:
    """The 97.5 % quantile of Student's t, by bisection of its integrated density."""
    constant = math.exp(math.lgamma((df + 1) / 2) - math.lgamma(df / 2)) / math.sqrt(df * math.pi)

    def below(x: float, steps: int = 4000) -> float:
        # with x = √df tan θ the density becomes a power of a cosine
        top = math.atan(x / math.sqrt(df))
        width = top / steps
        inner = sum((4 if i % 2 else 2) * math.cos(i * width) ** (df - 1) for i in range(1, steps))
        area = (1 + inner + math.cos(top) ** (df - 1)) * width / 3
        return 0.5 + constant * math.sqrt(df) * area

    low, high = 1.9, 13.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) < 0.975 else (low, middle)
    return (low + high) / 2


# ---- the comparison


@pytest.fixture(scope="module")
def feeds() -> RandomFeeds:
    return RandomFeeds(seed=20260218)


@pytest.fixture(scope="module")
def recomputed(feeds: RandomFeeds) -> Recomputed:
    return Recomputed(feeds)


@pytest.fixture(scope="module")
def warehouse(feeds: RandomFeeds, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    raw = RawData(tmp_path_factory.mktemp("random") / "company", SETTINGS)
    feeds.deliver(raw)
    path = raw.build(AS_OF, "+kpi_values web_sessions", ID_SYSTEMS)
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


def published(warehouse: Any, code: str) -> dict[Cell, Row]:
    cursor = warehouse.execute("select * from marts.kpi_values where kpi = ?", [code])
    names = [column[0] for column in cursor.description]
    rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    key = ("grain", "period_start", "segment_dimension", "segment_value")
    return {tuple(row[name] for name in key): row for row in rows}


@pytest.mark.parametrize("code", KPIS)
def test_every_cell_is_as_recomputed(code: str, warehouse: Any, recomputed: Recomputed) -> None:
    kpi = KPIS[code]
    expected, found = cells(recomputed, kpi), published(warehouse, code)
    assert set(found) == set(expected)
    too_small = hidden(expected, kpi)
    for cell, figure in expected.items():
        row = found[cell]
        assert row["is_suppressed"] == (cell in too_small), cell
        if cell in too_small:
            figures = ("numerator", "denominator", "value", "ci_low", "ci_high", "n", "persons")
            assert all(row[name] is None for name in figures), cell
            continue
        low, high = interval_of(figure, kpi)
        about = figure.persons if kpi.is_about_persons else None
        wanted = {
            "numerator": figure.numerator,
            "denominator": figure.denominator,
            "value": value_of(figure, kpi.kind),
            "ci_low": low,
            "ci_high": high,
            "n": figure.n,
            "persons": about,
        }
        got = {name: row[name] for name in wanted}
        assert got == {
            name: None if value is None else pytest.approx(value, rel=1e-9, abs=1e-7)
            for name, value in wanted.items()
        }, cell


def test_the_random_data_reach_every_kpi_and_cut(warehouse: Any, recomputed: Recomputed) -> None:
    for code, kpi in KPIS.items():
        shown = {
            cell[2] for cell, row in published(warehouse, code).items() if row["value"] is not None
        }
        assert shown == {"overall", *kpi.cuts}, code


def test_every_session_is_a_row_of_the_mart(warehouse: Any, recomputed: Recomputed) -> None:
    rows = warehouse.execute(
        """
        select system, session_id, session_date, platform, campaign_id, person_key,
            event_count, dwell_seconds,
            page_view_count + product_view_count, purchase_count > 0, has_cart, is_bounce
        from marts.web_sessions
        """
    ).fetchall()
    wanted = [
        (
            row["system"],
            row["session_id"],
            row["day"],
            row["platform"],
            row["campaign"],
            row["person"] and f"crm:{row['person']}",
            row["events"],
            row["dwell"],
            row["pages"],
            row["purchase"],
            row["add_to_cart"],
            row["events"] == 1,
        )
        for row in recomputed.sessions
    ]
    assert sorted(rows, key=repr) == sorted(wanted, key=repr)


def test_students_quantiles_are_the_ones_in_the_seed() -> None:
    seed = Path(__file__).parents[1] / "seeds" / "reference" / "student_t.csv"
    with seed.open(encoding="utf-8") as file:
        for row in list(csv.DictReader(file))[:60:7]:
            assert t_quantile(int(row["degrees_of_freedom"])) == pytest.approx(
                float(row["quantile"]), rel=1e-8
            )

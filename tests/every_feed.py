"""Random rows for every feed, made from the contract alone, on both sides of an as-of date."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pyarrow as pa

from orchestration.contract import Column, Feed, feeds_by_name, load_contract

Row = dict[str, Any]
Feeds = dict[str, list[Row]]

# When a row begins to be known, where that is not the feed's `event_at`.
KNOWN_FROM = {"customers": "created_at", "identities": "linked_at", "products": "valid_from"}
# Feeds without time: what their newest version says was always so.
TIMELESS = ("accounts", "surveys")
# Feeds whose versions are in force from their `updated_at`.
VERSIONED = ("customers", "accounts")
# Rows that without a time of their own have that of another.
OF = {"refunds": "order_id"}
# Dates that lie ahead by nature: they are known before they come.
PLANNED = ("subscriptions.term_ends_at", "subscription_changes.term_ends_at", "campaigns.ended_at")
# What was said before the thing happened that a later timestamp tells of.
SAID_BEFORE = {
    "orders.cancelled_at": ("status", {"cancelled": "completed"}),
    "subscriptions.ended_at": ("cancel_reason", {}),
    "support_tickets.resolved_at": ("status", {}),
    "feedback_items.replied_at": ("status", {}),
}

NUMBERS = {
    "customers": 60,
    "accounts": 20,
    "campaigns": 30,
    "products": 70,
    "subscriptions": 80,
    "surveys": 6,
    "orders": 700,
    "order_items": 1100,
    "responses": 500,
    "answers": 2500,
    "message_events": 1500,
    "web_events": 1500,
    "posts": 60,
}
# Things that have several rows each.
IDS = {"products": 30, "accounts_daily": 5}
WORDS = {
    "currency": ["JPY", "JPY", "USD"],
    "status": ["placed", "completed", "completed", "completed", "returned", "cancelled", "pending"],
    "platform": ["x", "instagram", "line"],
    "question_code": ["nps", "nps", "csat", "ces", "empathy_1", "attachment_1", "touchpoint_till"],
    "channel": ["email", "line", "store"],
    "objective": ["acquisition", "acquisition", "retention"],
    "store_id": ["1", "2", "3"],
    "anonymous_id": [f"W{i}" for i in range(60)],
    "session_id": [f"S{i}" for i in range(200)],
    "message_id": [f"M{i}" for i in range(500)],
    "hashtags": ["spring", "spring,sale"],
    "utm_campaign": [f"campaigns-{i}" for i in range(3)],
}
WORDS["identity_value"] = [f"mail-{i}" for i in range(40)] + WORDS["anonymous_id"]
WORDS["identity_system"] = ["x", "instagram", "web"]


def words_of(feed: Feed, name: str) -> list[str | None]:
    words = WORDS.get(name, [f"{name}-{i}" for i in range(3)])
    return WORDS.get(f"{feed.name}.{name}", words)


def ids_of(feed: Feed) -> int:
    """How many things of the feed there are for other rows to name."""
    return IDS.get(feed.name, NUMBERS.get(feed.name, 200))


def time_column(feed: Feed) -> str | None:
    """The column that says when a row of the feed happened or began to be known."""
    return feed.event_at or KNOWN_FROM.get(feed.name)


def parent_of(feed: Feed) -> Feed | None:
    parent = feed.parent and feed.column(feed.parent).id_of
    return feeds_by_name()[parent] if parent else None


def link_of(feed: Feed) -> str | None:
    """The column that names what a row without a time of its own belongs to."""
    return feed.parent or OF.get(feed.name)


def later_columns(feed: Feed) -> list[str]:
    """The columns that say when something more happened to the row."""
    return [
        column.name
        for column in feed.columns
        if column.type == "timestamp"
        and column.name not in (time_column(feed), "updated_at")
        and f"{feed.name}.{column.name}" not in PLANNED
    ]


def id_systems() -> dict[str, dict[str, str]]:
    """Every id is of the system that delivers the feed that it names; a system is a source."""
    found: dict[str, dict[str, str]] = {}
    for feed in load_contract():
        others = {f.source for f in load_contract() if f.refers_to(feed)} - {feed.source}
        if others:
            found[feed.own_id] = dict.fromkeys(sorted(others), feed.source)
    return found


@dataclass(frozen=True)
class AsOf:
    """An as-of date, and the instant at which the next business date begins."""

    day: date
    zone: ZoneInfo

    @property
    def end(self) -> datetime:
        day = self.day + timedelta(days=1)
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return local.astimezone(UTC).replace(tzinfo=None)

    def is_past(self, value: date | datetime | None) -> bool:
        """Whether something lies after the date."""
        if value is None:
            return False
        return value >= self.end if isinstance(value, datetime) else value > self.day


# Feeds whose rows others are part of: those would be of something unknown without them.
PARENTS = {parent.name for feed in load_contract() if (parent := parent_of(feed))}


class EveryFeed:
    """Rows of every feed around an as-of date, the same for a seed."""

    def __init__(self, seed: int, as_of: AsOf, days_before: int = 580):
        """Rows from so many days before the end of the as-of date to eighty after it."""
        self.random = Random(seed)
        self.as_of, self.days_before = as_of, days_before

    def pick(self, *options: Any) -> Any:
        return self.random.choice(options)

    def often(self, share: float) -> bool:
        return self.random.random() < share

    def below(self, number: int) -> int:
        return self.random.randrange(number)

    # ---- rows

    def feeds(self, prefix: str = "", share: float = 1) -> Feeds:
        """Rows of every feed, some in two versions; ids of what is new begin with `prefix`."""
        made: Feeds = {}
        for feed in sorted(load_contract(), key=lambda feed: feed.parent is not None):
            rows = []
            for i in range(int(NUMBERS.get(feed.name, 200) * share)):
                fixed = (
                    {feed.own_id: f"{prefix}{feed.name}-{i % ids_of(feed)}"} if feed.own_id else {}
                )
                if parent := parent_of(feed):
                    fixed[feed.parent] = self.pick(*made[parent.name])[feed.parent]
                rows.append(self.row(feed, fixed))
            rows = list({key_of(feed, row): row for row in rows}.values())
            made[feed.name] = valid(feed, rows + self.versions(feed, rows))
        return made

    def row(self, feed: Feed, fixed: Row) -> Row:
        row = {column.name: self.value(feed, column) for column in feed.columns} | fixed
        begun = row.get(time_column(feed))
        for column in feed.columns:
            name = column.name
            follows = column.type == "timestamp" and name not in (time_column(feed), "updated_at")
            if follows and isinstance(begun, datetime):
                row[name] = self.pick(None, self.after(begun), self.after(begun))
        return row

    def versions(self, feed: Feed, rows: list[Row]) -> list[Row]:
        """Of some rows another version: of the same time, older or newer, else different."""
        kept = [*feed.key, time_column(feed), link_of(feed)]
        again = [
            self.row(feed, {name: row[name] for name in kept if name})
            | {"updated_at": self.pick(self.moment(), self.as_of.end)}
            for row in rows
            for _ in range(3 if feed.name in VERSIONED else 1)
            if self.often(0.2) and not feed.parent
        ]
        said = {(key_of(feed, row), row["updated_at"]) for row in rows}
        versions = {(key_of(feed, row), row["updated_at"]): row for row in again}
        return [row for version, row in versions.items() if version not in said]

    def value(self, feed: Feed, column: Column) -> Any:
        if not column.required and column.name != "updated_at" and self.often(0.15):
            return None
        if column.id_of:
            target = feeds_by_name()[column.id_of]
            if self.often(0.03):
                return f"unknown-{self.below(200)}"
            return f"{target.name}-{self.below(ids_of(target))}"
        if column.enum:
            return self.pick(*column.enum)
        match column.type:
            case "boolean":
                return self.often(0.1 if column.name == "is_test" else 0.6)
            case "integer":
                return self.below(50) if column.name != "quantity" else self.below(4)
            case "decimal":
                return self.decimal(column)
            case "timestamp":
                return self.moment()
            case "date":
                born = column.name == "birth_date"
                return date(1950, 1, 1) + timedelta(self.below(20000)) if born else self.day()
        if column.pii and not column.plain_where:
            return f"mail-{self.below(80)}"
        return self.pick(*words_of(feed, column.name))

    def decimal(self, column: Column) -> Decimal:
        if column.name in ("numeric_value", "rating"):
            return Decimal(self.pick(1, 2, 3, 4, 5, 5, 9, 10))
        return Decimal(self.below(10000)) / 100

    # ---- time

    def day(self) -> date:
        edge = self.pick(1, 0 if self.days_before else 1)
        return self.as_of.day + timedelta(days=edge if self.often(0.1) else 81 - self.span(days=1))

    def moment(self) -> datetime:
        """An instant, often at the very end of the as-of date or just past it."""
        edge = self.pick(0, 0, 1, -1 if self.days_before else 1)
        seconds = edge if self.often(0.06) else 80 * 86400 - self.span(seconds=1)
        return self.as_of.end + timedelta(seconds=seconds)

    def span(self, **unit: int) -> int:
        return self.below(timedelta(days=self.days_before + 80) // timedelta(**unit)) + 1

    def after(self, begun: datetime) -> datetime:
        if begun < self.as_of.end and self.often(0.1):
            return self.as_of.end
        seconds = self.pick(0, self.below(3600), self.below(40 * 86400), self.below(400 * 86400))
        return begun + timedelta(seconds=seconds)

    # ---- what lies after the date

    def cut(self, feeds: Feeds) -> Feeds:
        """What of these rows was known at the end of the as-of date."""
        past = Past(feeds, self.as_of)
        return {
            feed.name: [self.then(feed, row, past) for row in feeds[feed.name]
                        if not past.is_past(feed, row)]
            for feed in load_contract()
        }  # fmt: skip

    def past(self, feeds: Feeds) -> Feeds:
        """Those of these rows that lie after the date."""
        past = Past(feeds, self.as_of)
        return {
            feed.name: [row for row in feeds[feed.name] if past.is_past(feed, row)]
            for feed in load_contract()
        }

    def then(self, feed: Feed, row: Row, past: "Past") -> Row:
        row = dict(row)
        for name in later_columns(feed):
            if self.as_of.is_past(row[name]):
                row[name] = None
                said, before = SAID_BEFORE.get(f"{feed.name}.{name}", (name, {}))
                row[said] = before.get(row[said], row[said] if before else None)
        return row | dict.fromkeys(past.said_later(feed, row))

    def moved(self, feeds: Feeds) -> Feeds:
        """These rows, with everything that lies after the date dropped, moved or changed."""
        past = Past(feeds, self.as_of)
        return {
            feed.name: valid(
                feed, [new for row in feeds[feed.name] for new in self.changed(feed, row, past)]
            )
            for feed in load_contract()
        }

    def changed(self, feed: Feed, row: Row, past: "Past") -> Iterator[Row]:
        kept = [*feed.key, link_of(feed), "updated_at"]
        if not past.is_past(feed, row):
            other = self.row(feed, {})
            yield (
                row
                | {name: other[name] for name in past.said_later(feed, row)}
                | dict(
                    change
                    for name in later_columns(feed)
                    for change in self.postponed(feed, row, name)
                )
            )
        elif self.often(0.7) or feed.name in PARENTS:
            at = time_column(feed)
            fixed = {name: row[name] for name in kept if name}
            if at and at not in feed.key:
                fixed[at] = row[at] and row[at] + timedelta(days=self.below(60))
            yield self.row(feed, fixed)

    def postponed(self, feed: Feed, row: Row, name: str) -> Iterator[tuple[str, Any]]:
        """What may be said after the date of something that had not happened by its end."""
        said, before = SAID_BEFORE.get(f"{feed.name}.{name}", (None, {}))
        is_past = self.as_of.is_past(row[name])
        may_be = row[name] is None and (not before or row[said] in before.values())
        if is_past or (may_be and self.often(0.5)):
            yield name, self.as_of.end + timedelta(seconds=self.pick(0, self.below(90 * 86400)))
            if may_be:
                yield from [(said, word) for word in before]


class Past:
    """Which rows of a feed lie after the date, or say what was only said after it."""

    def __init__(self, feeds: Feeds, as_of: AsOf):
        self.as_of = as_of
        self.known = {
            (feed.name, key_of(feed, row))
            for feed in load_contract()
            for row in feeds[feed.name]
            if not as_of.is_past(row["updated_at"])
        }
        self.times = {
            (feed.name, row[feed.own_id]): row[time_column(feed)]
            for feed in load_contract()
            if feed.own_id and time_column(feed)
            for row in feeds[feed.name]
        }

    def is_past(self, feed: Feed, row: Row) -> bool:
        at = time_column(feed)
        if at and row[at] is not None:
            return self.as_of.is_past(row[at])
        # what has no time of its own has that of the row that it belongs to
        link = link_of(feed)
        return bool(link) and self.as_of.is_past(
            self.times.get((feed.column(link).id_of, row[link]))
        )

    def said_later(self, feed: Feed, row: Row) -> list[str]:
        """The columns of a version said after the date, where there is an earlier one."""
        is_later = feed.name in VERSIONED and self.as_of.is_past(row["updated_at"])
        if not is_later or (feed.name, key_of(feed, row)) not in self.known:
            return []
        kept = (*feed.key, time_column(feed), "updated_at", *later_columns(feed))
        # an e-mail of any version leads to its person
        return [c.name for c in feed.columns if c.name not in kept and c.name != "email"]


def key_of(feed: Feed, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in feed.key)


def valid(feed: Feed, rows: list[Row]) -> list[Row]:
    """The rows that landing lets in."""
    if not feed.rows or not rows:
        return rows
    holds = " and ".join(f"coalesce({rule.holds}, true)" for rule in feed.rows)
    with duckdb.connect() as connection:
        connection.register("given", pa.Table.from_pylist(rows))
        fine = connection.sql(f"select {holds} from given").fetchall()
    return [row for row, (is_fine,) in zip(rows, fine, strict=True) if is_fine]

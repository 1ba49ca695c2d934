"""One case of the fuzz pack: files as delivered, and what must become of every row of them."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

HEADER = ("order_id", "customer_id", "ordered_at", "status", "currency", "total")
G1 = ("g1", "c1", "2026-01-05 10:00:00", "paid", "JPY", "1000")
G2 = ("g2", "c2", "2026-01-06", "shipped", "JPY", "2000.5")
# The two good rows that stand beside what is spoiled: in UTC, as raw must hold them.
GOOD: dict[str, dict[str, Any]] = {
    "g1": {
        "customer_id": "c1",
        "ordered_at": datetime(2026, 1, 5, 1),
        "status": "paid",
        "total": Decimal(1000),
    },
    "g2": {
        "customer_id": "c2",
        "ordered_at": datetime(2026, 1, 5, 15),
        "status": "shipped",
        "total": Decimal("2000.5"),
    },
}
RAGGED = "columns where the header has"
QUOTE = "a quote that does not close, or text behind a closing quote"
REPEATED = "the header, repeated"
MISSING = "missing"


@dataclass(frozen=True)
class Aside:
    """A row that must be set aside; `reason` is what its reason must say."""

    line: int
    column: str | None
    reason: str
    file: str | None = None  # where a case has several


@dataclass(frozen=True)
class Case:
    """Deliveries of one made-up system, and what must become of them."""

    name: str
    files: Mapping[str, bytes]  # name in the feed's folder -> content
    arrive: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    aside: Sequence[Aside] = ()
    rejected: Mapping[str, str] = field(default_factory=dict)  # file -> what the reason must say
    told: Sequence[str] = ()  # what a warning must say
    feed: str = "orders"
    key: str = "order_id"
    mapping: str | None = None
    winner: Mapping[str, Any] = field(default_factory=dict)  # id -> total, of conflicting rows

    @property
    def outcome(self) -> str:
        if not self.aside and not self.rejected:
            return "accept"
        return "mixed" if self.arrive else "reject"

    def manifest(self) -> dict[str, Any]:
        """The case without its files' content, as JSON can hold it."""
        return {
            "case": self.name,
            "outcome": self.outcome,
            "feed": self.feed,
            "files": sorted(self.files),
            "must_arrive": {
                i: {k: str(v) for k, v in row.items()} for i, row in self.arrive.items()
            },
            "must_be_quarantined": [vars(one) for one in self.aside],
            "must_be_rejected": dict(self.rejected),
            "must_be_told": list(self.told),
            "must_win": {k: str(v) for k, v in self.winner.items()},
        }


def lines(
    rows: Iterable[Sequence[str]], delimiter: str = ",", end: str = "\n", quote: int = 0
) -> str:
    """Rows as delimited text."""
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=quote).writerows(rows)
    return out.getvalue()


def text(*middle: str, header: str = ",".join(HEADER)) -> bytes:
    """Two good orders with whole lines between them, from line 3."""
    return "\n".join([header, ",".join(G1), *middle, ",".join(G2), ""]).encode()


def accept(name: str, content: bytes, file: str = "a.csv", **more: Any) -> Case:
    """A file that arrives whole: unless said, the two good orders."""
    return Case(name, {file: content}, **{"arrive": GOOD, **more})


def mixed(name: str, content: bytes, *aside: Aside, file: str = "a.csv", **more: Any) -> Case:
    """A file whose good rows arrive and whose others are set aside."""
    return Case(name, {file: content}, aside=aside, **{"arrive": GOOD, **more})


def reject(name: str, content: bytes, reason: str, file: str = "a.csv", **more: Any) -> Case:
    """A file that is refused as a whole."""
    return Case(name, {file: content}, rejected={file: reason}, **more)


def cells(
    name: str, column: str, good: Mapping[str, Any], bad: Sequence[str] = (), why: str = ""
) -> Case:
    """An order for each odd cell of a column, good ones and bad ones; all else of it is right."""
    header = HEADER if column in HEADER else (*HEADER, column)
    filled = dict(zip(HEADER, ("", "cx", "2026-01-07", "paid", "JPY", "7"), strict=True))
    rows, arrive = [], {}
    for number, cell in enumerate((*good, *bad)):
        row = {**filled, "order_id": f"x{number}", column: cell}
        rows.append([row[c] for c in header])
        if cell in good:
            arrive[good[cell] if column == "order_id" else f"x{number}"] = {column: good[cell]}
    aside = [Aside(2 + len(good) + number, column, why) for number in range(len(bad))]
    return Case(name, {"a.csv": lines([header, *rows]).encode()}, arrive=arrive, aside=aside)

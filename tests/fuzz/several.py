"""Cases of the fuzz pack about several rows and files of one thing: duplicates and conflicts."""

from collections.abc import Iterator
from decimal import Decimal
from itertools import permutations

from fuzz.case import G1, G2, GOOD, HEADER, Case, lines

PLAIN = lines([HEADER, G1, G2]).encode()
HEAD = (*HEADER, "updated_at")
OLD = ("d", "c", "2026-01-07", "paid", "JPY", "7", "2026-01-08T00:00:00Z")
NEW = ("d", "c", "2026-01-07", "paid", "JPY", "8", "2026-01-09T00:00:00Z")
# Of two versions of one moment the one whose staged text sorts last wins.
LOW, HIGH = (*OLD[:5], "7", OLD[6]), (*OLD[:5], "9", OLD[6])


def cases() -> Iterator[Case]:
    yield Case(
        "a conflict of none: the same row twice", {"a.csv": _file(OLD, OLD)},
        arrive={"d": {"total": Decimal(7)}}, winner={"d": Decimal(7)},
    )  # fmt: skip
    yield Case(
        "the same file twice", {"a.csv": PLAIN, "b.csv": PLAIN},
        arrive=GOOD, winner={"g1": Decimal(1000)}, told=["the same content was loaded before"],
    )  # fmt: skip
    for i, rows in enumerate(permutations((OLD, NEW, OLD))):
        yield Case(
            f"a conflict within a file {i}",
            {"a.csv": _file(*rows)},
            arrive={"d": {}},
            winner={"d": Decimal(8)},
        )
    for i, (first, second) in enumerate(permutations((OLD, NEW))):
        yield Case(
            f"a conflict between files {i}", {"a.csv": _file(first), "b.csv": _file(second)},
            arrive={"d": {}}, winner={"d": Decimal(8)},
        )  # fmt: skip
    for i, (first, second) in enumerate(permutations((LOW, HIGH))):
        yield Case(
            f"a conflict of one moment {i}", {"a.csv": _file(first), "b.csv": _file(second)},
            arrive={"d": {}}, winner={"d": Decimal(9)},
        )  # fmt: skip
    yield Case(
        "a bad version beside a good one", {"a.csv": _file(OLD), "b.csv": PLAIN},
        arrive={"d": {"total": Decimal(7)}, **GOOD}, winner={"d": Decimal(7)},
    )  # fmt: skip


def _file(*rows: tuple[str, ...]) -> bytes:
    return lines([HEAD, *rows]).encode()

"""Schema drift: which of a delivery's columns are not as in the one before, and what that means."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from orchestration.contract import Feed
from orchestration.ingest.casting import UNFIT
from orchestration.ledger import Load, Quarantined

NEW, MISSING, RENAMED, RETYPED, EMPTIED = "new", "missing", "renamed", "retyped", "emptied"
ALIKE = 0.6  # of two names, to be taken for one column renamed
MOSTLY = 0.5  # of the rows: which no longer parse, or had a value
BY_CHANCE = 0.001  # a column that is now empty would be so less often than that


@dataclass(frozen=True)
class Drift:
    """One column, or two where it was renamed, that are not as before."""

    kind: str
    columns: str
    meaning: str  # what became of it this night

    def __str__(self) -> str:
        return f"{self.kind} {self.columns} ({self.meaning})"


@dataclass(frozen=True)
class Compared:
    """A delivery beside the last one that stands of its system and feed."""

    load: Load
    before: Load
    drifts: tuple[Drift, ...] = ()

    def __str__(self) -> str:
        return "; ".join(map(str, self.drifts))


@dataclass(frozen=True)
class Arrived:
    """A load, what of it was set aside, and how far its columns are filled."""

    load: Load
    quarantined: Sequence[Quarantined] = ()
    filled: Mapping[str, float] = field(default_factory=dict)  # column -> share of the rows


def predecessor(load: Load, past: Sequence[Load]) -> Load | None:
    """The delivery before: of the latest night that brought any, the one whose columns are most
    alike, for a system may deliver files of two kinds side by side.
    """
    same = [one for one in past if (one.system, one.feed) == (load.system, load.feed)]
    sound = [one for one in same if one.header and not one.is_rejected and not one.is_superseded]
    known = [one for one in sound if one.sha256 != load.sha256]
    if not known or not load.header:
        return None
    latest = max(one.delivered_at for one in known)
    chosen = max(
        (one for one in known if one.delivered_at == latest),
        key=lambda one: (_alike(one, load), one.number),
    )
    # the first line of a file that was refused may be no header, but a person's row
    is_other = load.is_rejected and _alike(chosen, load) < MOSTLY
    return None if is_other else chosen


def compare(feed: Feed, new: Arrived, old: Arrived, is_mapped: bool) -> Compared:
    """What is not as before of a delivery's columns."""
    after, before = (_names(one.load, is_mapped) for one in (new, old))
    gone = [name for name in before if name not in after]
    come = [name for name in after if name not in before]
    drifts: list[Drift] = []
    for one, other in _renamed(gone, come, before, after):
        meaning = _gone(feed, new, old, one, is_mapped)
        drifts.append(Drift(RENAMED, f"{one} → {other}, it seems", meaning))
        gone.remove(one)
        come.remove(other)
    drifts += [Drift(MISSING, one, _gone(feed, new, old, one, is_mapped)) for one in gone]
    drifts += [Drift(NEW, one, _come(feed, one, is_mapped)) for one in come]
    drifts += _retyped(new, old)
    drifts += _emptied(new, old, {*before} - {*after})
    return Compared(new.load, old.load, tuple(drifts))


def filled(folder: Path) -> dict[str, float]:
    """Per column of a load's raw rows the share of them that have a value."""
    rows, nulls = 0, {}
    for path in sorted(folder.glob("*.parquet")):
        about = pq.read_metadata(path)
        rows += about.num_rows
        for group in map(about.row_group, range(about.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                if column.statistics is not None and column.statistics.has_null_count:
                    name = column.path_in_schema
                    nulls[name] = nulls.get(name, 0) + column.statistics.null_count
    return {name: 1 - count / rows for name, count in nulls.items()} if rows else {}


def _names(load: Load, is_mapped: bool) -> list[str]:
    names = (load.header or "").split("\n")
    return names if is_mapped else [name.strip().lower() for name in names]


def _alike(one: Load, other: Load) -> float:
    mine, theirs = ({*(load.header or "").lower().split("\n")} for load in (one, other))
    return len(mine & theirs) / len(mine | theirs)


def _renamed(
    gone: Sequence[str], come: Sequence[str], before: Sequence[str], after: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Pairs of a column that is gone and one that came in its place: alike, or alone there."""
    pairs = sorted(
        ((_likeness(one, other), one, other) for one in gone for other in come), reverse=True
    )
    paired: set[str] = set()
    for likeness, one, other in pairs:
        in_its_place = len(gone) == len(come) == 1 and before.index(one) == after.index(other)
        if (likeness >= ALIKE or in_its_place) and not paired & {one, other}:
            paired |= {one, other}
            yield one, other


def _likeness(one: str, other: str) -> float:
    plain = [name.lower().replace("_", "").replace(" ", "") for name in (one, other)]
    return difflib.SequenceMatcher(None, *plain).ratio()


def _gone(feed: Feed, new: Arrived, old: Arrived, name: str, is_mapped: bool) -> str:
    if new.load.is_rejected:
        return "the file is rejected"
    if is_mapped:
        return "its mapping does without it"
    if name not in {column.name for column in feed.columns}:
        return "it was kept in raw alone"
    share = old.filled.get(name)
    had = f"; {share:.0%} of the rows had it" if share else ""
    return f"null from now on{had}"


def _come(feed: Feed, name: str, is_mapped: bool) -> str:
    if is_mapped:
        return "not read, unless its mapping names it"
    known = name in {column.name for column in feed.columns}
    return "taken in from now on" if known else "kept in raw, and in no figure"


def _retyped(new: Arrived, old: Arrived) -> Iterator[Drift]:
    if not new.load.rows_in or old.load.rows_quarantined > MOSTLY * old.load.rows_in:
        return
    counts: dict[tuple[str, str], int] = {}
    for one in new.quarantined:
        if one.column_name and one.reason in UNFIT.values():
            key = one.column_name, one.reason
            counts[key] = counts.get(key, 0) + 1
    for (name, reason), count in sorted(counts.items()):
        if count > MOSTLY * new.load.rows_in:
            rows = f"{count:,} of {new.load.rows_in:,} rows set aside: {reason}"
            yield Drift(RETYPED, name, rows)


def _emptied(new: Arrived, old: Arrived, gone: set[str]) -> Iterator[Drift]:
    for name, share in sorted(old.filled.items()):
        now = new.filled.get(name)
        chance = (1 - share) ** new.load.rows_loaded
        if now == 0 and share >= MOSTLY and chance < BY_CHANCE and name not in gone:
            yield Drift(EMPTIED, name, f"null from now on; {share:.0%} of the rows had it")

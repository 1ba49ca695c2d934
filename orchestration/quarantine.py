"""What was set aside: listed, shown row by row, and read again once it would come in."""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from orchestration.company import Company
from orchestration.contract import feeds_by_name
from orchestration.landing import Landing
from orchestration.ledger import Ledger

HIDDEN = "•••"
REPLAY = "replay"  # what stands for a run where none writes


@dataclass(frozen=True)
class Kind:
    """Rows of one file that were set aside for one reason; `column` None: whole lines or files."""

    feed: str
    file: str
    column: str | None
    reason: str
    rows: int
    first: str  # as-of date of the first night, and of the last
    last: str


@dataclass(frozen=True)
class Row:
    """A row that was set aside for one reason."""

    feed: str
    file: str
    line: int | None
    column: str | None
    value: str | None
    reason: str
    original: str | None  # the line, or the row as JSON


@dataclass(frozen=True)
class Replayed:
    """A delivery, as it stands and as it would be read now."""

    feed: str
    file: str
    set_aside: int
    comes_in: int  # rows that are not in now
    stays: int
    why_not: str | None  # of a file that would be rejected


def kinds(company: Company, feed: str | None = None) -> list[Kind]:
    """What is in quarantine, the most rows first."""
    counts: Counter[tuple] = Counter()
    nights: dict[tuple, set[str]] = {}
    for one in _standing(company, feed):
        key = (one["feed"], one["file"], one["column_name"], one["reason"])
        counts[key] += 1
        nights.setdefault(key, set()).add(one["as_of_date"])
    found = [Kind(*key, rows, min(nights[key]), max(nights[key])) for key, rows in counts.items()]
    return sorted(found, key=lambda kind: (-kind.rows, kind.feed, kind.file, kind.reason))


def rows(company: Company, feed: str | None = None, plain: bool = False) -> Iterator[Row]:
    """Every reason for which a row is in quarantine, in the order of files and lines; personal
    values and whole lines only where `plain`.
    """
    kept: dict[str, dict[tuple, dict[str, Any]]] = {}
    for one in _standing(company, feed):
        path = company.quarantine / one["run_id"] / f"{one['load_id']}-{one['feed']}.parquet"
        if one["load_id"] not in kept:
            kept = {one["load_id"]: {_place(row): row for row in _read(path)}}
        row = kept[one["load_id"]].get(_place(one), one)
        yield _shown(one["feed"], one["file"], row, plain)


def rows_of_run(company: Company, run: str, plain: bool = False) -> Iterator[Row]:
    """The same of one night, which may have stopped for them."""
    for path in sorted((company.quarantine / run).glob("*.parquet")):
        load, _, feed = path.stem.rpartition("-")
        for row in _read(path):
            yield _shown(feed, load, row, plain)


def stopped_run(company: Company) -> str | None:
    """The last night, where it stopped and set rows aside that are in no ledger."""
    ledger = Ledger(company.ledger)
    last = next(reversed(ledger.runs()), None)
    if not last or last["status"] != "failed":
        return None
    known = {load.load_id for load in ledger.loads()}
    paths = (company.quarantine / last["run_id"]).glob("*.parquet")
    is_new = any(path.stem.rpartition("-")[0] not in known for path in paths)
    return last["run_id"] if is_new else None


def replay(company: Company, as_of: date) -> list[Replayed]:
    """Read again, for a try, each delivery of which something is in quarantine; have the next
    night read those anew of which more would come in. Only for who holds the company's lock.
    """
    landing = Landing(company, as_of, REPLAY, is_rehearsal=True)
    found, gains = [], []
    try:
        for before, after, why_not in landing.rehearse():
            comes_in = after.rows_loaded - before.rows_loaded
            set_aside = 1 if before.is_rejected else before.rows_quarantined
            stays = 1 if after.is_rejected else after.rows_quarantined
            if comes_in > 0:
                gains.append(before.number)
            found.append(Replayed(before.feed, before.file, set_aside, comes_in, stays, why_not))
    finally:
        shutil.rmtree(company.quarantine / REPLAY, ignore_errors=True)
    landing.ledger.read_again(gains)
    return found


def _standing(company: Company, feed: str | None) -> list[dict[str, Any]]:
    """What the ledger knows of it: of files that were refused, those that still lie there, once."""
    found = [one for one in Ledger(company.ledger).quarantined() if feed in (None, one["feed"])]
    latest = {(one["feed"], one["file"]): one["load_id"] for one in found if _is_refusal(one)}
    return [
        one
        for one in found
        if not _is_refusal(one)
        or (
            (company.landing / one["file"]).exists()
            and latest[one["feed"], one["file"]] == one["load_id"]
        )
    ]


def _is_refusal(one: dict[str, Any]) -> bool:
    return one["line"] is None and one["reason"].startswith("file rejected")


def _read(path: Path) -> list[dict[str, Any]]:
    return pq.read_table(path).to_pylist() if path.is_file() else []


def _place(row: dict[str, Any]) -> tuple:
    return row["line"], row["column_name"], row["reason"]


def _shown(feed: str, file: str, row: dict[str, Any], plain: bool) -> Row:
    column, value, raw = row["column_name"], row["value"], row.get("raw")
    if not plain:
        known = feeds_by_name()[feed].columns if feed else ()
        public = {one.name for one in known if not one.pii}
        value = value if value is None or column in public else HIDDEN
        raw = _masked(raw, public)
    return Row(feed, file, row["line"], column, value, row["reason"], raw)


def _masked(raw: str | None, public: Sequence[str] | set[str]) -> str | None:
    """A row with what may be personal hidden; of a line that is no row, all of it."""
    try:
        cells = json.loads(raw) if raw else None
    except ValueError:
        return HIDDEN
    if not isinstance(cells, dict):
        return None if raw is None else HIDDEN
    hidden = {
        name: cell if cell is None or name in public else HIDDEN for name, cell in cells.items()
    }
    return json.dumps(hidden, ensure_ascii=False)

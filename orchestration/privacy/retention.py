"""Retention: what is personal of rows that are too old is emptied, by the mechanism of erasure."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration import kept
from orchestration.company import Company
from orchestration.contract import Feed, feeds_by_name
from orchestration.ingest import duck
from orchestration.ingest.tokens import read_key
from orchestration.ledger import Ledger
from orchestration.privacy import files, raw
from orchestration.privacy.deliveries import Deliveries
from orchestration.privacy.forgotten import Edits, Forgotten, empty
from orchestration.privacy.journal import Journal


@dataclass(frozen=True)
class Expired(Forgotten):
    """What is too old of one feed: rows before an instant, or whose parents are before it."""

    feed: str = ""
    before: datetime = datetime.min
    parents: frozenset[tuple[str, str]] = field(default_factory=frozenset)  # with their systems

    def __bool__(self) -> bool:
        return True

    def edits(self, feed: Feed, batch: pa.RecordBatch, system: str) -> tuple[Edits, dict[int, str]]:
        if feed.name != self.feed:
            return {}, {}
        if feed.event_at:
            is_old = pc.less(batch[feed.event_at], pa.scalar(self.before, pa.timestamp("us")))
        else:
            old = [parent for of, parent in self.parents if of == system]
            is_old = pc.is_in(batch[feed.parent], pa.array(old, pa.string()))
        rows = np.flatnonzero(pc.fill_null(is_old, False).to_numpy(zero_copy_only=False))
        edits: Edits = {}
        for row in map(int, rows):
            changed: dict = {}
            empty(feed, batch, row, "", system, self, changed)
            if changed:
                edits[row] = changed
        return edits, {int(row): "" for row in rows}


def keep_no_longer(company: Company, as_of: date) -> dict[str, int]:
    """Empty what `retention_days` says is too old as of a day; the rows, by feed. Only for who
    holds the lock. Killed in the middle it is begun again by the next night.
    """
    ledger = Ledger(company.ledger)
    journal = Journal(ledger)
    found = {}
    for name, days in sorted(company.settings.retention_days.items()):
        feed = feeds_by_name()[name]
        day = as_of - timedelta(days=days - 1)
        expired = _expired(company, feed, day)
        due = _due(company, ledger, feed, expired)
        counts = {"quarantine": _forget_set_aside(company, ledger, feed, day)}
        begun = journal.cut_short(name)
        if due or begun is not None:
            rows = max(due.total(), begun or 0)  # what is done already counts as well
            journal.expiring(name, rows)
            kept.forget(company)
            with closing(Deliveries(company, as_of, expired)) as deliveries:
                counts["landing"] = sum(deliveries.forget(None, only=due).values())
            for path, one, system in raw.raw_files(company, ledger):
                if one == feed:
                    raw.forget_kept(ledger, path, feed, system, expired)
            counts["raw"] = rows
            counts["vault"] = raw.forget_values(company)
        journal.expired(as_of, name, day, counts)
        if any(counts.values()):
            found[name] = max(counts.values())
    return found


def _expired(company: Company, feed: Feed, day: date) -> Expired:
    before = company.start_of(day)
    parents: frozenset[tuple[str, str]] = frozenset()
    if feed.parent and not feed.event_at:
        parent = feeds_by_name()[feed.column(feed.parent).id_of or ""]
        with duck.connect(company.work / "privacy", company.raw) as connection:
            rows = connection.execute(
                f"select distinct system, {feed.parent} from {_rows(company, parent)}"
                f" where {parent.event_at} < ?",
                [before],
            ).fetchall()
        parents = frozenset((system, one) for system, one in rows)
    return Expired(read_key(company), feed=feed.name, before=before, parents=parents)


def _rows(company: Company, feed: Feed) -> str:
    files_of = f"{duck.path(company.raw / feed.source / feed.name)} || '/load_id=*/*.parquet'"
    return f"read_parquet({files_of}, hive_partitioning = false, union_by_name = true)"


def _due(company: Company, ledger: Ledger, feed: Feed, expired: Expired) -> Counter[str]:
    """The rows of which something is to be emptied, by delivery."""
    named = {load.load_id: load.file for load in ledger.loads() if load.feed == feed.name}
    due: Counter[str] = Counter()
    for path, one, system in raw.raw_files(company, ledger):
        if one == feed and (rows := raw.forget_rows(path, feed, system, expired, dry=True)):
            due[named[path.parent.name.removeprefix("load_id=")]] += rows
    return due


def _forget_set_aside(company: Company, ledger: Ledger, feed: Feed, day: date) -> int:
    """Empty what is in quarantine of a feed since nights before a day."""
    count = 0
    for path in _set_aside(company, ledger, feed, day):
        table = pq.read_table(path)
        values, lines = table["value"], table["raw"]
        held = len(table) - min(values.null_count, lines.null_count)
        if held:
            for name in ("value", "raw"):
                position = table.schema.get_field_index(name)
                table = table.set_column(position, name, pa.nulls(len(table), pa.string()))
            files.replace(path, lambda aside, t=table: pq.write_table(t, aside) is None)
            count += held
    return count


def _set_aside(company: Company, ledger: Ledger, feed: Feed, day: date) -> Iterator[Path]:
    old = {run["run_id"] for run in ledger.runs() if run["as_of_date"] < day.isoformat()}
    for path in sorted(company.quarantine.glob(f"*/*-{feed.name}.parquet")):
        if path.parent.name in old:
            yield path

"""The journal of erasures: what was asked, whom it forgot (hashes alone), which files it changed.

It lies in the ledger and is written before the first byte of anything else is touched, so that
an erasure that was killed is finished by whoever comes next.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date

from orchestration.ingest.arrivals import Arrivals
from orchestration.ledger import Ledger

REMEMBER = "insert or replace into tombstones values (:kind, :hash, :stand_in, :number)"


@dataclass(frozen=True)
class Asked:
    """Who asked for an erasure, by what request, as of which day."""

    asked_by: str
    as_of_date: date
    request_id: str | None = None
    request_hash: str | None = None  # of the request's system and id, where a feed brought it


@dataclass(frozen=True)
class Tombstone:
    """A hash by which something of a forgotten person is known again, and what stands for it."""

    kind: str
    hash: str
    stand_in: str


class Journal:
    """The journal of a company's ledger; every method is one transaction."""

    def __init__(self, ledger: Ledger):
        self.ledger = ledger

    def next_number(self) -> int:
        """The number of the erasure to come; stands for persons are made of it."""
        with self.ledger.transaction() as db:
            (last,) = db.execute("select coalesce(max(number), 0) from erasures").fetchone()
        return last + 1

    def open(
        self,
        number: int,
        asked: Asked,
        tombstones: Sequence[Tombstone] = (),
        stand_ins: Sequence[str] = (),
    ) -> None:
        """Write down what is going to be erased: from here on it will be, whatever happens. A
        request without tombstones is one of a person who is erased by another.
        """
        row = (
            number,
            asked.request_id,
            asked.request_hash,
            asked.asked_by,
            asked.as_of_date.isoformat(),
            json.dumps(stand_ins),
            None,
            not tombstones,
        )
        with self.ledger.transaction() as db:
            db.execute("insert into erasures values (?, ?, ?, ?, ?, ?, ?, ?)", row)
            db.executemany(REMEMBER, ({**asdict(one), "number": number} for one in tombstones))

    def remember(self, number: int, tombstones: Iterable[Tombstone]) -> None:
        """More by which a person is known who was erased already."""
        with self.ledger.transaction() as db:
            db.executemany(REMEMBER, ({**asdict(one), "number": number} for one in tombstones))

    def unfinished(self) -> list[int]:
        with self.ledger.transaction() as db:
            found = db.execute("select number from erasures where not is_done order by number")
            return [number for (number,) in found]

    def close(self, numbers: Iterable[int], counts: Mapping[str, int]) -> None:
        """Write down that erasures are done, and what they changed together."""
        told = json.dumps(counts, sort_keys=True)
        with self.ledger.transaction() as db:
            db.executemany(
                "update erasures set is_done = 1, counts = ? where number = ?",
                [(told, number) for number in numbers],
            )

    def stand_ins(self) -> list[list[str]]:
        """The ids that stand for those of one person, with their systems, person by person."""
        with self.ledger.transaction() as db:
            rows = db.execute("select stand_ins from erasures order by number").fetchall()
        return [json.loads(row["stand_ins"]) for row in rows]

    def tombstones(self) -> dict[tuple[str, str], str]:
        """What stands for each thing that was forgotten, by its kind and hash."""
        with self.ledger.transaction() as db:
            rows = db.execute("select kind, hash, stand_in from tombstones")
            return {(row["kind"], row["hash"]): row["stand_in"] for row in rows}

    def is_answered(self, request_hash: str) -> bool:
        """Whether a request of the feed was followed already."""
        with self.ledger.transaction() as db:
            found = db.execute("select 1 from erasures where request_hash = ?", (request_hash,))
            return found.fetchone() is not None

    def audit(self) -> list[dict]:
        """Every erasure, oldest first, as one may show it."""
        with self.ledger.transaction() as db:
            return [dict(row) for row in db.execute("select * from erasures order by number")]

    def expiring(self, feed: str, rows: int) -> None:
        """Write down that rows of a feed are going to be emptied: from here on they will be."""
        with self.ledger.transaction() as db:
            db.execute("insert or replace into retentions_begun values (?, ?)", (feed, rows))

    def cut_short(self, feed: str) -> int | None:
        """The rows that were going to be when the process ended; None where it did not."""
        with self.ledger.transaction() as db:
            found = db.execute("select row_count from retentions_begun where feed = ?", (feed,))
            row = found.fetchone()
        return row["row_count"] if row else None

    def expired(self, as_of: date, feed: str, before: date, counts: Mapping[str, int]) -> None:
        """Write down what of a feed became too old to keep, be it nothing."""
        row = (as_of.isoformat(), feed, before.isoformat(), json.dumps(counts, sort_keys=True))
        with self.ledger.transaction() as db:
            db.execute("insert into retentions values (?, ?, ?, ?)", row)
            db.execute("delete from retentions_begun where feed = ?", (feed,))

    def retentions(self) -> list[dict]:
        """What became too old, night by night and feed by feed, oldest first."""
        with self.ledger.transaction() as db:
            return [dict(row) for row in db.execute("select * from retentions order by rowid")]

    # ---- files of landing/, which are known by what they hold

    def rewriting(self, path: str, sha256: str, successor: str) -> None:
        """A file is about to be replaced: whoever meets either content knows the other."""
        with self.ledger.transaction() as db:
            # what was made of another content is an end, not a beginning
            db.execute("delete from rewritten_files where sha256 = ?", (successor,))
            db.execute(
                "insert or replace into rewritten_files values (?, ?, ?, 0)",
                (path, sha256, successor),
            )

    def half_done(self) -> list[tuple[str, str, str]]:
        """Files that were about to be replaced when the process ended: path, old and new hash."""
        with self.ledger.transaction() as db:
            rows = db.execute(
                "select path, sha256, successor from rewritten_files where not is_done"
            )
            return [tuple(row) for row in rows]

    def successors(self) -> dict[str, str]:
        """Contents that were rewritten, and what each became in the end."""
        with self.ledger.transaction() as db:
            rows = db.execute("select sha256, successor from rewritten_files").fetchall()
        return dict(tuple(row) for row in rows)

    def recognised(self, arrivals: Arrivals) -> tuple[set[str], Arrivals]:
        """Deliveries that an erasure made others of, by name, and all of them under what they are
        known by since.
        """
        successors = self.successors()
        if not successors:
            return set(), arrivals

        def present(sha256: str) -> str:
            return present(successors[sha256]) if sha256 in successors else sha256

        known = [replace(d, sha256=present(d.sha256)) for d in arrivals.deliveries]
        old = {d.name for d in arrivals.deliveries if d.sha256 in successors}
        return old, replace(arrivals, deliveries=tuple(known))

    def returned(self) -> set[str]:
        """Deliveries that brought erased persons back, and are not written anew yet."""
        with self.ledger.transaction() as db:
            return {file for (file,) in db.execute("select file from returned_deliveries")}

    def sent_away(self, deliveries: Iterable[str]) -> None:
        """They are written anew."""
        with self.ledger.transaction() as db:
            db.executemany(
                "delete from returned_deliveries where file = ?", ((file,) for file in deliveries)
            )

    def renamed(self, delivery: str, sha256: str, anew: str) -> None:
        """The files of a delivery were replaced: it keeps its place in the ledger."""
        with self.ledger.transaction() as db:
            db.execute(
                "update loads set sha256 = ? where sha256 = ? and file = ?",
                (anew, sha256, delivery),
            )
            db.execute(
                "update rewritten_files set is_done = 1 where path = ? and sha256 = ?",
                (delivery, sha256),
            )

    def rewritten(self, path: str, known: tuple[int, str, str], sha256: str) -> None:
        """A file was replaced: it keeps its place in the ledger under its new content."""
        with self.ledger.transaction() as db:
            db.execute("insert or replace into files values (?, ?, ?, ?)", (path, *known))
            db.execute("update loads set sha256 = ? where sha256 = ?", (known[2], sha256))
            db.execute(
                "update rewritten_files set is_done = 1 where path = ? and sha256 = ?",
                (path, sha256),
            )

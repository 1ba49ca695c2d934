"""The ledger: what arrived, what was loaded or refused, what ran and what was checked."""

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.disk import make_folder, naming, rename_in
from orchestration.ledger_schema import MIGRATIONS, VERSION

RAW_FILE = "part-0.parquet"  # every folder of raw holds this one
DECIDED = "decided"  # of a rotation of keys: what is made anew counts, and is to be renamed in
EXPORTED = "load_id=ledger"  # the folder beside whose Parquet dbt reads each exported table

# A load stands, and so does a refusal, until the same file, or the same content, is loaded again.
LOADS = """
select
    load.*,
    exists (
        select 1 from loads as later
        where later.number > load.number and not later.is_rejected
            and later.system = load.system and later.feed = load.feed
            and (later.file = load.file or later.sha256 = load.sha256)
    ) as is_superseded
from loads as load
"""

TEXT, WHOLE, FLAG, REAL = pa.string(), pa.int64(), pa.bool_(), pa.float64()
MOMENT, DAY = pa.timestamp("us"), pa.date32()
PLACES = ("landing", "raw", "quarantine", "vault", "versions", "logs")  # of what was erased
EXPORTS: dict[str, tuple[str, dict[str, pa.DataType]]] = {
    "loads": (
        f"select * from ({LOADS}) where not is_rejected order by number",
        {
            "load_id": TEXT,
            "system": TEXT,
            "source": TEXT,
            "feed": TEXT,
            "file": TEXT,
            "sha256": TEXT,
            "delivered_at": MOMENT,
            "rows_in": WHOLE,
            "rows_loaded": WHOLE,
            "rows_quarantined": WHOLE,
            "rows_duplicate": WHOLE,
            "is_superseded": FLAG,
            "is_full": FLAG,
            "delivery": TEXT,
            "unknown_columns": TEXT,
        },
    ),
    "quarantined_rows": (
        f"""
        select q.*, load.system, load.source, load.feed, load.file, load.delivered_at
        from quarantined_rows as q
        inner join ({LOADS}) as load on q.load_id = load.load_id and not load.is_superseded
        order by load.number, q.rowid
        """,
        {
            "run_id": TEXT,
            "load_id": TEXT,
            "system": TEXT,
            "source": TEXT,
            "feed": TEXT,
            "file": TEXT,
            "line": WHOLE,
            "column_name": TEXT,
            "value": TEXT,
            "reason": TEXT,
            "delivered_at": MOMENT,
        },
    ),
    "runs": (
        "select * from runs order by rowid",
        {
            "run_id": TEXT,
            "as_of_date": DAY,
            "status": TEXT,
            "rows_in": WHOLE,
            "rows_quarantined": WHOLE,
            "rows_out": WHOLE,
            "seconds": REAL,
            "started_at": MOMENT,
            "code_version": TEXT,
        },
    ),
    "erasures": (
        # what was begun and not ended is not there yet: whoever comes next ends it
        f"""
        select kind, number, request_id, asked_by, feed, kept_from_date, as_of_date,
            {", ".join(f"json_extract(counts, '$.{place}') as {place}" for place in PLACES)}
        from (
            select 'erasure' as kind, number, request_id, asked_by, null as feed,
                null as kept_from_date, as_of_date, counts
            from erasures where is_done
            union all
            select 'retention', row_number() over (order by rowid), null, null, feed,
                older_than, as_of_date, counts
            from retentions
        )
        order by kind, number
        """,
        {
            "kind": TEXT,
            "number": WHOLE,
            "request_id": TEXT,
            "asked_by": TEXT,
            "feed": TEXT,
            **dict.fromkeys(PLACES, WHOLE),
            "kept_from_date": DAY,
            "as_of_date": DAY,
        },
    ),
    "checks": (
        "select * from checks order by rowid",
        {
            "run_id": TEXT,
            "as_of_date": DAY,
            "asset": TEXT,
            "check_name": TEXT,
            "kind": TEXT,
            "severity": TEXT,
            "passed": FLAG,
            "observed": TEXT,
            "expected": TEXT,
        },
    ),
}

# Of the night that was published last: what the next compares its own figures with.
PUBLISHED: dict[str, dict[str, pa.DataType]] = {
    "published_values": {
        "kpi": TEXT,
        "grain": TEXT,
        "period_start": DAY,
        "segment_dimension": TEXT,
        "segment_value": TEXT,
        "value": REAL,
        "n": WHOLE,
        "is_complete": FLAG,
        "is_mature": FLAG,
        "as_of_date": DAY,
    },
    "published_definitions": {"kpi": TEXT, "definition_hash": TEXT},
    "published_person_ids": {
        "person_key": TEXT,
        "system": TEXT,
        "id_type": TEXT,
        "source_id": TEXT,
    },
    "published_loads": {"load_id": TEXT},
}


class LedgerError(Exception):
    """The ledger cannot be read or written, or not by this release; the message says why."""


@dataclass(frozen=True)
class Load:
    """One delivered file as one feed, loaded or rejected."""

    number: int
    load_id: str
    system: str
    source: str
    feed: str
    file: str
    sha256: str
    recipe: str  # a hash of all that decides how the file is read
    delivered_at: datetime
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0
    is_rejected: bool = False
    is_full: bool = False
    delivery: str = ""
    header: str | None = None
    unknown_columns: str | None = None
    raw_sha256: str | None = None  # of its Parquet in raw; None: an older release did not say
    is_superseded: bool = False


@dataclass(frozen=True)
class Quarantined:
    """One reason for which a delivered row, or a whole file (`line` None), was set aside."""

    line: int | None
    column_name: str | None
    value: str | None
    reason: str


@dataclass(frozen=True)
class KnownKey:
    """What is known of a key in use: its id, and an earlier key that it opens."""

    id: str
    wrapped: str | None = None


class Ledger:
    """The sqlite file of a company folder; every method is one transaction."""

    def __init__(self, path: Path):
        make_folder(path.parent)
        self.path = path
        with self.transaction() as db:
            (version,) = db.execute("pragma user_version").fetchone()
            if version > VERSION:
                raise LedgerError(
                    f"{path}: written by a newer release (version {version}; this one knows"
                    f" {VERSION}): run that release, or `kizuna rollback` to an older version"
                )
            for script in MIGRATIONS[version:]:
                for statement in filter(str.strip, script.split(";")):
                    db.execute(statement)
            if version < VERSION:
                db.execute(f"pragma user_version = {VERSION}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._opened() as db:
                yield db
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"{self.path}: {error}") from error

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        db = sqlite3.connect(self.path, isolation_level=None, timeout=60)
        db.row_factory = sqlite3.Row
        try:
            db.execute("pragma synchronous = full")
            db.execute("begin immediate")
            yield db
            db.execute("commit")
        except BaseException:
            if db.in_transaction:
                db.execute("rollback")
            raise
        finally:
            db.close()

    # ---- files, nights and loads: what landing keeps

    def hashes(self) -> dict[str, tuple[int, str, str]]:
        """Path below landing/ -> size, stamp and sha256 as last seen."""
        with self.transaction() as db:
            return {
                r["path"]: (r["size"], r["stamp"], r["sha256"])
                for r in db.execute("select * from files")
            }

    def remember_hashes(self, seen: Mapping[str, tuple[int, str, str]]) -> None:
        rows = [(path, *known) for path, known in seen.items()]
        with self.transaction() as db:
            db.executemany("insert or replace into files values (?, ?, ?, ?)", rows)

    def discard_open_nights(self) -> None:
        """Forget what nights that did not get to their end had loaded: it is loaded again."""
        unfinished = "select delivered_at from nights where not is_closed"
        with self.transaction() as db:
            db.execute(
                "delete from quarantined_rows where load_id in"
                f" (select load_id from loads where night in ({unfinished}))"
            )
            db.execute(f"delete from loads where night in ({unfinished})")
            db.execute("delete from nights where not is_closed")

    def last_delivered_at(self) -> datetime | None:
        with self.transaction() as db:
            (latest,) = db.execute("select max(delivered_at) from nights").fetchone()
        return datetime.fromisoformat(latest) if latest else None

    def open_night(self, delivered_at: datetime, as_of: date, run_id: str) -> None:
        with self.transaction() as db:
            db.execute(
                "insert or replace into nights values (?, ?, ?, 0)",
                (delivered_at.isoformat(), as_of.isoformat(), run_id),
            )

    def close_night(self, delivered_at: datetime) -> None:
        with self.transaction() as db:
            db.execute(
                "update nights set is_closed = 1 where delivered_at = ?",
                (delivered_at.isoformat(),),
            )

    def loads(self) -> list[Load]:
        with self.transaction() as db:
            return [_load(row) for row in db.execute(f"{LOADS} order by load.number")]

    def read_again(self, numbers: Iterable[int]) -> None:
        """Have the files of these loads read anew by the next night, as if their rules had
        changed.
        """
        with self.transaction() as db:
            db.executemany("update loads set recipe = '' where number = ?", [(n,) for n in numbers])

    def quarantined(self) -> list[dict[str, Any]]:
        """Every reason for which something that stands was set aside, with its file and night."""
        with self.transaction() as db:
            found = db.execute(f"""
                select q.*, load.system, load.feed, load.file, nights.as_of_date
                from quarantined_rows as q
                inner join ({LOADS}) as load on q.load_id = load.load_id
                inner join nights on load.night = nights.delivered_at
                where not load.is_superseded
                order by load.number, q.rowid
            """)
            return [dict(row) for row in found]

    def record_raw(self, load_id: str, raw_sha256: str | None) -> None:
        """Write down what a load's Parquet is by now; None while it is being written anew."""
        with self.transaction() as db:
            db.execute("update loads set raw_sha256 = ? where load_id = ?", (raw_sha256, load_id))

    def record_loads(
        self,
        night: datetime,
        run_id: str,
        loads: Sequence[tuple[Load, Iterable[Quarantined]]],
        returned: Iterable[str] = (),
    ) -> None:
        """Write down loads, what of them is in quarantine, and deliveries that brought erased
        persons back, all or nothing.
        """
        with self.transaction() as db:
            db.executemany(
                "insert or ignore into returned_deliveries values (?)", ((f,) for f in returned)
            )
            for load, quarantined in loads:
                row = {f.name: getattr(load, f.name) for f in fields(Load)}
                del row["is_superseded"]
                _insert(db, "loads", row | {"night": night})
                db.executemany(
                    "insert into quarantined_rows values (?, ?, ?, ?, ?, ?)",
                    (
                        (load.load_id, run_id, q.line, q.column_name, q.value, q.reason)
                        for q in quarantined
                    ),
                )

    def record_key(self, kind: str, key_id: str) -> None:
        """Write down by its id under which key of a kind things are made."""
        with self.transaction() as db:
            db.execute("insert or ignore into keys values (?, ?, null)", (kind, key_id))

    # ---- runs and checks: what the night keeps

    def record_run(self, row: Mapping[str, Any]) -> None:
        """Write down a run by the columns of the mart `runs`, in place of what was known of it."""
        with self.transaction() as db:
            db.execute("delete from runs where run_id = ?", (row["run_id"],))
            _insert(db, "runs", row)

    def record_checks(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write down checks by the columns of the export `checks`."""
        with self.transaction() as db:
            for row in rows:
                _insert(db, "checks", row)

    def runs(self) -> list[dict[str, Any]]:
        """Every run so far, oldest first."""
        with self.transaction() as db:
            return [dict(row) for row in db.execute(EXPORTS["runs"][0])]

    def inputs(self) -> list[dict[str, Any]]:
        """What stands of all that was delivered: a version is made of nothing else."""
        named = ("load_id", "system", "feed", "file", "sha256", "rows_loaded")
        return [
            {name: getattr(load, name) for name in named}
            for load in self.loads()
            if not load.is_superseded and not load.is_rejected
        ]

    # ---- what dbt reads of it

    def export(self, raw: Path, tables: Iterable[str] = EXPORTS) -> None:
        """Write the tables to where dbt reads them."""
        for table in tables:
            query, types = EXPORTS[table]
            with self.transaction() as db:
                rows = [dict(row) for row in db.execute(query)]
            columns = {
                name: _typed((row[name] for row in rows), kind) for name, kind in types.items()
            }
            write_export(raw, table, pa.table(columns))


def known_keys(path: Path) -> dict[str, KnownKey]:
    """By kind, the keys in use; nothing is written. None are known where the ledger is not there,
    is older, or cannot be read, which who opens it tells; nor while others are put in place.
    """
    if not path.is_file():
        return {}
    decided = f"select 1 from rotations where state = '{DECIDED}'"
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60)) as db:
            found = db.execute(f"select * from keys where not exists ({decided})").fetchall()
    except sqlite3.DatabaseError:
        return {}
    return {kind: KnownKey(*known) for kind, *known in found}


def raw_folder(raw: Path, load: Load) -> Path:
    """Where the rows of a load lie."""
    return raw / load.source / load.feed / f"load_id={load.load_id}"


def export_file(raw: Path, table: str) -> Path:
    """Where a table for dbt lies."""
    return raw / "ledger" / table / EXPORTED / RAW_FILE


def write_export(raw: Path, table: str, rows: pa.Table) -> None:
    """Write a table for dbt to where it lies."""
    path = export_file(raw, table)
    make_folder(path.parent)
    replace_parquet(rows, path)


def empty_published() -> dict[str, pa.Table]:
    """The tables of the last published night where there was none."""
    return {
        table: pa.schema(list(types.items())).empty_table() for table, types in PUBLISHED.items()
    }


def _typed(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    if kind == MOMENT:
        values = [value and datetime.fromisoformat(value).replace(tzinfo=None) for value in values]
    elif kind == DAY:
        values = [value and date.fromisoformat(value) for value in values]
    elif kind == FLAG:
        values = [bool(value) for value in values]
    return pa.array(list(values), kind)


def _load(row: sqlite3.Row) -> Load:
    known = {f.name: row[f.name] for f in fields(Load)}
    known["delivered_at"] = datetime.fromisoformat(known["delivered_at"])
    return Load(**known | {k: bool(known[k]) for k in ("is_rejected", "is_full", "is_superseded")})


def _insert(db: sqlite3.Connection, table: str, row: Mapping[str, Any]) -> None:
    names = ", ".join(row)
    values = [_plain(value) for value in row.values()]
    db.execute(f"insert into {table} ({names}) values ({', '.join('?' * len(row))})", values)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo:
        value = value.astimezone(UTC).replace(tzinfo=None)
    return value.isoformat() if isinstance(value, date) else value


def replace_parquet(table: pa.Table, path: Path) -> None:
    """Write a small table aside and rename it in, so that no reader sees half of it."""
    aside = path.with_name(f".{path.name}.tmp")
    with naming(aside):
        pq.write_table(table, aside)
    rename_in(aside, path)

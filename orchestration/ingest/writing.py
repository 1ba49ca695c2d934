"""A table of text is written as raw Parquet; rows that break the contract go to quarantine."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from orchestration.disk import fsync, make_folder, naming
from orchestration.ingest import duck
from orchestration.ingest.casting import Cast
from orchestration.ingest.reading import Table
from orchestration.ledger import RAW_FILE, Quarantined

BATCH_ROWS = 122_880  # DuckDB's row group
SAMPLE_ROWS = 8_192  # of the first batch, to see which columns repeat their values
FEW_VALUES = 0.2  # of the rows: fewer different values than that are worth a dictionary
INNER = ("_row", "_newlines", "_is_bad", "_is_blank", "_raw")
SYSTEM = b"system"  # in a quarantine file's metadata
QUARANTINE = pa.schema(
    {
        "line": pa.int64(),
        "column_name": pa.string(),
        "value": pa.string(),
        "reason": pa.string(),
        "raw": pa.string(),
    }
)


@dataclass(frozen=True)
class Origin:
    """Where rows come from, as each of them says."""

    system: str
    file: str  # below landing/; a mapping that reads several says it row by row
    delivered_at: datetime
    is_per_row: bool = False


@dataclass
class Written:
    """What became of one table's rows."""

    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    quarantined: list[Quarantined] = field(default_factory=list)
    others: list[tuple[str, str, int]] = field(default_factory=list)  # column, value, rows


def write_table(
    connection: duckdb.DuckDBPyConnection,
    cast: Cast,
    table: Table,
    origin: Origin,
    folder: Path,
    quarantine: Path,
    work: Path,
) -> Written:
    """Write the good rows to folder/ and the bad ones to `quarantine`.

    Raises MiscountError, or duckdb's own errors, where the table cannot be read as it promised;
    what was written by then is worthless.
    """
    written = Written()
    set_aside = work / "set_aside.parquet"
    carried = ["_file"] if origin.is_per_row else []
    with RawFile(folder / RAW_FILE) as raw, RawFile(set_aside) as aside:
        counted = 0
        sql = cast.stream(table.sql, carried)
        for batch in connection.execute(sql).to_arrow_reader(BATCH_ROWS):
            rows, lines = places_of(batch, table.first_row + counted)
            counted += lines
            batch = batch.set_column(batch.schema.get_field_index("_row"), "_row", rows)
            batch = _without(batch, "_is_blank")
            written.rows_in += len(batch)
            if batch["_raw"].null_count < len(batch):
                told = batch.select(["_raw", "_is_bad", "_row", *carried])
                aside.write(told.filter(told["_raw"].is_valid()))
            good = _without(batch, "_is_bad")
            raw.write(_with_origin(good, origin))
            written.rows_loaded += len(good)
        table.check_count(counted)
        if aside.rows:
            aside.close()
            _judge(connection, cast, set_aside, carried, origin, raw, written)
    for line in table.bad:
        written.rows_in += 1
        written.rows_quarantined += 1
        written.reasons["", line.reason] += 1
    batches = _quarantine_batches(connection, table, has_verdicts=bool(aside.rows))
    _write_quarantine(batches, origin.system, quarantine, written)
    set_aside.unlink(missing_ok=True)
    return written


def places_of(batch: pa.RecordBatch, first: int) -> tuple[pa.Array, int]:
    """Each row's place in the file, and how many lines the rows take together."""
    if batch["_row"].null_count == 0:
        return batch["_row"], 0
    extra = batch["_newlines"].to_numpy(zero_copy_only=False).astype(np.int64)
    places = first + np.arange(len(batch), dtype=np.int64)
    if extra.any():
        places[1:] += np.cumsum(extra)[:-1]
    return pa.array(places), len(batch) + int(extra.sum())


def _without(batch: pa.RecordBatch, flag: str) -> pa.RecordBatch:
    flagged = pc.fill_null(batch[flag], False)
    return batch.filter(pc.invert(flagged)) if pc.any(flagged).as_py() else batch


def _with_origin(batch: pa.RecordBatch, origin: Origin) -> pa.RecordBatch:
    rows = len(batch)
    files = batch["_file"] if origin.is_per_row else _constant(origin.file, rows)
    own = [n for n in batch.schema.names if n not in (*INNER, "_file", "extra_columns")]
    stamp = pa.scalar(origin.delivered_at, pa.timestamp("us"))
    columns = {name: batch[name] for name in own} | {
        "system": _constant(origin.system, rows),
        "source_file": files,
        "source_row": batch["_row"],
        "delivered_at": pa.repeat(stamp, rows),
        "extra_columns": batch["extra_columns"],
    }
    return pa.RecordBatch.from_pydict(columns)


def _constant(value: str, rows: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(np.zeros(rows, dtype=np.int32), pa.array([value]))


def _judge(
    connection: duckdb.DuckDBPyConnection,
    cast: Cast,
    set_aside: Path,
    carried: list[str],
    origin: Origin,
    raw: "RawFile",
    written: Written,
) -> None:
    """Say of each row that was set aside why, and let in those that are good after all."""
    aside = f"read_parquet({duck.path(set_aside)})"
    bad = f"(from {aside} where _is_bad)"
    connection.execute(f"create or replace temp table verdicts as {cast.verdicts(bad, carried)}")
    good = connection.execute(
        "select * exclude (reasons, _text) from verdicts where len(reasons) = 0 order by _row"
    )
    for batch in good.to_arrow_reader(BATCH_ROWS):
        raw.write(_with_origin(batch, origin))
        written.rows_loaded += len(batch)
    counts = connection.execute("""
        select r.column, r.reason, count(*) from (select unnest(reasons) as r from verdicts)
        group by all order by all
    """)
    for column, reason, count in counts.fetchall():
        written.reasons[column or "", reason] += count
    (written.rows_quarantined,) = connection.execute(
        "select count(*) from verdicts where len(reasons) > 0"
    ).fetchone() or (0,)
    if others := cast.others(aside):
        written.others = connection.execute(others).fetchall()


def _write_quarantine(
    batches: Iterable[pa.RecordBatch], system: str, path: Path, written: Written
) -> None:
    """What was set aside, with its system: a night that is stopped leaves no load that tells it."""
    if not written.rows_quarantined:
        return
    make_folder(path.parent)
    with RawFile(path) as file:
        for batch in batches:
            file.write(batch.replace_schema_metadata({SYSTEM: system}))
            written.quarantined += [
                Quarantined(row["line"], row["column_name"], row["value"], row["reason"])
                for row in batch.select(["line", "column_name", "value", "reason"]).to_pylist()
            ]


def _quarantine_batches(
    connection: duckdb.DuckDBPyConnection, table: Table, has_verdicts: bool
) -> Iterator[pa.RecordBatch]:
    if has_verdicts:
        verdicts = connection.execute("""
            select _row as line, r.column as column_name, r.value as value, r.reason as reason,
                _text as raw
            from (select _row, _text, unnest(reasons) as r, generate_subscripts(reasons, 1) as i
                from verdicts)
            order by _row, i
        """)
        yield from verdicts.to_arrow_reader(BATCH_ROWS)
    if table.bad:
        rows = [
            {"line": b.line, "value": b.text, "reason": b.reason, "raw": b.text} for b in table.bad
        ]
        yield pa.RecordBatch.from_pylist(rows, QUARANTINE)


class RawFile:
    """A Parquet file that is written batch by batch, and is on the disk when closed."""

    def __init__(self, path: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.rows = 0
        self.writer: pq.ParquetWriter | None = None

    def __enter__(self) -> "RawFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, batch: pa.RecordBatch) -> None:
        if self.writer is None:
            self.writer = pq.ParquetWriter(
                self.path,
                batch.schema,
                use_dictionary=_repeating(batch),
                store_decimal_as_integer=True,
                store_schema=False,
            )
        if len(batch):
            self.rows += len(batch)
            with naming(self.path):
                self.writer.write_batch(batch)

    def close(self) -> None:
        if self.writer is not None:
            writer, self.writer = self.writer, None
            with naming(self.path):
                writer.close()
                fsync(self.path)


def _repeating(batch: pa.RecordBatch) -> list[str]:
    """The columns worth a dictionary: those with few different values."""
    sample = batch.slice(0, SAMPLE_ROWS)
    names = []
    for name, column in zip(sample.schema.names, sample.columns, strict=True):
        kind = column.type
        if pa.types.is_dictionary(kind):
            names.append(name)
        elif not pa.types.is_nested(kind) and not pa.types.is_boolean(kind) and len(sample):
            few = max(FEW_VALUES * len(sample), 1)
            if pc.count_distinct(column, mode="all").as_py() <= few:
                names.append(name)
    return names

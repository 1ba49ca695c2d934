"""A mapping at work: the files of one delivery become the rows of feeds, still as text."""

from collections import Counter
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.contract import Feed
from orchestration.ingest import duck, spellings
from orchestration.ingest.language import FeedMap, Files, Mapping
from orchestration.ingest.reading import (
    MiscountError,
    Table,
    extensions_of,
    first_line,
    read_table,
)
from orchestration.ingest.records import BadLine
from orchestration.ingest.shaping import columns_of, no_column, part_of_feed, run
from orchestration.ingest.unpacking import MAX_UNPACKING, Form, RejectedError
from orchestration.ingest.writing import BATCH_ROWS, RawFile

# For expressions, beside DuckDB's own functions.
MACROS = (
    "as_number(v) as to_decimal(v::varchar)",
    "as_whole(v) as to_integer(v::varchar)",
    """as_moment(v) as coalesce(
        case when is_plain_moment(v::varchar) then try_cast(v as timestamp) end,
        local_moment(moment_parts(v::varchar)))""",
    "as_day(v) as as_moment(v)::date",
    "made_key(vs) as left(sha256(list_aggregate(vs, 'string_agg', chr(31))), 24)",
)


@dataclass(frozen=True)
class DeliveredFile:
    """One file of a delivery."""

    path: Path
    name: str  # below landing/
    form: Form


@dataclass
class MappedFeed:
    """A feed's rows, as a table of text, and what the mapping left out on purpose."""

    table: Table
    texts: dict[str, str]
    ignored: Counter[str] = field(default_factory=Counter)


@dataclass
class MappedDelivery:
    """All that one delivery yields."""

    feeds: dict[str, MappedFeed] = field(default_factory=dict)
    bad: list[BadLine] = field(default_factory=list)
    header: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)  # columns that company.yml does not name
    absent: list[str] = field(default_factory=list)  # and those that it names in vain
    notes: list[str] = field(default_factory=list)


def map_delivery(
    mapping: Mapping,
    entries: Map[str, Sequence[DeliveredFile]],
    feeds: Sequence[Feed],
    business_zone: str,
    delivered_on: date,
    folder: Path,
    memory_limit: str | None = None,
    max_ratio: int = MAX_UNPACKING,
) -> MappedDelivery:
    """Run a mapping over the files of one delivery, given per entry of its `files`; they arrived
    on the business date `delivered_on`.

    Raises RejectedError where a file cannot be read, lacks a column, or an expression fails.
    """
    delivery = MappedDelivery()
    connection = duck.unlocked(folder, memory_limit)
    try:
        defaults = {name: p.default for name, p in mapping.parameters.items()}
        told = {name: value for name, value in defaults.items() if isinstance(value, str)}
        names, values = duck.texts(told), duck.texts(told.values())
        parameter = f"parameter(n) as map([{names}]::varchar[], [{values}]::varchar[])[n]"
        connection.execute(f"create macro delivered_on() as date {duck.text(delivered_on)}")
        for macro in (*spellings.MACROS, *MACROS, parameter):
            connection.execute(f"create macro {macro}")
        forms = [file.form for files in entries.values() for file in files]
        for extension in extensions_of(*forms):
            duck.load_extension(connection, extension)
        serial = False
        for entry, files in entries.items():
            serial |= _materialise(connection, mapping, entry, files, folder, delivery, max_ratio)
        for entry in mapping.spare - entries.keys():
            connection.execute(_empty(entry, mapping.files[entry]))
        duck.lock(connection)
        for entry in entries:
            if repeated := _shape(connection, entry, mapping.files[entry]):
                delivery.notes.append(
                    f"{repeated:,} rows of `{entry}` stand there twice, and count once"
                )
        for name, sql in mapping.steps.items():
            if mapping.inputs[name] <= mapping.spare | entries.keys():
                run(connection, f"create table {duck.name(name)} as {sql}", f"step `{name}`")
        for feed in feeds:
            if not mapping.lacking(feed.name, entries):
                parts = mapping.parts_of(feed.name, entries)
                delivery.feeds[feed.name] = _feed(
                    connection, mapping, feed, parts, business_zone, folder, serial
                )
    except RejectedError as error:
        error.header = tuple(delivery.header)
        raise
    finally:
        connection.close()
    return delivery


# ---- the files as tables


def _materialise(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    entry: str,
    files: Sequence[DeliveredFile],
    folder: Path,
    delivery: MappedDelivery,
    max_ratio: int,
) -> bool:
    """Make the table of an entry's files; whether it holds Excel's serial dates."""
    how, serial = mapping.files[entry], False
    parts = []
    for index, file in enumerate(files):
        part = f"{entry}_{index}"
        table = read_table(connection, file.path, file.form, folder / part, how.layout, max_ratio)
        try:
            _copy_in(connection, part, table, file.name)
        except (duckdb.Error, MiscountError) as error:
            if table.repair is None or isinstance(error, duckdb.OutOfMemoryException):
                raise RejectedError(f"not readable: {first_line(error)}") from None
            table = table.repair()
            _copy_in(connection, part, table, file.name)
        delivery.bad += table.bad
        delivery.notes += table.notes
        delivery.bad += [
            BadLine(*row)
            for row in connection.execute(
                f"select _row, coalesce(_text, ''), _why from {duck.name(part)} where _why <> ''"
            ).fetchall()
        ]
        delivery.header += [name for name in table.columns if name not in delivery.header]
        delivery.unnamed += mapping.unnamed(entry, table.columns)
        delivery.absent += mapping.absent(table.columns)
        serial |= table.has_serial_dates
        parts.append(_renamed(part, table.columns, how, mapping.said))
    union = " union all by name ".join(parts)
    connection.execute(f"create table {duck.name(entry)} as {union}")
    return serial


def _empty(entry: str, how: Files) -> str:
    """SQL that makes the table of a kind of file of which none is there."""
    names = dict.fromkeys((*how.recognised_by, *how.optional))
    cells = ", ".join(f"{duck.name(name)} varchar" for name in names)
    return f"create table {duck.name(entry)} ({cells}, _file varchar, _row bigint)"


def _copy_in(connection: duckdb.DuckDBPyConnection, part: str, table: Table, name: str) -> None:
    cells = ", ".join(f"cell(c{i}) as c{i}" for i in range(len(table.columns)))
    connection.execute(f"""
        create or replace table {duck.name(part)} as
        select {cells}, _why, _text, {duck.text(name)} as _file, _newlines,
            coalesce(_row, {table.first_row - 1} + row_number() over () + coalesce(
                sum(_newlines) over (rows between unbounded preceding and 1 preceding), 0
            ))::bigint as _row
        from ({table.sql})
    """)
    (lines,) = connection.execute(
        f"select count(*) + coalesce(sum(_newlines), 0) from {duck.name(part)}"
    ).fetchone() or (0,)
    table.check_count(lines)


def _renamed(part: str, columns: Sequence[str], how: Files, said: Collection[str]) -> str:
    missing = [name for name in how.renamed if name not in columns and name not in said]
    if missing:
        raise RejectedError(no_column(missing[0], columns))
    called = how.called(columns)
    cells = [f"c{i} as {duck.name(name)}" for i, name in enumerate(called)]
    absent = [name for name in how.optional if name not in called]
    cells += [f"null::varchar as {duck.name(name)}" for name in absent]
    return f"select {', '.join(cells)}, _file, _row from {duck.name(part)} where _why is null"


def _shape(connection: duckdb.DuckDBPyConnection, entry: str, how: Files) -> int:
    """Leave out repeated rows, fill down and filter, as the mapping says; how many repeated."""
    table = duck.name(entry)
    columns = columns_of(connection, entry)
    repeated = _without_repeats(connection, table, columns) if how.distinct else 0
    if fill := how.fill_down:
        for name in (*fill.columns, *fill.within):
            if name not in columns:
                raise RejectedError(f"fill_down: {no_column(name, columns)}")
        within = ", ".join(["_file", *map(duck.name, fill.within)])
        filled = ", ".join(
            f"""last_value({duck.name(c)} ignore nulls) over (partition by {within} order by _row
                rows between unbounded preceding and current row) as {duck.name(c)}"""
            for c in fill.columns
        )
        run(
            connection,
            f"create or replace table {table} as select * replace ({filled}) from {table}",
            f"files.{entry}.fill_down",
        )
    if how.where:
        run(
            connection,
            f"create or replace table {table} as select * from {table} where ({how.where}\n)",
            f"files.{entry}.where",
        )
    return repeated


def _without_repeats(
    connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]
) -> int:
    """Keep the first of equal rows of a file; how many were left out."""
    same = ", ".join(duck.name(name) for name in columns if name != "_row")
    count = f"select count(*) from {table}"
    (before,) = connection.execute(count).fetchone() or (0,)
    connection.execute(f"""
        create or replace table {table} as select * from {table}
        qualify row_number() over (partition by {same} order by _row) = 1
    """)
    (after,) = connection.execute(count).fetchone() or (0,)
    return before - after


# ---- the feeds


def _feed(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    feed: Feed,
    parts: Sequence[FeedMap],
    business_zone: str,
    folder: Path,
    serial: bool,
) -> MappedFeed:
    names = [c.name for c in feed.columns if any(c.name in part.columns for part in parts)]
    selects = [
        part_of_feed(connection, mapping, feed, part, business_zone, f"feeds.{feed.name}", index)
        for index, part in enumerate(parts)
    ]
    union = " union all by name ".join(f"from ({sql})" for sql in selects)
    run(connection, f"create table mapped as {union}", f"feeds.{feed.name}")
    left_out = connection.execute("""
        select _ignored, count(*) from mapped where _ignored is not null
        group by all order by all
    """)
    ignored = Counter(dict(left_out.fetchall()))
    path = folder / f"{feed.name}.parquet"
    cells = ", ".join(f"{duck.name(name)}::varchar as c{i}" for i, name in enumerate(names))
    rows = connection.execute(f"""
        select {cells}, _file, _row from mapped where _ignored is null
        order by _file, _row, {", ".join(map(duck.name, names))}
    """)
    with RawFile(path) as file:
        for batch in rows.to_arrow_reader(BATCH_ROWS):
            file.write(batch)
        if not file.rows:
            file.write(rows_of_no_file(len(names)))
    connection.execute("drop table mapped")
    texts = {name: f"c{i}" for i, name in enumerate(names)}
    sql = f"""
        select *, 0 as _newlines, null::varchar as _why, null::varchar as _text
        from read_parquet({duck.path(path)})
    """
    return MappedFeed(Table(tuple(names), sql, has_serial_dates=serial), texts, ignored)


# ---- small things


def rows_of_no_file(width: int) -> pa.RecordBatch:
    """No rows, of the columns that a mapped feed has."""
    kinds = {f"c{i}": pa.string() for i in range(width)} | {
        "_file": pa.string(),
        "_row": pa.int64(),
    }
    return pa.RecordBatch.from_pylist([], pa.schema(kinds))

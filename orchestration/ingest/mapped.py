"""A mapping at work: the files of one delivery become the rows of feeds, still as text."""

import difflib
import re
from collections import Counter
from collections.abc import Mapping as Map
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.contract import Feed
from orchestration.ingest import casting, duck
from orchestration.ingest.expressions import ExpressionError, check_expression
from orchestration.ingest.mapping import FeedMap, Files, Mapping, Source
from orchestration.ingest.reading import (
    MiscountError,
    Table,
    as_text,
    first_line,
    read_table,
)
from orchestration.ingest.records import BadLine
from orchestration.ingest.unpacking import Form, RejectedError
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
LOCKS = (
    "set enable_external_access = false",
    "set allow_community_extensions = false",
    "set lock_configuration = true",
)
LOST_COLUMN = re.compile(
    r'Referenced column "([^"]+)" not found.*?(?:Candidate bindings: ([^\n]*))?(?:\n|$)', re.S
)
SECONDS = "%Y-%m-%d %H:%M:%S.%f"


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


def map_delivery(
    mapping: Mapping,
    entries: Map[str, Sequence[DeliveredFile]],
    feeds: Sequence[Feed],
    business_zone: str,
    folder: Path,
    memory_limit: str | None = None,
) -> MappedDelivery:
    """Run a mapping over the files of one delivery, given per entry of its `files`.

    Raises RejectedError where a file cannot be read, lacks a column, or an expression fails.
    """
    delivery = MappedDelivery()
    connection = duck.connect(folder, memory_limit)
    try:
        for macro in (*casting.MACROS, *MACROS):
            connection.execute(f"create macro {macro}")
        serial = False
        for entry, files in entries.items():
            serial |= _materialise(connection, entry, mapping.files[entry], files, folder, delivery)
        for lock in LOCKS:
            connection.execute(lock)
        for entry in entries:
            _shape(connection, entry, mapping.files[entry])
        for name, sql in mapping.steps.items():
            if mapping.inputs[name] <= entries.keys():
                _run(connection, f"create table {duck.name(name)} as {sql}", f"step `{name}`")
        for feed in feeds:
            if mapping.inputs[f"feed {feed.name}"] <= entries.keys():
                delivery.feeds[feed.name] = _feed(
                    connection, mapping, feed, business_zone, folder, serial
                )
    finally:
        connection.close()
    return delivery


# ---- the files as tables


def _materialise(
    connection: duckdb.DuckDBPyConnection,
    entry: str,
    how: Files,
    files: Sequence[DeliveredFile],
    folder: Path,
    delivery: MappedDelivery,
) -> bool:
    """Make the table of an entry's files; whether it holds Excel's serial dates."""
    serial = False
    parts = []
    for index, file in enumerate(files):
        part = f"{entry}_{index}"
        table = read_table(connection, file.path, file.form, folder / part, how.layout)
        try:
            _copy_in(connection, part, table, file.name)
        except (duckdb.Error, MiscountError) as error:
            if table.repair is None or isinstance(error, duckdb.OutOfMemoryException):
                raise RejectedError(f"not readable: {first_line(error)}") from None
            table = table.repair()
            _copy_in(connection, part, table, file.name)
        delivery.bad += table.bad
        delivery.bad += [
            BadLine(*row)
            for row in connection.execute(
                f"select _row, coalesce(_text, ''), _why from {duck.name(part)} where _why <> ''"
            ).fetchall()
        ]
        delivery.header += [name for name in table.columns if name not in delivery.header]
        serial |= table.has_serial_dates
        parts.append(_renamed(part, table.columns, how.rename))
    union = " union all by name ".join(parts)
    connection.execute(f"create table {duck.name(entry)} as {union}")
    return serial


def _copy_in(connection: duckdb.DuckDBPyConnection, part: str, table: Table, name: str) -> None:
    cells = ", ".join(f"clean(c{i}) as c{i}" for i in range(len(table.columns)))
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


def _renamed(part: str, columns: Sequence[str], rename: Map[str, str]) -> str:
    missing = [name for name in rename if name not in columns]
    if missing:
        raise RejectedError(_no_column(missing[0], columns))
    cells = ", ".join(
        f"c{i} as {duck.name(rename.get(name, name))}" for i, name in enumerate(columns)
    )
    return f"select {cells}, _file, _row from {duck.name(part)} where _why is null"


def _shape(connection: duckdb.DuckDBPyConnection, entry: str, how: Files) -> None:
    """Fill down and filter, both as the mapping says."""
    table = duck.name(entry)
    columns = _columns(connection, entry)
    if fill := how.fill_down:
        for name in (*fill.columns, *fill.within):
            if name not in columns:
                raise RejectedError(f"fill_down: {_no_column(name, columns)}")
        within = ", ".join(["_file", *map(duck.name, fill.within)])
        filled = ", ".join(
            f"""last_value({duck.name(c)} ignore nulls) over (partition by {within} order by _row
                rows between unbounded preceding and current row) as {duck.name(c)}"""
            for c in fill.columns
        )
        _run(
            connection,
            f"create or replace table {table} as select * replace ({filled}) from {table}",
            f"files.{entry}.fill_down",
        )
    if how.where:
        _run(
            connection,
            f"create or replace table {table} as select * from {table} where ({how.where}\n)",
            f"files.{entry}.where",
        )


# ---- the feeds


def _feed(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    feed: Feed,
    business_zone: str,
    folder: Path,
    serial: bool,
) -> MappedFeed:
    parts = mapping.feeds[feed.name]
    names = [c.name for c in feed.columns if any(c.name in part.columns for part in parts)]
    selects = [
        _part(connection, mapping, feed, part, business_zone, f"feeds.{feed.name}", index)
        for index, part in enumerate(parts)
    ]
    union = " union all by name ".join(f"from ({sql})" for sql in selects)
    _run(connection, f"create table mapped as {union}", f"feeds.{feed.name}")
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


def _part(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    feed: Feed,
    part: FeedMap,
    business_zone: str,
    place: str,
    index: int,
) -> str:
    """The SELECT of one part: the feed's columns as text, `_file`, `_row`, `_ignored`."""
    columns = _columns(connection, part.from_)
    table = duck.name(part.from_)
    ignored = ["null::varchar"]
    if part.unpivot:
        table = _unpivoted(part, columns)
        columns = [*columns, part.unpivot.name, part.unpivot.value]
        ignored = ["_no_answer"]
    expressions = {}
    for name, source in part.columns.items():
        where = f"{place}.columns.{name}"
        base = _base(source, columns, where)
        if source.ignore:
            ignored.append(
                f"case when ({base})::varchar in ({duck.texts(source.ignore)})"
                f" then {duck.text(name + ' ')} || ({base})::varchar end"
            )
        is_moment = feed.column(name).type in ("date", "timestamp")
        formats = source.dates or (mapping.dates if is_moment else [])
        zone = source.time_zone or mapping.time_zone
        expressions[name] = _value(source, base, formats, columns, where)
        if zone and feed.column(name).type == "timestamp":
            expressions[name] = _in_zone(expressions[name], zone, business_zone)
    place_of_row = "_file, _row"
    if not {"_file", "_row"} <= set(columns):
        place_of_row = "null::varchar as _file, null::bigint as _row"
    keep = f"where ({part.where}\n)" if part.where else ""
    group = ""
    if part.group_by:
        keys = [_named_or_sql(key, columns, f"{place}.group_by") for key in part.group_by]
        group = f"group by {', '.join(keys)}"
        place_of_row = "min(_file) as _file, min(_row) as _row"
        ignored = [f"any_value({label})" if label == "_no_answer" else label for label in ignored]
    cells = ", ".join(f"({sql}) as {duck.name(name)}" for name, sql in expressions.items())
    sql = f"""
        select {cells}, {place_of_row}, coalesce({", ".join(ignored)}) as _ignored
        from {table} {keep} {group}
    """
    made = f"part_{feed.name}_{index}"
    _run(connection, f"create table {duck.name(made)} as {sql}", place)
    texts = ", ".join(
        f"{as_text(duck.name(name), kind)} as {duck.name(name)}"
        for name, kind in _types(connection, made).items()
        if name in expressions
    )
    if not part.distinct:
        return f"select {texts}, _file, _row, _ignored from {duck.name(made)}"
    return f"""select {texts}, min(_file) as _file, min(_row) as _row, _ignored
        from {duck.name(made)} group by all"""


def _unpivoted(part: FeedMap, columns: Sequence[str]) -> str:
    """One row per listed column and filled cell."""
    unpivot = part.unpivot
    assert unpivot
    pairs, ignored = [], []
    for name, question in unpivot.columns.items():
        if name not in columns:
            raise RejectedError(_no_column(name, columns))
        code = duck.text(question.code)
        pairs.append(f"{{'code': {code}, 'cell': {duck.name(name)}}}")
        if question.ignore:
            ignored.append(
                f"when code = {code} and cell in ({duck.texts(question.ignore)})"
                " then code || ' ' || cell"
            )
    no_answer = f"case {' '.join(ignored)} end" if ignored else "null::varchar"
    return f"""(
        select * exclude (pair, code, cell), code as {duck.name(unpivot.name)},
            cell as {duck.name(unpivot.value)}, {no_answer} as _no_answer
        from (select *, pair.code as code, pair.cell as cell
            from (select *, unnest([{", ".join(pairs)}]) as pair from {duck.name(part.from_)}))
        where cell is not null
    )"""


def _base(source: Source, columns: Sequence[str], where: str) -> str:
    """The SQL of a column's value before anything is done with it."""
    if source.constant is not None:
        return duck.text(source.constant)
    if source.hash is not None:
        parts = [_named_or_sql(part, columns, where) for part in source.hash]
        texts = ", ".join(f"coalesce(({part})::varchar, '')" for part in parts)
        return f"made_key([{texts}])"
    if source.column is not None:
        if source.column not in columns:
            raise RejectedError(f"its mapping, {where}: {_no_column(source.column, columns)}")
        return duck.name(source.column)
    return _named_or_sql(source.source or source.sql or "", columns, where)


def _named_or_sql(text: str, columns: Sequence[str], where: str) -> str:
    if text in columns:
        return duck.name(text)
    try:
        check_expression(text)
    except ExpressionError as error:
        raise RejectedError(
            f"its mapping, {where}: {_no_column(text, columns)}, and as SQL it is {error}"
        ) from None
    return text + "\n"


def _value(
    source: Source, base: str, formats: Sequence[str], columns: Sequence[str], where: str
) -> str:
    """The SQL of a column's value, with all done that the mapping says."""
    value = base
    if source.values:
        cases = " ".join(
            f"when {duck.text(old)} then {duck.text(new) if new is not None else 'null'}"
            for old, new in source.values.items()
        )
        rest = f"({base})::varchar" if source.otherwise is None else duck.text(source.otherwise)
        value = f"case ({base})::varchar {cases} else {rest} end"
    elif source.otherwise is not None:
        value = f"coalesce(({base})::varchar, {duck.text(source.otherwise)})"
    if formats:
        text = f"({value})::varchar"
        parsed = ", ".join(_parsed(text, one) for one in formats)
        value = f"coalesce({parsed}, {text})"
    if source.without_tax is not None:
        rate = str(source.without_tax)
        if isinstance(source.without_tax, str):
            rate = _named_or_sql(source.without_tax, columns, where)
        value = f"""round(as_number({value})::double
            / (1 + as_number({rate})::double / 100), 4)::decimal(18, 4)"""
    return value


def _parsed(text: str, one: str) -> str:
    """A date in one format as ISO text; null where it is in another."""
    moment = f"try_strptime({text}, {duck.text(one)})"
    if "%z" in one or "%Z" in one:
        return f"strftime(({moment})::timestamptz at time zone 'UTC', '{SECONDS}') || 'Z'"
    has_time = any(sign in one for sign in ("%H", "%I", "%-H", "%-I", "%T", "%X"))
    return f"strftime({moment}, '{SECONDS if has_time else '%Y-%m-%d'}')"


def _in_zone(value: str, zone: str, business_zone: str) -> str:
    text = f"({value})::varchar"
    moment = f"slow_moment({text}, {duck.text(zone)}, {duck.text(business_zone)})"
    return f"coalesce(strftime({moment}, '{SECONDS}') || 'Z', {text})"


# ---- small things


def rows_of_no_file(width: int) -> pa.RecordBatch:
    """No rows, of the columns that a mapped feed has."""
    kinds = {f"c{i}": pa.string() for i in range(width)} | {
        "_file": pa.string(),
        "_row": pa.int64(),
    }
    return pa.RecordBatch.from_pylist([], pa.schema(kinds))


def _types(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    described = connection.execute(f"describe {duck.name(table)}").fetchall()
    return {row[0]: row[1] for row in described}


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return list(_types(connection, table))


def _no_column(name: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, columns, 1, cutoff=0.5)
    return f"no column `{name}`" + (f"; the nearest is `{near[0]}`" if near else "")


def _run(connection: duckdb.DuckDBPyConnection, sql: str, place: str) -> None:
    try:
        connection.execute(sql)
    except (duckdb.OutOfMemoryException, duckdb.IOException):
        raise
    except duckdb.Error as error:
        why = first_line(error)
        if lost := LOST_COLUMN.search(str(error)):
            why = _no_column(lost[1], re.findall('"([^"]+)"', lost[2] or ""))
        raise RejectedError(f"its mapping, {place}: {why}") from None

"""Delivered files as tables of text, read by DuckDB, in which every row keeps its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from orchestration.ingest import duck
from orchestration.ingest.records import (
    BLANK,
    MAX_LINE,
    REPEATED_HEADER,
    BadLine,
    Dialect,
    read_header,
    rewrite,
    top_records,
)
from orchestration.ingest.spellings import NO_VALUE
from orchestration.ingest.unpacking import (
    MAX_UNPACKING,
    Form,
    RejectedError,
    Scan,
    free_of_old_newlines,
    scan,
    unpack,
)
from orchestration.ingest.workbooks import choose_sheet

LOOKED_THROUGH = 30  # rows at the top of a file, for its header
JSON_LINES = Dialect("\x1f", "")  # a sign that stands in no valid line of JSON
LINE_END = "\\n"  # of a file that was rewritten, as DuckDB spells it


@dataclass(frozen=True)
class Layout:
    """How a file lays out its rows, where that is not the usual way."""

    encodings: tuple[str, ...] = ()
    delimiters: tuple[str, ...] = ()  # of several the first with which the header is found
    quote: str = '"'
    header_row: int = 1  # 0: the file has none, and `columns` names what it holds
    header_holds: tuple[tuple[str, ...], ...] = ()  # or: the first row with one of each
    skip_below_header: int = 0
    parts_below_header: bool = False
    columns: tuple[str, ...] = ()
    sheet: str | None = None


@dataclass(frozen=True)
class Table:
    """A file as rows of text.

    `sql` yields c0 … cN, one per name in `columns`, and `_row` (the row's place in the file, null
    where it follows from counting), `_newlines` (line breaks within its values), `_why` (null; a
    reason for which it is no row; or '' for a blank line) and `_text` (the line that is no row).
    """

    columns: tuple[str, ...]
    sql: str
    first_row: int = 1
    lines: int | None = None  # that counting must arrive at
    bad: tuple[BadLine, ...] = ()
    has_serial_dates: bool = False
    labels: tuple[str, ...] = ()  # the columns' names as delivered, where two can be the same
    is_typed: bool = False  # the cells may hold what no text file can: lists, bytes, a NUL
    notes: tuple[str, ...] = ()  # what else is to be told of the file
    repair: Callable[[], "Table"] | None = None

    def check_count(self, lines: int) -> None:
        """Raise MiscountError where rows and lines do not add up."""
        if self.lines is not None and lines != self.lines:
            raise MiscountError(f"{lines} lines in rows, {self.lines} in the file")


class MiscountError(Exception):
    """Blank lines, or more of a kind, make the rows' places differ from what counting gives."""


def read_table(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    form: Form,
    folder: Path,
    layout: Layout | None = None,
    max_ratio: int = MAX_UNPACKING,
) -> Table:
    """The table that a file holds. Writes what it must unpack or decode to `folder`; what would
    unpack to more than `max_ratio` times its size is rejected.

    Raises RejectedError where the file cannot be read at all.
    """
    layout = layout or Layout()
    plain = unpack(path, form, layout.encodings, folder, max_ratio)
    if plain == path:
        plain = folder / "delivered"
        plain.unlink(missing_ok=True)
        plain.symlink_to(path.resolve())
    if form.format == "parquet":
        return _parquet(connection, plain)
    if form.format == "xlsx":
        return _xlsx(connection, plain, layout, max_ratio)
    plain = free_of_old_newlines(plain, folder)
    if form.format == "jsonl":
        return _json_lines(connection, plain, folder)
    return _delimited(plain, form, folder, layout)


def extensions_of(*forms: Form) -> list[str]:
    """What a connection needs that is to read files of these forms."""
    return ["excel"] if any(form.format == "xlsx" for form in forms) else []


def unique_names(header: Sequence[str | None]) -> tuple[str, ...]:
    """Column names as mappings address them: a second 送料 is 送料_2, one without is column_<n>."""
    seen: dict[str, int] = {}
    names = []
    for position, cell in enumerate(header, start=1):
        label = (cell or "").strip() or f"column_{position}"
        seen[label] = seen.get(label, 0) + 1
        names.append(label if seen[label] == 1 else f"{label}_{seen[label]}")
    return tuple(names)


# ---- CSV and TSV


def _delimited(path: Path, form: Form, folder: Path, layout: Layout) -> Table:
    dialect, row = _dialect_and_row(path, form, layout)
    records, lines, is_plain = 0, 0, True
    header: Sequence[str] = layout.columns
    called = header
    if row:
        below = layout.skip_below_header + layout.parts_below_header
        header, parts, records, lines, is_plain = read_header(path, dialect, row, below)
        called = with_parts(header, parts) if layout.parts_below_header else header
    names = unique_names(layout.columns or called)
    if layout.columns and len(layout.columns) != len(header):
        raise RejectedError(
            f"has {len(header)} columns where the mapping names {len(layout.columns)}"
        )
    seen = _scanned(path)

    def repaired() -> Table:
        copy = folder / "rewritten.csv"
        bad = rewrite(path, dialect, lines, header, copy)
        return replace(_rewritten(copy, names, tuple(bad)), labels=labels)

    labels = () if layout.columns else tuple(header)
    if seen.has_nul or not is_plain:
        return repaired()
    table = _clean(path, dialect, names, tuple(header), records, lines, seen, repaired)
    return replace(table, labels=labels)


def dialect_of(path: Path, form: Form, layout: Layout) -> Dialect:
    """How the values of a delimited file are told apart."""
    return _dialect_and_row(path, form, layout)[0]


def _dialect_and_row(path: Path, form: Form, layout: Layout) -> tuple[Dialect, int]:
    """That, and the row of the header."""
    usual = "\t" if form.format == "tsv" else ","
    dialects = [Dialect(one, layout.quote) for one in layout.delimiters or (usual,)]
    if layout.header_holds:
        return _found(path, dialects, layout.header_holds)
    return dialects[0], layout.header_row


def _scanned(path: Path) -> Scan:
    seen = scan(path)
    if seen.escaped_in:
        raise RejectedError(f"line {seen.escaped_in}: is ISO-2022-JP: deliver it as UTF-8")
    return seen


def _found(
    path: Path, dialects: Sequence[Dialect], holds: Sequence[Sequence[str]]
) -> tuple[Dialect, int]:
    """The dialect, and the row, in which the header is found."""
    for dialect in dialects:
        if row := find_header(top_records(path, dialect, LOOKED_THROUGH), holds):
            return dialect, row
    raise RejectedError(_no_header(holds))


def _no_header(holds: Sequence[Sequence[str]]) -> str:
    named = ", ".join(f"`{spellings[0]}`" for spellings in holds)
    return f"no row of the first {LOOKED_THROUGH} is a header with the columns {named}"


def find_header(rows: Sequence[Sequence[str | None]], holds: Sequence[Sequence[str]]) -> int | None:
    """The first row, from 1, that has a cell of each; None where there is none."""
    for number, cells in enumerate(rows, start=1):
        names = {(cell or "").strip() for cell in cells}
        if all(not names.isdisjoint(spellings) for spellings in holds):
            return number
    return None


def with_parts(header: Sequence[str | None], parts: Sequence[str | None]) -> list[str]:
    """Names in which a question of several columns, named once, goes with each of its parts."""
    cells = [(cell or "").strip() for cell in header]
    below = [(cell or "").strip() for cell in parts] + [""] * len(cells)
    names, question = [], ""
    for position, cell in enumerate(cells):
        goes_on = position + 1 < len(cells) and not cells[position + 1]
        question = cell or question
        is_part = below[position] and (not cell or (goes_on and below[position + 1]))
        names.append(f"{question} / {below[position]}" if is_part else cell)
    return names


def _clean(
    path: Path,
    dialect: Dialect,
    names: tuple[str, ...],
    header: tuple[str, ...],
    records: int,
    lines: int,
    seen: Scan,
    repair: Callable[[], Table],
) -> Table:
    columns = [f"c{i}" for i in range(len(names))]
    newlines = "0"
    if dialect.quote and seen.has_quotes:
        spans = " or ".join(f"contains({c}, chr(10))" for c in columns)
        breaks = " + ".join(
            f"coalesce(length({c}) - length(replace({c}, chr(10), '')), 0)" for c in columns
        )
        newlines = f"case when {spans} then {breaks} else 0 end"
    named = [(c, cell.strip(BLANK)) for c, cell in zip(columns, header, strict=True) if cell]
    repeats = " and ".join(
        f"trim({c}, {duck.text(BLANK)}) = {duck.text(cell)}" for c, cell in named
    )
    why = "null"
    if named:  # DuckDB works out a `case` only where it comes to it
        first, cell = named[0]
        why = f"""case when contains({first}, {duck.text(cell)})
            then case when {repeats} then {duck.text(REPEATED_HEADER)} end end"""
    if len(names) == 1:
        why = f"case when c0 is null then '' else {why} end"
    sql = f"""
        select {", ".join(columns)}, null::bigint as _row, {newlines} as _newlines,
            {why} as _why, null::varchar as _text
        from {_read_csv(path, columns, dialect, skip=records)}
    """
    count = seen.lines - lines if len(names) > 1 else None
    return Table(names, sql, lines + 1, count, repair=repair)


def _rewritten(path: Path, names: tuple[str, ...], bad: tuple[BadLine, ...]) -> Table:
    columns = [f"c{i}" for i in range(len(names))]
    sql = f"""
        select {", ".join(columns)}, line::bigint as _row, 0 as _newlines,
            null::varchar as _why, null::varchar as _text
        from {_read_csv(path, ["line", *columns], Dialect(), 0, LINE_END)}
    """
    return Table(names, sql, bad=bad)


def _read_csv(
    path: Path, columns: Sequence[str], dialect: Dialect, skip: int, line_end: str = ""
) -> str:
    """Without `line_end` DuckDB takes the first that it comes upon, be it in quotes."""
    types = ", ".join(f"'{c}': 'VARCHAR'" for c in columns)
    return f"""read_csv(
            {duck.path(path)}, auto_detect = false, header = false, skip = {skip},
            delim = {duck.text(dialect.delimiter)}, quote = {duck.text(dialect.quote)},
            escape = {duck.text(dialect.quote)}, strict_mode = true, compression = 'none',
            max_line_size = {MAX_LINE}, columns = {{{types}}}
            {f", new_line = {duck.text(line_end)}" if line_end else ""}
        )"""


# ---- JSON lines


def _json_lines(connection: duckdb.DuckDBPyConnection, path: Path, folder: Path) -> Table:
    seen = _scanned(path)

    def repaired() -> Table:
        copy = folder / "rewritten.csv"
        bad = rewrite(path, JSON_LINES, 0, ["line"], copy)
        return _json(connection, _rewritten(copy, ("line",), tuple(bad)))

    if seen.has_nul:
        return repaired()
    lines = f"""
        select c0, null::bigint as _row, 0 as _newlines, null::varchar as _why
        from {_read_csv(path, ["c0"], JSON_LINES, skip=0)}
    """
    table = Table(("line",), lines, repair=repaired)
    try:
        # DuckDB passes over what follows a line that is far too long, without a word
        (rows,) = connection.execute(
            f"select count(*) from (select c0, length(c0) as size from ({lines})) where size is"
            " null or size >= 0"
        ).fetchone() or (0,)
        if not seen.lines <= rows <= seen.lines + seen.blank:
            return repaired()
        return _json(connection, table)
    except duckdb.InvalidInputException:
        return repaired()


def _json(connection: duckdb.DuckDBPyConnection, lines: Table) -> Table:
    """The table of a file's lines, each an object, as the table of their keys."""
    is_object = "json_valid(c0) and json_type(c0) = 'OBJECT'"
    found = connection.execute(f"""
        select key, max(times) from (
            select key, row, count(*) as times from (
                select row_number() over () as row,
                    unnest(json_keys(case when {is_object} then c0 end)) as key
                from ({lines.sql})
            ) group by all
        ) group by key order by key
    """).fetchall()
    if not found:
        _refuse_other_json(connection, lines)
    keys = [key for key, _ in found]
    pointers = ["/" + key.replace("~", "~0").replace("/", "~1") for key in keys]
    columns = "".join(
        f"""case when held[{i + 1}][1] in ('{{', '[')
            and json_type(c0, {duck.text(pointer)}) in ('OBJECT', 'ARRAY')
            then {duck.text(NO_VALUE)} || held[{i + 1}] else held[{i + 1}] end as c{i}, """
        for i, pointer in enumerate(pointers)
    )
    twice = "null::varchar"
    if any(times > 1 for _, times in found):
        twice = f"""case when {is_object} then (
            list_filter(json_keys(c0), (k, i) -> list_position(json_keys(c0), k) <> i))[1] end"""
    sql = f"""
        select {columns} _row, _newlines, _why, case when _why <> '' then c0 end as _text
        from (
            select c0, _row, _newlines,
                case when trim(coalesce(c0, '')) = '' then ''
                    when not json_valid(c0) then 'not valid JSON'
                    when json_type(c0) <> 'OBJECT' then 'not a JSON object'
                    else 'the key `' || {twice} || '` stands twice' end as _why,
                case when {is_object}
                    then json_extract_string(c0, [{duck.texts(pointers)}]::varchar[]) end as held
            from ({lines.sql})
        )
    """
    return replace(lines, columns=tuple(keys), sql=sql, is_typed=True)


def _refuse_other_json(connection: duckdb.DuckDBPyConnection, lines: Table) -> None:
    """Raise RejectedError where no line is an object, by what the first is."""
    first = connection.execute(f"select left(ltrim(c0), 1) from ({lines.sql}) limit 1").fetchone()
    if first and first[0]:
        what = "is an array of JSON" if first[0] == "[" else "line 1 and all others: no JSON object"
        raise RejectedError(f"{what}: one object a line is wanted")


# ---- Parquet and XLSX


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> Table:
    read = f"read_parquet({duck.path(path)}, file_row_number = true, hive_partitioning = false)"
    try:
        described = connection.execute(f"describe select * from {read}").fetchall()
    except duckdb.Error as error:
        raise RejectedError(f"not readable as Parquet: {first_line(error)}") from None
    held = [(label, kind) for label, kind, *_ in described if label != "file_row_number"]
    columns = "".join(
        f"{as_text(duck.name(label), kind, NO_VALUE)} as c{i}, "
        for i, (label, kind) in enumerate(held)
    )
    sql = f"""
        select {columns} file_row_number + 1 as _row, 0 as _newlines,
            null::varchar as _why, null::varchar as _text
        from {read}
    """
    labels = tuple(pq.read_schema(path).names)
    return Table(tuple(label for label, _ in held), sql, labels=labels, is_typed=True)


def as_text(value: str, kind: str, mark: str = "") -> str:
    """A typed value as the text that a CSV would hold, with `mark` before what none would."""
    if kind in ("FLOAT", "DOUBLE"):
        return f"""case
            when not isfinite({value}) then 'NaN'
            when {value} = trunc({value}) and abs({value}) < 9007199254740992
                then {value}::bigint::varchar
            when contains({value}::varchar, 'e') and abs({value}) < 1
                then {value}::decimal(38, 12)::varchar
            else {value}::varchar end"""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"{value}::timestamp::varchar || 'Z'"
    if kind == "BLOB":
        return f"case when {value} is not null then coalesce(try(decode({value})), '{mark}') end"
    if kind.endswith("]") or kind.startswith(("STRUCT", "MAP", "UNION")):
        return f"'{mark}' || to_json({value})::varchar"
    return f"{value}::varchar"


def _xlsx(
    connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout, max_ratio: int
) -> Table:
    sheet = choose_sheet(path, layout.sheet, max_ratio)
    read = (
        f"read_xlsx({duck.path(path)}, all_varchar = true, header = false,"
        f" stop_at_empty = false, sheet = {duck.text(sheet.name)}"
    )
    # by itself DuckDB reads as many columns as the first row has, which may be a title
    is_first = layout.header_row == 1 and not layout.header_holds and not layout.parts_below_header
    if sheet.last_cell and not is_first:
        read += f", range = 'A1:{sheet.last_cell}'"
    read += ")"
    try:
        cells = [label for label, *_ in connection.execute(f"describe from {read}").fetchall()]
        top = connection.execute(
            f"from {read} limit {max(layout.header_row, LOOKED_THROUGH)}"
        ).fetchall()
    except duckdb.Error as error:
        raise RejectedError(f"not readable as XLSX: {first_line(error)}") from None
    row = layout.header_row
    if layout.header_holds and not (row := find_header(top, layout.header_holds) or 0):
        raise RejectedError(_no_header(layout.header_holds))
    if len(top) < row:
        raise RejectedError(f"has {len(top)} rows, so no header in row {row}")
    header = layout.columns or (top[row - 1] if row else cells)
    above = row + (layout.skip_below_header if row else 0)
    if layout.parts_below_header:
        header, above = with_parts(header, top[row] if len(top) > row else ()), above + 1
    # Excel keeps every number as a float: 17850 comes out as 17850.0
    columns = "".join(
        rf"regexp_replace({duck.name(cell)}, '^(-?\d+)\.0$', '\1') as c{i}, "
        for i, cell in enumerate(cells)
    )
    is_blank = " and ".join(f"{duck.name(cell)} is null" for cell in cells)
    sql = f"""
        select {columns} _row, 0 as _newlines,
            case when {is_blank} then '' end as _why, null::varchar as _text
        from (select *, row_number() over () as _row from {read})
        where _row > {above}
    """
    labels = () if layout.columns else tuple((cell or "") for cell in header)
    return Table(unique_names(header), sql, has_serial_dates=True, labels=labels, notes=sheet.notes)


def first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]

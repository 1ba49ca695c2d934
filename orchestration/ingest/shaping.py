"""A mapping's words as SQL: what a feed's columns are made of."""

import difflib
import re
from collections.abc import Collection, Sequence
from collections.abc import Mapping as Map

import duckdb

from orchestration.contract import Feed
from orchestration.ingest import duck
from orchestration.ingest.expressions import ExpressionError, check_expression
from orchestration.ingest.language import FeedMap, Mapping, Source
from orchestration.ingest.reading import as_text, first_line
from orchestration.ingest.unpacking import RejectedError

LOST_COLUMN = re.compile(
    r'Referenced column "([^"]+)" not found.*?(?:Candidate bindings: ([^\n]*))?(?:\n|$)', re.S
)
SECONDS = "%Y-%m-%d %H:%M:%S.%f"


def part_of_feed(
    connection: duckdb.DuckDBPyConnection,
    mapping: Mapping,
    feed: Feed,
    part: FeedMap,
    business_zone: str,
    place: str,
    index: int,
) -> str:
    """The SELECT of one part: the feed's columns as text, `_file`, `_row`, `_ignored`."""
    columns = columns_of(connection, part.from_)
    table = duck.name(part.from_)
    ignored = ["null::varchar"]
    if part.unpivot:
        table = _unpivoted(part, columns, mapping.said)
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
    run(connection, f"create table {duck.name(made)} as {sql}", place)
    texts = ", ".join(
        f"{as_text(duck.name(name), kind)} as {duck.name(name)}"
        for name, kind in types_of(connection, made).items()
        if name in expressions
    )
    if not part.distinct:
        return f"select {texts}, _file, _row, _ignored from {duck.name(made)}"
    return f"""select {texts}, min(_file) as _file, min(_row) as _row, _ignored
        from {duck.name(made)} group by all"""


def _unpivoted(part: FeedMap, columns: Sequence[str], said: Collection[str]) -> str:
    """One row per listed column and filled cell."""
    unpivot = part.unpivot
    assert unpivot
    questions = unpivot.columns
    assert isinstance(questions, dict)
    codes = {question.code for name, question in questions.items() if name in columns}
    pairs, ignored = ["{'code': null, 'cell': null}"], []
    for name, question in questions.items():
        code = duck.text(question.code)
        if name not in columns:
            # a question that was put in other words stands in a column of its own, and a survey
            # may have got one more since this file; but a file without any is another one
            if question.code in codes or (codes and name in said):
                continue
            raise RejectedError(no_column(name, columns))
        cell = _translated(duck.name(name), question.values)
        pairs.append(f"{{'code': {code}, 'cell': {cell}}}")
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
            raise RejectedError(f"its mapping, {where}: {no_column(source.column, columns)}")
        return duck.name(source.column)
    return _named_or_sql(source.source or source.sql or "", columns, where)


def _named_or_sql(text: str, columns: Sequence[str], where: str) -> str:
    if text in columns:
        return duck.name(text)
    try:
        check_expression(text)
    except ExpressionError as error:
        raise RejectedError(
            f"its mapping, {where}: {no_column(text, columns)}, and as SQL it is {error}"
        ) from None
    return text + "\n"


def _value(
    source: Source, base: str, formats: Sequence[str], columns: Sequence[str], where: str
) -> str:
    """The SQL of a column's value, with all done that the mapping says."""
    value = base
    if source.values:
        value = _translated(base, source.values, source.otherwise)
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


def _translated(value: str, values: Map[str, str | None], otherwise: str | None = None) -> str:
    """A value by a table; what the table lacks stays as it is, or is `otherwise`."""
    rest = f"({value})::varchar" if otherwise is None else duck.text(otherwise)
    cases = " ".join(
        f"when {duck.text(old)} then {duck.text(new) if new is not None else 'null'}"
        for old, new in values.items()
    )
    return f"case ({value})::varchar {cases} else {rest} end" if cases else rest


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


def types_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    described = connection.execute(f"describe select * from {duck.name(table)}").fetchall()
    return {row[0]: row[1] for row in described}


def columns_of(connection: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    return list(types_of(connection, table))


def no_column(name: str, columns: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, columns, 1, cutoff=0.5)
    return f"no column `{name}`" + (f"; the nearest is `{near[0]}`" if near else "")


def run(connection: duckdb.DuckDBPyConnection, sql: str, place: str) -> None:
    try:
        connection.execute(sql)
    except (duckdb.OutOfMemoryException, duckdb.IOException):
        raise
    except duckdb.Error as error:
        why = first_line(error)
        if lost := LOST_COLUMN.search(str(error)):
            why = no_column(lost[1], re.findall('"([^"]+)"', lost[2] or ""))
        raise RejectedError(f"its mapping, {place}: {why}") from None

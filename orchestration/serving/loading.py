"""Loading: the tables, views, keys and comments of a published file into a schema of PostgreSQL."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import duckdb
import psycopg
import pyarrow as pa
from psycopg import errors
from pyarrow import csv

from orchestration.ingest import duck
from orchestration.ingest.duck import name, text
from orchestration.live.watermark import SourceError
from orchestration.publishing import PERSON_FREE, WHOLE, Version

BATCH = 20_000  # rows
# Instants are without a zone and in UTC, as in the files, so the same question has the same answer.
TYPES = {
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "DOUBLE": "double precision",
    "FLOAT": "real",
    "HUGEINT": "numeric(39, 0)",
    "INTEGER": "integer",
    "SMALLINT": "smallint",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "VARCHAR": "text",
}
DECIMAL = re.compile(r"DECIMAL\(\d+,\d+\)")
LIST = "[]"


@dataclass(frozen=True)
class Loaded:
    rows: int
    person_free: frozenset[str]  # the marts that are not about single persons


class _Mart(NamedTuple):
    name: str
    kind: str
    statement: str | None  # of a view
    comment: str | None


def load(connection: psycopg.Connection, schema: str, version: Version, spill: Path) -> Loaded:
    """Copy the version into an empty schema, as part of the caller's transaction."""
    with duck.connect(spill, version.folder) as file:
        for alias, path in (("whole", WHOLE), ("free", PERSON_FREE)):
            file.execute(f"attach {text(version.folder / path)} as {alias} (read_only)")
        marts = _marts(file, "whole")
        keys = version.manifest.get("keys", {})  # which older versions do not name
        rows = 0
        for mart in (mart for mart in marts if mart.statement is None):
            rows += _copy(connection, schema, file, mart.name)
            if key := keys.get(mart.name):
                _index(connection, f"{schema}.{name(mart.name)}", key)
            connection.execute(f"analyze {schema}.{name(mart.name)}")
        connection.execute(f"set local search_path = {schema}")
        for statement in (mart.statement for mart in marts if mart.statement):
            connection.execute(re.sub(r'"?\bmarts\b"?\.', "", statement))
        connection.execute("set local search_path = ''")
        for mart in marts:
            _comment(connection, schema, file, mart)
        return Loaded(rows, frozenset(mart.name for mart in _marts(file, "free")))


def _marts(file: duckdb.DuckDBPyConnection, database: str) -> list[_Mart]:
    """What is in a file: tables, then views."""
    found = file.execute(
        "select table_name, 'table', null, comment from duckdb_tables()"
        " where database_name = $1 and schema_name = 'marts'"
        " union all select view_name, 'view', sql, comment from duckdb_views()"
        " where database_name = $1 and schema_name = 'marts' order by 2, 1",
        [database],
    )
    return [_Mart(*row) for row in found.fetchall()]


def _columns(file: duckdb.DuckDBPyConnection, mart: str) -> list[tuple[str, str, str | None]]:
    return file.execute(
        "select column_name, data_type, comment from duckdb_columns()"
        " where database_name = 'whole' and schema_name = 'marts' and table_name = ?"
        " order by column_index",
        [mart],
    ).fetchall()


def _copy(
    connection: psycopg.Connection, schema: str, file: duckdb.DuckDBPyConnection, mart: str
) -> int:
    """One table and its rows, visible to every transaction as soon as the table is found.

    It never changes, so its statistics are gathered once and nothing is left to vacuum.
    """
    columns = [(column, kind) for column, kind, _ in _columns(file, mart)]
    declared = ", ".join(f"{name(c)} {_type(mart, c, kind)}" for c, kind in columns)
    table = f"{schema}.{name(mart)}"
    connection.execute(f"create table {table} ({declared}) with (autovacuum_enabled = false)")
    rows = file.execute(
        f"select {', '.join(_as_text(c, kind) for c, kind in columns)}"
        f" from whole.marts.{name(mart)}"
    )
    with connection.cursor() as cursor:
        with cursor.copy(f"copy {table} from stdin (format csv, freeze)") as copy:
            for piece in _pieces(rows.to_arrow_reader(BATCH)):
                copy.write(piece)
        return cursor.rowcount


def _pieces(batches: pa.RecordBatchReader) -> Iterator[bytes]:
    """Rows as CSV in which all but nulls is quoted, so that an empty text is none of them."""
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    for batch in batches:
        piece = io.BytesIO()
        csv.write_csv(batch, piece, options)
        yield piece.getvalue()


def _type(mart: str, column: str, kind: str) -> str:
    """The type of PostgreSQL that holds exactly what DuckDB's holds."""
    of = kind.removesuffix(LIST)
    if of not in TYPES and not DECIMAL.fullmatch(of):
        raise SourceError(f"{mart}.{column} is {kind}, which no type of PostgreSQL is known for")
    return TYPES.get(of, of.replace("DECIMAL", "numeric")) + kind[len(of) :]


def _as_text(column: str, kind: str) -> str:
    if not kind.endswith(LIST):
        return f"{name(column)}::varchar"
    escaped = r"""'"' || replace(replace(one::varchar, '\', '\\'), '"', '\"') || '"'"""
    each = f"lambda one: case when one is null then 'NULL' else {escaped} end"
    return f"'{{' || array_to_string(list_transform({name(column)}, {each}), ',') || '}}'"


def _index(connection: psycopg.Connection, table: str, columns: list[str]) -> None:
    """Index a table by its key, unless a value (an address of a page) is too long for that."""
    with_key = f"create unique index on {table} ({', '.join(map(name, columns))})"
    try:
        with connection.transaction():
            connection.execute(with_key)
    except errors.ProgramLimitExceeded:
        return


def _comment(
    connection: psycopg.Connection, schema: str, file: duckdb.DuckDBPyConnection, mart: _Mart
) -> None:
    """What the contract says of a mart and its columns."""
    table = f"{schema}.{name(mart.name)}"
    connection.execute(f"comment on {mart.kind} {table} is {text(mart.comment or '')}")
    for column, _, description in _columns(file, mart.name):
        described = text(description or "")
        connection.execute(f"comment on column {table}.{name(column)} is {described}")

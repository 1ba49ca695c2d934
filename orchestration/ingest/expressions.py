"""The SQL that a mapping may hold: one SELECT or one expression, over its own tables, no clock."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import duckdb

from orchestration.ingest import duck

# What would make two runs over the same files differ, or tell of the machine.
FORBIDDEN = frozenset({
    "now", "current_timestamp", "current_date", "current_time", "get_current_timestamp",
    "get_current_time", "transaction_timestamp", "current_localtimestamp", "current_localtime",
    "today", "random", "setseed", "uuid", "gen_random_uuid", "uuidv4", "uuidv7", "nextval",
    "currval", "getenv", "getvariable", "current_setting", "current_user", "user",
    "pg_backend_pid", "query", "query_table", "read_text", "read_blob", "txid_current", "version",
    "current_query", "current_query_id", "current_connection_id", "current_transaction_id",
    "current_database", "current_schema", "current_schemas", "sleep_ms", "write_log",
})  # fmt: skip


class ExpressionError(Exception):
    """SQL that a mapping may not hold; the message says why."""


def check_expression(sql: str) -> None:
    """Raise ExpressionError unless the text is one expression."""
    node = _parsed(f"select ({sql}\n)", sql)
    more = ("where_clause", "having", "qualify", "sample")
    if (
        node.get("type") != "SELECT_NODE"
        or len(node.get("select_list", ())) != 1
        or node.get("from_table", {}).get("type") != "EMPTY"
        or any(node.get(part) for part in more)
        or node.get("modifiers")
    ):
        raise ExpressionError(f"not one SQL expression: {sql.strip()}")


@cache
def tables_of(sql: str) -> frozenset[str]:
    """The tables that a SELECT reads; raises ExpressionError unless the text is one SELECT."""
    node = _parsed(sql, sql)
    own = {entry["key"] for part in _walk(node) for entry in _cte_entries(part)}
    read = {part["table_name"] for part in _walk(node) if part.get("type") == "BASE_TABLE"}
    return frozenset(read - own)


@cache
def _parser() -> duckdb.DuckDBPyConnection:
    connection = duck.unlocked()
    duck.lock(connection)
    return connection


def _parsed(statement: str, shown: str) -> dict[str, Any]:
    # written out, for a bound value makes DuckDB import pandas
    sql = f"select json_serialize_sql({duck.text(statement)})"
    (answer,) = _parser().execute(sql).fetchone() or ()
    tree = json.loads(answer)
    if tree["error"]:
        raise ExpressionError(f"not one SELECT or expression: {tree['error_message']}")
    if len(tree["statements"]) != 1:
        raise ExpressionError(f"more than one statement: {shown.strip()}")
    node = tree["statements"][0]["node"]
    for part in _walk(node):
        _check(part)
    return node


def _check(part: dict[str, Any]) -> None:
    if part.get("type") == "TABLE_FUNCTION":
        named = part.get("function", {}).get("function_name", "a table function")
        if named not in ("unnest", "generate_series", "range"):
            raise ExpressionError(f"`{named}` is not to be used: a mapping reads only its files")
    if part.get("type") == "BASE_TABLE" and (part.get("schema_name") or part.get("catalog_name")):
        raise ExpressionError(
            f"table `{part.get('schema_name')}.{part.get('table_name')}`:"
            " a mapping reads only its files and steps"
        )
    function = str(part.get("function_name", "")).lower()
    column = part.get("column_names", ())
    counts_from_today = function == "age" and len(part.get("children", ())) == 1
    if (
        function in FORBIDDEN
        or counts_from_today
        or (len(column) == 1 and str(column[0]).lower() in _CLOCK)
    ):
        raise ExpressionError(
            f"`{function or column[0]}` is not to be used: the same files must always give"
            " the same rows"
        )


_CLOCK = frozenset({"current_timestamp", "current_date", "current_time", "localtimestamp"})


def _cte_entries(part: dict[str, Any]) -> list[dict[str, Any]]:
    ctes = part.get("cte_map")
    return ctes.get("map", []) if isinstance(ctes, dict) else []


def _walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)

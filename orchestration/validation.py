"""Validation: what `expectations/` says, and whether the tables of a DuckDB file live up to it."""

import importlib
import json
import pkgutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy

import expectations
from orchestration.ingest import duck

NAME = "great_expectations"
SUITES = sorted(
    module.name for module in pkgutil.iter_modules(expectations.__path__) if module.name[0] != "_"
)
RAW_SUITES = [suite for suite in SUITES if suite.startswith("raw_")]
MART_SUITES = [suite for suite in SUITES if not suite.startswith("raw_")]

# Without each of these, every expectation on DuckDB errors with "list index out of range".
PUSHDOWN = {
    "connect_args": {"read_only": True},
    "isolation_level": "AUTOCOMMIT",
    "skip_autocommit_rollback": True,
    "pool_reset_on_return": None,
}
OBSERVED = ("observed_value", "unexpected_percent", "unexpected_count", "details")


@dataclass(frozen=True)
class Judgement:
    """One expectation on one table, and what was seen of it."""

    check: str
    passed: bool
    observed: str
    expected: str

    def __str__(self) -> str:
        return f"{self.check}: expected {self.expected}, observed {self.observed}"


@cache
def great_expectations() -> ModuleType:
    """The library, which is imported where it is needed, for it takes seconds.

    It looks for pyspark, and finding it takes seconds more. In a process that Dagster spawned,
    pyspark 4 takes itself for a doctest and ends the process. Nothing here judges on Spark.
    """
    hides_spark = "pyspark" not in sys.modules
    if hides_spark:
        sys.modules["pyspark"] = None
    try:
        return importlib.import_module("great_expectations")
    finally:
        if hides_spark:
            del sys.modules["pyspark"]


def judge(
    database: Path, schema: str, suites: Mapping[str, str], *reach: Path
) -> dict[str, list[Judgement]]:
    """Judge tables, each by the suite named beside it, inside DuckDB, read-only and locked: the
    files of its views lie within `reach`.

    An expectation that errors has failed. Leaves no files behind.
    """
    gx = great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_sql(
        "warehouse",
        connection_string=f"duckdb:///{database}",
        create_temp_table=False,
        kwargs=PUSHDOWN,
    )
    for engine in (source.get_engine(), source.get_execution_engine().engine):
        sqlalchemy.event.listen(engine, "connect", partial(_lock, reach))
    try:
        return {
            table: _judge_table(gx, source, schema, table, suite) for table, suite in suites.items()
        }
    finally:  # a connection left open keeps the file from being attached otherwise
        source.get_execution_engine().close()
        source.get_engine().dispose()


def _lock(reach: Sequence[Path], connection: Any, _: Any) -> None:
    """Lock the file that a connection has open, unless another one did."""
    ((is_locked,),) = connection.execute("select current_setting('lock_configuration')").fetchall()
    if not is_locked:
        duck.lock(connection, *reach)


def _judge_table(gx, source, schema: str, table: str, suite: str) -> list[Judgement]:
    wanted = importlib.import_module(f"expectations.{suite}").EXPECTATIONS
    asset = source.add_table_asset(table, table_name=table, schema_name=schema)
    batch = asset.add_batch_definition_whole_table("whole").get_batch()
    result = batch.validate(gx.ExpectationSuite(name=suite, expectations=wanted))
    return sorted(
        (_judgement(one.to_json_dict()) for one in result.results),
        key=lambda judgement: judgement.check,
    )


def _judgement(result: Mapping[str, Any]) -> Judgement:
    config = result["expectation_config"]
    kwargs = {
        name: value
        for name, value in config["kwargs"].items()
        if name not in ("batch_id", "column", "unexpected_rows_query", "severity")
    }
    error = _error(result["exception_info"])
    seen = {name: result["result"][name] for name in OBSERVED if name in result["result"]}
    column = config["kwargs"].get("column")
    name = config["type"].removeprefix("expect_") + (f" ({column})" if column else "")
    if config["type"] == "unexpected_rows_expectation":
        kwargs = {"rows": 0}
    return Judgement(
        check=config.get("description") or name,
        passed=bool(result["success"]) and not error,
        observed=f"error: {error}" if error else _text(seen),
        expected=_text(kwargs),
    )


def _error(info: Mapping[str, Any]) -> str:
    """The message of an expectation that raised, however deep GX nests it; else empty."""
    if info.get("raised_exception"):
        return str(info.get("exception_message") or "raised")
    return next(
        (
            error
            for value in info.values()
            if isinstance(value, Mapping) and (error := _error(value))
        ),
        "",
    )


def _text(values: Mapping[str, Any]) -> str:
    if list(values) in (["observed_value"], ["unexpected_percent"]):
        return str(next(iter(values.values())))
    return json.dumps(values, ensure_ascii=False, default=str)

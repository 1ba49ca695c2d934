"""DuckDB and Spark build the same marts from the same raw data."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from orchestration.sample import LAST_DAY, write_sample
from tests.landed import Landed, land
from tests.small_spark import needs_spark, small_spark

pytestmark = needs_spark


@pytest.fixture(scope="module")
def module_environment():
    with pytest.MonkeyPatch.context() as environment:
        yield environment


@pytest.fixture(scope="module")
def built(tmp_path_factory, module_environment) -> tuple[Path, Path]:
    """A small sample built twice, an earlier day than its last: DuckDB's file, Spark's folder."""
    folder = tmp_path_factory.mktemp("two_engines") / "shop"
    write_sample(folder, customers=50, days=90, seed=3)
    duck = land(folder, LAST_DAY - timedelta(days=20)).build()
    elsewhere = duck.dbt.company.work / "spark"
    spark = Landed(replace(duck.dbt, folder=elsewhere, target="spark"), duck.reports)
    (elsewhere / "spark").mkdir(parents=True)
    small_spark(module_environment)
    spark.build()
    return duck.dbt.warehouse, elsewhere / "spark" / "warehouse" / "marts.db"


def test_no_row_of_any_mart_differs(built):
    warehouse, parquet = built
    different = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall()
        for (table,) in tables:
            columns = connection.execute(f"describe marts.{table}").fetchall()
            shown = ", ".join(_comparable(name, kind) for name, kind, *_ in columns)
            ours = f"select {shown} from marts.{table}"
            theirs = f"select {shown} from read_parquet('{parquet}/{table}/*.parquet')"
            rows = connection.execute(
                f"select * from (({ours}) except all ({theirs})) "
                f"union all select * from (({theirs}) except all ({ours}))"
            ).fetchall()
            if rows:
                different[table] = (len(rows), rows[:4])
    assert len(tables) >= 10
    assert different == {}


def test_the_marts_that_are_compared_hold_something(built):
    warehouse, _ = built
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for table in ("customers", "orders", "survey_answers", "sns_posts", "web_sessions"):
            assert connection.execute(f"select count(*) from marts.{table}").fetchone()[0] > 10
        (live,) = connection.execute(
            "select count(distinct kpi) from marts.kpi_values where value is not null"
        ).fetchone()
    assert live > 60


def _comparable(name: str, kind: str) -> str:
    """Doubles to six decimals, instants without Spark's zone; all else as it is."""
    if kind == "DOUBLE":
        return f"round({name}, 6) as {name}"
    if kind.startswith("TIMESTAMP"):
        return f"cast({name} as timestamp) as {name}"
    return name

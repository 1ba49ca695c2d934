"""Records that are probably of one human, found by Splink on names, birth date and addresses."""

import logging
from collections.abc import Iterator

import duckdb
import pyarrow as pa

from orchestration.linking.clusters import PROBABLE, Edge
from orchestration.linking.weights import BLOCKS, comparisons

# For a session that this makes itself; one that runs already keeps its own.
LOCAL_SPARK = {
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.sql.session.timeZone": "UTC",
    "spark.ui.enabled": "false",
}
RETAINED = ["customer_key", "delivered_at"]


def probable_links(
    connection: duckdb.DuckDBPyConnection, records: pa.Table, threshold: float, target: str
) -> Iterator[Edge]:
    """Pairs of ids whose records agree so far that they are one human by this probability.

    `records` has a row per spelling of an id, with its `unique_id`; the most probable pair of
    spellings counts. Splink runs on DuckDB's connection, or on Spark where dbt does.
    """
    from splink import Linker

    logging.getLogger("splink").setLevel(logging.ERROR)
    api = _spark() if target == "spark" else _duckdb(connection)
    table = api.register(records, table_name="records")
    linker = Linker(table, _settings(len(records)), log_level=None)
    pairs = linker.inference.predict(threshold_match_probability=threshold)
    best: dict[tuple[str, str], Edge] = {}
    for row in pairs.as_record_list():
        one, other = sorted((row["customer_key_l"], row["customer_key_r"]))
        since = max(row["delivered_at_l"], row["delivered_at_r"])
        edge = Edge(PROBABLE, one, other, since, round(row["match_probability"], 6))
        known = best.get((one, other))
        if known is None or (-edge.probability, since) < (-known.probability, known.since):
            best[one, other] = edge
    yield from best.values()


def _settings(records: int) -> dict:
    """The reviewed model. Two records taken at random are of one human about once in as many as
    there are records, to the next power of ten: a night's few more change no probability.
    """
    between = "l.customer_key <> r.customer_key"
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "unique_id",
        "probability_two_random_records_match": 1 / 10 ** len(str(records)),
        "comparisons": comparisons(),
        "blocking_rules_to_generate_predictions": [
            " and ".join([*(f"l.{name} = r.{name}" for name in block), between]) for block in BLOCKS
        ],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "additional_columns_to_retain": RETAINED,
    }


def _duckdb(connection: duckdb.DuckDBPyConnection):
    from splink import DuckDBAPI

    return DuckDBAPI(connection)


def _spark():
    import sqlglot
    from pyspark.sql import SparkSession
    from splink.backends.spark import SparkAPI

    class PlainSpark(SparkAPI):
        """Splink's own generator of Spark's SQL derives from a class of sqlglot that is compiled
        where its fast parts are installed, which Python refuses; sqlglot's own generator does.
        """

        def _setup_for_execute_sql(self, sql: str, physical_name: str) -> str:
            return sqlglot.transpile(sql, read="spark", write="spark")[0]

    builder = SparkSession.builder
    for key, value in LOCAL_SPARK.items():
        builder = builder.config(key, value)
    return PlainSpark(
        spark_session=builder.getOrCreate(),
        break_lineage_method="persist",  # a checkpoint would want a folder of the cluster's
        register_udfs_automatically=False,
    )

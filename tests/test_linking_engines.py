"""Splink finds the same pairs with the same probability on DuckDB and on Spark."""

from datetime import datetime

import duckdb
import pyarrow as pa
import pytest

from benchmarks.population import make_population
from orchestration.linking.probable import probable_links
from tests.small_spark import needs_spark, small_spark

pytestmark = needs_spark


@pytest.fixture
def records() -> pa.Table:
    """Spellings of some humans, as the evidence gives them to Splink."""
    made = make_population(300, seed=4).records
    with duckdb.connect() as connection:
        connection.register("made", made)
        return connection.execute("""
            select row_number() over (order by customer_id) as unique_id,
                customer_id as customer_key, family_name, given_name, family_name_kana,
                given_name_kana, postal_code, left(postal_code, 3) as area, birth_date, phone,
                email, split_part(email, '@', 1) as mailbox, false as family_is_latin,
                false as given_is_latin, $at::timestamp as delivered_at
            from made order by unique_id
        """, {"at": datetime(2026, 6, 30)}).to_arrow_table()  # fmt: skip


def test_both_engines_find_the_same_pairs(records, monkeypatch, tmp_path):
    small_spark(monkeypatch)
    monkeypatch.chdir(tmp_path)
    found = {}
    for target in ("duckdb", "spark"):
        with duckdb.connect() as connection:
            links = probable_links(connection, records, 0.5, target)
            found[target] = {(e.one, e.other): (e.since, e.probability) for e in links}
    assert len(found["duckdb"]) > 50
    assert found["duckdb"] == found["spark"]

"""Tables of a real PostgreSQL, fetched night after night."""

import json
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from live_sources import (
    AWAY,
    Live,
    Wire,
    assert_a_cursor_grows,
    assert_a_dropped_connection_is_caught_up,
    assert_tls_is_wanted,
)
from postgres_server import server as postgres_server

from orchestration.company import load_company
from orchestration.examination import live_findings
from orchestration.ledger import Ledger
from orchestration.settings import ROOT

PASSWORD = "p@ss/w:rd%20"
ORDERS = """
create table orders (
    order_id bigint, customer_id text, ordered_at timestamptz, status text, currency text,
    total numeric, updated_at timestamptz
)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[psycopg.Connection, str]]:
    with postgres_server(tmp_path_factory.mktemp("pg"), "reader", PASSWORD) as (connection, socket):
        connection.execute("grant pg_read_all_data to reader")
        connection.execute("alter database postgres set timezone to 'Asia/Tokyo'")
        yield connection, socket


@pytest.fixture
def db(server) -> psycopg.Connection:
    connection, _ = server
    connection.execute("drop table if exists orders, customers cascade")
    connection.execute(ORDERS)
    return connection


@pytest.fixture
def wire(server) -> Iterator[Wire]:
    wire = Wire(server[1])
    yield wire
    wire.close()


def source(wire: Wire, **folders: dict) -> dict:
    return {
        "url": f"postgresql://reader:${{SHOP_DB_PASSWORD}}@{wire.host}:{wire.port}/postgres",
        "wait_seconds": 0.01,
        "folders": folders or {"orders": {"table": "orders", "cursor": "updated_at"}},
    }


@pytest.fixture
def shop(tmp_path, wire, monkeypatch) -> Live:
    monkeypatch.setenv("SHOP_DB_PASSWORD", PASSWORD)
    return Live(tmp_path, shop=source(wire))


def order(db, number: int, updated_at: str | None, total: str = "1000", **more) -> None:
    row = {"status": "paid", "currency": "JPY", "customer_id": "c1"} | more
    db.execute(
        "insert into orders values (%s, %s, '2026-06-01 09:00+09', %s, %s, %s, %s)",
        [number, row["customer_id"], row["status"], row["currency"], total, updated_at],
    )


def test_rows_arrive_typed_exactly_as_the_database_has_them(shop, db):
    order(db, 9007199254740993, "2026-06-01 09:00+09", "12345678901234.5678")
    order(db, 2, "2026-06-01 10:00:00.123456+09", "0.1", customer_id=None)
    (seen,) = shop.night("shop/orders")
    assert (seen.problem, seen.rows, seen.attempts) == (None, 2, 1)
    assert seen.cursor == "2026-06-01 01:00:00.123456+00"
    assert shop.raw("orders", "order_id, customer_id, total::text, updated_at::text") == [
        ("2", None, "0.1000", "2026-06-01 01:00:00.123456"),
        ("9007199254740993", "c1", "12345678901234.5678", "2026-06-01 00:00:00"),
    ]
    assert shop.files("shop/orders") == [".fetched.json", "fetched-000001.parquet"]


def test_every_night_brings_what_is_new_and_nothing_twice(shop, db):
    order(db, 1, "2026-06-01")
    order(db, 2, "2026-06-02")
    assert shop.night("shop/orders")[0].rows == 2
    assert shop.night("shop/orders")[0].rows == 0
    changed = "status = 'cancelled', updated_at = '2026-06-03'"
    db.execute(f"update orders set {changed} where order_id = 1")
    order(db, 3, "2026-06-03")
    assert shop.night("shop/orders")[0].rows == 2
    assert shop.raw("orders", "order_id, status") == [
        ("1", "cancelled"), ("1", "paid"), ("2", "paid"), ("3", "paid"),
    ]  # fmt: skip
    assert len(shop.files("shop/orders")) == 3


def test_rows_at_or_shortly_before_the_last_cursor_are_not_lost(shop, db):
    order(db, 1, "2026-06-01 12:00")
    assert shop.fetch("shop/orders").rows == 1
    order(db, 2, "2026-06-01 12:00")  # a tie
    order(db, 3, "2026-06-01 11:55")  # of a transaction that was still open
    order(db, 4, None)
    assert shop.fetch("shop/orders").rows == 3
    order(db, 5, None)
    assert shop.fetch("shop/orders").rows == 1
    assert shop.fetch("shop/orders").rows == 0


@pytest.mark.parametrize("kind", ["bigint", "numeric", "timestamp", "date", "text"])
def test_a_cursor_is_a_number_or_a_time_of_any_type(shop, db, wire, kind):
    shop.configure(shop=source(wire, orders={"table": "orders", "cursor": "seen", "overlap": 0}))
    db.execute(f"alter table orders add seen {kind}")

    def add(number: int, cursor: str) -> None:
        order(db, number, None)
        db.execute(f"update orders set seen = '{cursor}' where order_id = {number}")

    assert_a_cursor_grows(shop, kind in ("bigint", "numeric"), add)


def test_a_cursor_that_orders_nothing_is_refused(shop, db, wire):
    shop.configure(shop=source(wire, orders={"table": "orders", "cursor": "status"}))
    order(db, 1, None)
    assert "neither numbers nor times" in shop.fetch("shop/orders").problem
    shop.configure(shop=source(wire, orders={"table": "orders", "cursor": "sattus"}))
    assert "no column `sattus`" in shop.fetch("shop/orders").problem
    assert shop.files("shop/orders") == [".fetched.json"]


def test_a_connection_that_drops_leaves_nothing_half_and_the_next_night_catches_up(shop, db, wire):
    order(db, 0, "2026-06-01")
    assert shop.fetch("shop/orders").rows == 1
    db.execute(
        "insert into orders select n, 'c1', '2026-06-01', 'paid', 'JPY', n, '2026-06-02'"
        " from generate_series(1, 50000) as n"
    )
    dropped = assert_a_dropped_connection_is_caught_up(shop, wire)
    assert str(dropped.last) == "2026-06-30"
    assert shop.raw("orders", "count(*), count(distinct order_id)") == [(50_001, 50_001)]


def test_a_night_killed_before_the_cursor_moved_fetches_the_same_file_again(shop, db):
    order(db, 1, "2026-06-01")
    state = shop.folder / "landing/shop/orders/.fetched.json"
    shop.fetch("shop/orders")
    order(db, 2, "2026-06-02")
    before = state.read_text()
    shop.fetch("shop/orders")
    state.write_text(before)  # the rename happened, this did not
    order(db, 3, "2026-06-03")
    assert shop.night("shop/orders")[0].rows == 2
    assert shop.raw("orders", "order_id") == [("1",), ("2",), ("3",)]
    assert json.loads(state.read_text())["number"] == 2


def test_a_column_that_comes_later_arrives_with_the_rows_that_have_it(shop, db):
    order(db, 1, "2026-06-01")
    shop.night("shop/orders")
    db.execute("alter table orders add channel text, add colour text")
    order(db, 2, "2026-06-02")
    db.execute("update orders set channel = 'app', colour = 'red' where order_id = 2")
    shop.night("shop/orders")
    assert shop.raw("orders", "distinct order_id, channel") == [("1", None), ("2", "app")]
    assert shop.reports["orders"].unknown_columns == ["colour"]


def test_a_table_without_a_cursor_is_fetched_whole_and_only_when_it_changed(shop, db, wire):
    query = "select order_id, customer_id, ordered_at, status, currency, total from orders -- % all"
    shop.configure(shop=source(wire, orders={"query": query}))
    order(db, 1, None)
    order(db, 2, None)
    assert shop.fetch("shop/orders").files == ["fetched-000001.parquet"]
    db.execute("update orders set order_id = order_id")  # lie in another order now
    assert shop.fetch("shop/orders").files == []
    db.execute("delete from orders where order_id = 1")
    assert shop.night("shop/orders")[0].rows == 1
    db.execute(
        "insert into orders select 1, customer_id, ordered_at, status, currency, total from orders"
    )
    shop.night("shop/orders")
    assert (
        len({load.sha256 for load in Ledger(shop.folder / "data/ledger.sqlite").loads()}) == 3
    )  # as at first, yet a delivery


def test_another_question_is_asked_from_the_beginning(shop, db, wire):
    order(db, 1, "2026-06-01")
    assert shop.fetch("shop/orders").rows == 1
    query = "select * from orders where status = 'paid'"
    shop.configure(shop=source(wire, orders={"query": query, "cursor": "updated_at"}))
    assert shop.fetch("shop/orders").files == ["fetched-000002.parquet"]


def test_bad_values_come_as_they_are_and_into_quarantine(shop, db):
    db.execute("alter table orders alter total type float8, alter ordered_at type timestamp")
    order(db, 1, "infinity", "NaN")
    order(db, 2, "2026-06-01", "1.5")
    db.execute("insert into orders values (3, 'c1', '-infinity', 'paid', 'JPY', 1, '2026-06-01')")
    shop.night("shop/orders")
    assert shop.raw("orders", "order_id, total::text, ordered_at::text") == [
        ("2", "1.5000", "2026-06-01 00:00:00")
    ]
    assert shop.reports["orders"].rows_quarantined == 2


PEAK = """
import resource, sys
from datetime import date
from orchestration.company import load_company
from orchestration.live.fetching import fetch

peaks = []
for folder, rows in (("customers", 1), ("orders", 200_000)):
    seen = fetch(load_company(sys.argv[1]), "shop", folder, date(2026, 6, 30))
    assert seen.rows == rows, seen
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[1] - peaks[0])
"""


def test_many_rows_take_little_memory(shop, db, wire):
    db.execute(
        "insert into orders select n, 'c' || n, '2026-06-01', repeat('x', 500), 'JPY', n,"
        " timestamptz '2026-06-01' + n * interval '1 second' from generate_series(1, 200000) as n"
    )
    one = {"query": "select '1' as customer_id"}
    shop.configure(
        shop=source(wire, customers=one, orders={"table": "orders", "cursor": "updated_at"})
    )
    command = [sys.executable, "-c", PEAK, str(shop.folder)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert int(result.stdout) < 60_000  # kB, of rows that are 130 MB
    assert shop.fetch("shop/orders").rows == 0


def test_the_host_may_stand_in_the_environment_and_the_doctor_tries_it(shop, db, wire, monkeypatch):
    order(db, 1, "2026-06-01")
    monkeypatch.setenv("DB_HOST", "127.0.0.1")
    there = source(wire)
    shop.configure(shop=there | {"url": there["url"].replace("127.0.0.1", "${DB_HOST}")})
    assert shop.fetch("shop/orders").rows == 1
    (found,) = live_findings(load_company(shop.folder))
    assert (found.is_well, found.what) == (
        True,
        f"shop: postgresql://${{DB_HOST}}:{wire.port}/postgres: answers",
    )
    monkeypatch.setenv("SHOP_DB_PASSWORD", "wrong-secret")
    (found,) = live_findings(load_company(shop.folder))
    assert not found.is_well and "password authentication failed" in found.what


def test_a_wrong_password_a_missing_table_and_a_writing_query_are_told(shop, db, wire, monkeypatch):
    order(db, 1, "2026-06-01")
    shop.configure(shop=source(wire, orders={"query": "delete from orders returning *"}))
    assert shop.fetch("shop/orders").problem
    shop.configure(shop=source(wire, orders={"table": "oders"}))
    assert 'relation "oders" does not exist' in shop.fetch("shop/orders").problem
    shop.configure(shop=source(wire))
    monkeypatch.setenv("SHOP_DB_PASSWORD", "wrong-secret")
    seen = shop.fetch("shop/orders")
    assert "password authentication failed" in seen.problem
    assert (seen.attempts, seen.last) == (1, None)
    for secret in (PASSWORD, "wrong-secret"):
        assert secret.encode() not in shop.texts()
        assert secret not in repr(seen)


def test_another_machine_that_speaks_no_tls_is_refused_unless_that_is_allowed(shop, db, server):
    order(db, 1, "2026-06-01")
    wire = Wire(server[1], AWAY)
    assert_tls_is_wanted(shop, source(wire), "sslmode=disable")
    wire.close()

"""Tables of a real MariaDB, fetched night after night."""

from collections.abc import Iterator

import pytest
from live_sources import (
    AWAY,
    Live,
    Wire,
    assert_a_cursor_grows,
    assert_a_dropped_connection_is_caught_up,
    assert_tls_is_wanted,
)
from mariadb_server import server as mariadb_server

PASSWORD = "p@ss/w:rd%20"
ORDERS = """
create table orders (
    order_id bigint unsigned, customer_id varchar(20), ordered_at timestamp null,
    status varchar(20), currency char(3), total decimal(18, 4), updated_at timestamp(6) null
)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple]:
    with mariadb_server(tmp_path_factory.mktemp("maria"), PASSWORD) as (cursor, port):
        cursor.execute("set time_zone = '+09:00', sql_mode = ''")
        yield cursor, port


@pytest.fixture
def db(server):
    cursor, _ = server
    cursor.execute("drop table if exists orders")
    cursor.execute(ORDERS)
    return cursor


@pytest.fixture
def wire(server) -> Iterator[Wire]:
    wire = Wire(("127.0.0.1", server[1]))
    yield wire
    wire.close()


def source(wire: Wire, **orders) -> dict:
    return {
        "url": f"mariadb://reader:${{SHOP_DB_PASSWORD}}@{wire.host}:{wire.port}/shop",
        "wait_seconds": 0.01,
        "folders": {"orders": orders or {"table": "orders", "cursor": "updated_at"}},
    }


@pytest.fixture
def shop(tmp_path, wire, monkeypatch) -> Live:
    monkeypatch.setenv("SHOP_DB_PASSWORD", PASSWORD)
    return Live(tmp_path, shop=source(wire))


def order(db, number: int, updated_at: str | None, total: str = "1000", ordered_at="2026-06-01"):
    db.execute(
        "insert into orders"
        " (order_id, customer_id, ordered_at, status, currency, total, updated_at)"
        " values (%s, '顧客', %s, 'paid', 'JPY', %s, %s)",
        [number, ordered_at, total, updated_at],
    )


def test_rows_arrive_typed_exactly_as_the_database_has_them(shop, db):
    order(db, 9007199254740993, "2026-06-01 09:00", "12345678901234.5678")
    order(db, 2, "2026-06-01 10:00:00.123456", "0.1")
    order(db, 3, "2026-06-01", "1", ordered_at="0000-00-00")
    (seen,) = shop.night("shop/orders")
    assert (seen.problem, seen.rows) == (None, 3)
    assert seen.cursor == "2026-06-01 01:00:00.123456Z"
    day = "2026-05-31 15:00:00"
    columns = "order_id, ordered_at::text, total::text, updated_at::text, customer_id"
    assert shop.raw("orders", columns) == [
        ("2", day, "0.1000", "2026-06-01 01:00:00.123456", "顧客"),
        ("9007199254740993", day, "12345678901234.5678", "2026-06-01 00:00:00", "顧客"),
    ]
    assert shop.reports["orders"].rows_quarantined == 1


def test_every_night_brings_what_is_new_with_ties_late_ones_and_those_without_a_cursor(shop, db):
    order(db, 1, "2026-06-01 12:00")
    assert shop.fetch("shop/orders").rows == 1
    order(db, 2, "2026-06-01 12:00")
    order(db, 3, "2026-06-01 11:55")
    order(db, 4, None)
    assert shop.fetch("shop/orders").rows == 3
    db.execute("alter table orders add channel varchar(9)")
    order(db, 5, "2026-06-02")
    db.execute("update orders set channel = 'app', updated_at = updated_at where order_id = 5")
    assert shop.night("shop/orders")[0].problem is None
    assert shop.raw("orders", "distinct order_id, channel")[-1] == ("5", "app")
    assert shop.fetch("shop/orders").rows == 0


@pytest.mark.parametrize("kind", ["bigint", "decimal(20,2)", "datetime", "date", "varchar(20)"])
def test_a_cursor_is_a_number_or_a_time_of_any_type(shop, db, wire, kind):
    shop.configure(shop=source(wire, table="shop.orders", cursor="seen", overlap=0))
    db.execute(f"alter table orders add seen {kind}")

    def add(number: int, cursor: str) -> None:
        order(db, number, None)
        db.execute(f"update orders set seen = '{cursor}' where order_id = {number}")

    assert_a_cursor_grows(shop, kind in ("bigint", "decimal(20,2)"), add)


def test_a_connection_that_drops_leaves_nothing_half_and_the_next_night_catches_up(shop, db, wire):
    db.execute(
        "insert into orders select seq, 'c1', '2026-06-01', 'paid', 'JPY', seq, '2026-06-02'"
        " from seq_1_to_50000"
    )
    assert_a_dropped_connection_is_caught_up(shop, wire)
    assert shop.raw("orders", "count(*), count(distinct order_id)") == [(50_000, 50_000)]


def test_what_is_wrong_is_told_without_the_secret(shop, db, wire, monkeypatch):
    order(db, 1, "2026-06-01")
    shop.configure(shop=source(wire, query="select * from orders where status like '%x'; "))
    assert shop.fetch("shop/orders").problem is None
    shop.configure(shop=source(wire, table="oders"))
    assert "doesn't exist" in shop.fetch("shop/orders").problem
    monkeypatch.setenv("SHOP_DB_PASSWORD", "wrong-secret")
    seen = shop.fetch("shop/orders")
    assert "Access denied" in seen.problem and seen.attempts == 1
    for secret in (PASSWORD, "wrong-secret"):
        assert secret.encode() not in shop.texts() and secret not in repr(seen)


def test_another_machine_that_speaks_no_tls_is_refused_unless_that_is_allowed(shop, db, server):
    order(db, 1, "2026-06-01")
    wire = Wire(("127.0.0.1", server[1]), AWAY)
    assert_tls_is_wanted(shop, source(wire), "ssl_disabled=true")
    wire.close()

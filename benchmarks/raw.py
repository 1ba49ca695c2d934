"""A made-up shop's raw Parquet at any size, as nights leave it for dbt, made by SQL in seconds.

Two deliveries: the second brings newer versions of some customers and orders, the lines of those
orders again, and some web events once more. Everything follows from the row's number.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.contract import feeds_by_name
from orchestration.ledger import EXPORTS, empty_published, write_export
from orchestration.linking import TABLE, no_links

AS_OF = date(2026, 6, 30)
FIRST_DAY, DAYS = date(2024, 7, 1), 740  # ten of them after the as-of date
ID_SYSTEMS = {
    "customer_id": {"shop": "crm", "web": "crm"},
    "campaign_id": {"shop": "crm", "web": "crm"},
    "product_id": {"web": "shop"},
    "order_id": {"web": "shop"},
}
SYSTEMS = {"crm": "crm", "orders": "shop", "web": "web"}  # of each source of feeds
DELIVERED = {"000001-first": "2026-06-30 14:00:00", "000002-second": "2026-06-30 15:00:00"}
LINES_PER_ORDER, EVENTS_PER_SESSION = 2.5, 6

MACROS = f"""
create macro u(i, salt) as hash(i, salt) / 18446744073709551616.0;
create macro pick(list, x) as list[1 + cast(floor(x * len(list)) as int)];
create macro moment(x) as
    timestamp '{FIRST_DAY}' + to_seconds(cast(floor(x * {DAYS} * 86400) as bigint));
create macro customer(x) as printf('C%07d', cast(floor(x * x * getvariable('persons')) as bigint));
"""

# What each delivery holds of each feed.
ROWS = {
    "campaigns": """
        select
            printf('M%02d', i) as campaign_id,
            'Campaign ' || i as name,
            timestamp '2024-08-01' + to_days(cast(i * 12 as int)) as started_at
        from range(if($second, 0, 50)) as numbers(i)
    """,
    "customers": """
        select
            printf('C%07d', i) as customer_id,
            if(u(i, 1) < 0.8, md5('mail' || (i - if(u(i, 1) < 0.01, 1, 0))), null) as email,
            if(u(i, 2) < 0.9, date '1945-01-01' + cast(u(i, 3) * 23000 as int), null)
                as birth_date,
            pick(['f', 'm', 'x', null], u(i, 4)) as gender,
            'pref' || cast(u(i, 5) * u(i, 5) * 47 as int) as prefecture,
            pick(['organic_search', 'paid_social', 'referral', 'store'], u(i, 6))
                as acquisition_channel,
            pick(['gold', 'silver', 'bronze', null], u(i, if($second, 8, 7))) as membership_tier,
            pick(['consumer', 'consumer', 'business'], u(i, 9)) as customer_segment,
            timestamp '2022-01-01' + to_seconds(cast(u(i, 10) * 142e6 as bigint)) as created_at,
            if($second, moment(u(i, 11)), created_at) as updated_at
        from range(getvariable('persons')) as numbers(i)
        where not $second or u(i, 12) < 0.03
    """,
    "products": """
        select
            printf('P%04d', i) as product_id,
            if(v = 0, null, timestamp '2025-03-01' + to_days(cast(i % 300 as int))) as valid_from,
            'Product ' || i as name,
            if(i % 25 = 0, null, 'category ' || i % 25) as category,
            500 + i + v * 50 as list_price,
            if(i % 9 = 0, null, 200 + i / 2 + v * 20) as unit_cost,
            pick(['JPY', 'JPY', 'USD', null], u(i, 20)) as currency
        from range(if($second, 0, 1000)) as numbers(i), range(2) as versions(v)
    """,
    "orders": """
        select
            printf('O%08d', i) as order_id,
            if(u(i, 30) < 0.93, customer(u(i, 31)), null) as customer_id,
            if(u(i, 30) >= 0.93, md5('mail' || cast(u(i, 32) * 2 * getvariable('persons') as int)),
                null) as email,
            moment(u(i, 33)) as ordered_at,
            if(
                u(i, 34) < 0.94 and not $second, 'completed',
                pick(['cancelled', 'pending', 'paid', 'shipped', 'returned'], u(i, 35))
            ) as status,
            pick(['ec', 'ec', 'store', 'app'], u(i, 36)) as channel,
            if(u(i, 36) >= 0.5, 'S' || cast(u(i, 37) * 99 as int), null) as store_id,
            if(u(i, 38) < 0.97, 'JPY', 'USD') as currency,
            1000 + cast(u(i, 39) * 9000 as int) as subtotal,
            if(u(i, 40) < 0.2, 100, null) as discount,
            if(u(i, 41) < 0.3, printf('M%02d', cast(u(i, 42) * 49 as int)), null) as campaign_id,
            u(i, 43) < 0.002 as is_test
        from range(getvariable('orders')) as numbers(i)
        where not $second or u(i, 44) < 0.01
    """,
    "order_items": """
        select
            printf('I%08d-%d', i, k) as order_item_id,
            printf('O%08d', i) as order_id,
            printf('P%04d', cast(u(i * 5 + k, 50) * u(i * 5 + k, 51) * 999 as int)) as product_id,
            1 + cast(u(i * 5 + k, 52) * 2 as int) as quantity,
            100 + cast(u(i * 5 + k, 53) * 5000 as int) as line_total
        from range(getvariable('orders')) as numbers(i), range(1, 5) as lines(k)
        where k <= 1 + cast(floor(u(i, 54) * 4) as int) and u(i, 55) < 0.98
            and (not $second or u(i, 44) < 0.01)
    """,
    "refunds": """
        select
            printf('R%08d', i) as refund_id,
            if(u(i, 60) < 0.98, printf('O%08d', i), null) as order_id,
            if(u(i, 61) < 0.5, printf('I%08d-1', i), null) as order_item_id,
            if(u(i, 60) < 0.98, null, customer(u(i, 62))) as customer_id,
            10 + cast(u(i, 63) * 900 as int) as amount,
            if(u(i, 60) < 0.98 and u(i, 64) < 0.05, null, moment(u(i, 33)) + to_days(cast(
                u(i, 65) * 40 as int))) as refunded_at
        from range(getvariable('orders')) as numbers(i)
        where u(i, 66) < 0.03 and not $second
    """,
    "identities": """
        select
            printf('C%07d', i) as customer_id,
            'web_anonymous_id' as identity_type,
            'web' as identity_system,
            printf('A%07d', cast(u(i, 70) * getvariable('persons') * 2 as bigint))
                as identity_value,
            moment(u(i, 71)) as linked_at
        from range(getvariable('persons')) as numbers(i)
        where u(i, 72) < 0.05 and not $second
    """,
    # a session has 1 to 11 events; one in ten is delivered without its id
    "web_events": """
        select
            printf('E%08d-%d', s, k) as event_id,
            printf('A%07d', a) as anonymous_id,
            if(u(a, 81) < 0.3 and k > 1, printf('C%07d', a // 2), null) as customer_id,
            if(u(s, 82) < 0.9, printf('S%08d', s), null) as session_id,
            moment(u(s, 83)) + to_milliseconds(k * (2000 + cast(u(s, 84) * 240e3 as int)))
                as occurred_at,
            pick(
                ['page_view', 'page_view', 'page_view', 'product_view', 'product_view', 'other',
                'document_download', 'add_to_cart', 'begin_checkout', 'purchase', 'sign_up',
                'login', 'app_open', 'feature_use'], u(s * 12 + k, 85)
            ) as event_name,
            pick(['web', 'web', 'ios', 'android', null], u(s, 86)) as platform,
            '/p/' || cast(u(s * 12 + k, 87) * 999 as int) as page_path,
            if(u(s, 88) < 0.2 and k = 0, printf('M%02d', cast(u(s, 89) * 49 as int)), null)
                as utm_campaign
        from (
            select
                s,
                cast(floor(u(s, 80) * getvariable('persons') * 2) as bigint) as a
            from range(getvariable('sessions')) as numbers(s)
        ) as sessions, range(11) as events(k)
        where k <= floor(u(s, 90) * 11) and (not $second or u(s, 91) < 0.002)
    """,
}


@dataclass(frozen=True)
class Size:
    """How much the shop has, about."""

    order_lines: int = 10_000_000
    web_events: int = 30_000_000
    persons: int = 1_000_000

    def variables(self) -> dict[str, int]:
        return {
            "persons": self.persons,
            "orders": int(self.order_lines / LINES_PER_ORDER),
            "sessions": self.web_events // EVENTS_PER_SESSION,
        }


def write_company(folder: Path, size: Size) -> None:
    """Make a company folder with raw data of that size; nothing where it is made already."""
    done = folder / "made"
    if done.is_file() and done.read_text() == repr(size):
        return
    folder.mkdir(parents=True)
    (folder / "company.yml").write_text("name: Benchmark\n")
    _write_reference(folder / "reference")
    raw = folder / "data" / "raw"
    write_empty(raw)
    loads = []
    with _generator(size) as connection:
        for feed in ROWS:
            for load_id in DELIVERED:
                if rows := _deliver(connection, raw, feed, load_id):
                    loads.append(_ledger_row(feed, load_id, rows))
    write_ledger(raw, loads)
    done.write_text(repr(size))


def write_empty(raw: Path) -> None:
    """Every feed without a row, as a night leaves a feed that nobody delivers."""
    with duckdb.connect() as connection:
        for feed in feeds_by_name().values():
            folder = raw / feed.source / feed.name / "load_id=none"
            folder.mkdir(parents=True)
            columns = ", ".join(f"null::{kind} as {name}" for name, kind in feed.schema.items())
            connection.execute(
                f"copy (select {columns} limit 0) to '{folder / 'empty.parquet'}' (format parquet)"
            )
    write_ledger(raw, [])


@contextmanager
def _generator(size: Size) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        for name, value in size.variables().items():
            connection.execute(f"set variable {name} = {value}")
        yield connection


def _deliver(connection: duckdb.DuckDBPyConnection, raw: Path, feed: str, load_id: str) -> int:
    """Write one delivery of a feed; the rows that it has."""
    contract = feeds_by_name()[feed]
    is_second = load_id != next(iter(DELIVERED))
    rows = ROWS[feed].replace("$second", str(is_second).lower())
    given = {row[0] for row in connection.execute(f"describe {rows}").fetchall()}
    origin = {
        "system": f"'{SYSTEMS[contract.source]}'",
        "source_file": f"'{load_id}.csv'",
        "source_row": "row_number() over () + 1",
        "delivered_at": f"timestamp '{DELIVERED[load_id]}'",
    }
    columns = ", ".join(
        f"cast({origin.get(name, name if name in given else 'null')} as {kind}) as {name}"
        for name, kind in contract.schema.items()
    )
    folder = raw / contract.source / feed / f"load_id={load_id}"
    folder.mkdir(parents=True)
    file = folder / "part-0.parquet"
    connection.execute(f"copy (select {columns} from ({rows})) to '{file}' (format parquet)")
    (count,) = connection.execute(f"select count(*) from '{file}'").fetchone() or (0,)
    if not count:
        file.unlink()
        folder.rmdir()
    return count


def _write_reference(folder: Path) -> None:
    """Dollars at a rate of their own each month, and a category with a margin of its own."""
    folder.mkdir()
    months = [(year, month) for year in (2024, 2025, 2026) for month in range(1, 13)]
    rates = [f"USD,{year}-{month:02d},{140 + (year + month) % 20}.25" for year, month in months]
    (folder / "fx_rates.csv").write_text("\n".join(["currency,month,rate", *rates, ""]))
    (folder / "margin_rates.csv").write_text("category,margin_rate\ndefault,0.4\ncategory 9,0.25\n")


def _ledger_row(feed: str, load_id: str, rows: int) -> dict[str, object]:
    source = feeds_by_name()[feed].source
    known = {
        "load_id": load_id,
        "system": SYSTEMS[source],
        "source": source,
        "feed": feed,
        "file": f"{SYSTEMS[source]}/{feed}/{load_id}.csv",
        "sha256": load_id,
        "delivered_at": DELIVERED[load_id],
        "rows_in": rows,
        "rows_loaded": rows,
        "is_superseded": False,
        "is_full": False,
        "delivery": load_id,
    }
    return known | {"rows_quarantined": 0, "rows_duplicate": 0}


def write_ledger(raw: Path, loads: list[dict[str, object]]) -> None:
    """The ledger of these loads, exported for dbt; nothing was published, nobody linked."""
    for table, (_, types) in EXPORTS.items():
        rows = loads if table == "loads" else []
        columns = {
            name: pa.array([row.get(name) for row in rows], pa.string()).cast(kind)
            if pa.types.is_timestamp(kind)
            else pa.array([row.get(name) for row in rows], kind)
            for name, kind in types.items()
        }
        write_export(raw, table, pa.table(columns))
    for table, nothing in {**empty_published(), TABLE: no_links()}.items():
        write_export(raw, table, nothing)

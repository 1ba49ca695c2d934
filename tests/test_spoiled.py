"""Spoiled deliveries, one per kind of spoiling: each is stopped by name, or handled as agreed."""

import csv
import gzip
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import great_expectations.expectations as gxe
import pytest
from conftest import AS_OF, Kizuna, Shop, hashes

import expectations.kpi_values
import expectations.orders
import expectations.raw_orders_orders
from expectations._kinds import never

ORDERS = ("order_id", "customer_id", "ordered_at", "status", "currency", "subtotal")


def deliver(shop: Shop, path: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """Write a CSV file below landing/."""
    file = shop.folder / "landing" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([header, *rows])
    return file


def order(number: int, **changed: object) -> list[object]:
    row = {
        "order_id": f"late-{number}",
        "customer_id": "nobody",
        "ordered_at": f"{AS_OF}T10:00:00+09:00",
        "status": "paid",
        "currency": "JPY",
        "subtotal": 1000,
    }
    return [(row | changed)[name] for name in ORDERS]


@pytest.fixture
def stopped(shop: Shop, kizuna: Kizuna):
    """Run a night that must stop: what it says, with the published files as they were."""
    before = hashes(shop.data / "versions")

    def run() -> str:
        result = kizuna("night", "--company", shop.folder, "--as-of", AS_OF, "--full")
        assert result.exit_code == 1, result.output
        assert hashes(shop.data / "versions") == before
        assert (shop.data / "current").resolve().name == f"{AS_OF}-001"
        return result.output

    return run


def test_bad_values_over_the_ceiling(shop, stopped):
    rows = [order(n, status="?" if n % 2 else "paid") for n in range(100)]
    deliver(shop, "shop/orders/bad.csv", ORDERS, rows)
    said = stopped()
    assert "orders: 50 of 100 rows are bad" in said and "status" in said
    assert "max_quarantined_share" in said


def test_events_from_the_future_over_the_ceiling(shop, stopped):
    rows = [order(n, ordered_at="2099-01-01T00:00:00+09:00") for n in range(100)]
    deliver(shop, "shop/orders/future.csv", ORDERS, rows)
    assert "later than its delivery" in stopped()


def test_a_missing_required_column(shop, stopped):
    header = [name for name in ORDERS if name != "currency"]
    deliver(shop, "shop/orders/renamed.csv", [*header, "curr"], [order(1)])
    said = stopped()
    assert "shop/orders/renamed.csv" in said and "`currency`" in said


def test_a_broken_archive(shop, stopped):
    file = shop.folder / "landing" / "shop" / "orders" / "cut.csv.gz"
    text = "\n".join([",".join(ORDERS), *(f"o{n},c,{AS_OF},paid,JPY,1" for n in range(5000))])
    file.write_bytes(gzip.compress(text.encode())[:-2000])
    assert "shop/orders/cut.csv.gz" in stopped()


def test_an_unknown_kind_of_file(shop, stopped):
    (shop.folder / "landing" / "shop" / "orders" / "orders.zip").write_bytes(b"PK\x03\x04")
    assert "shop/orders/orders.zip" in stopped()


def test_an_empty_file(shop, stopped):
    (shop.folder / "landing" / "shop" / "orders" / "empty.csv").touch()
    assert "shop/orders/empty.csv" in stopped()


def placeholders(shop: Shop) -> Path:
    """Customers as no CRM holds them."""
    header = ("customer_id", "email", "created_at")
    rows = [(f"x{n}", "shop@example.jp", "2026-01-01T00:00:00+09:00") for n in range(200)]
    return deliver(shop, "crm/customers/placeholders.csv", header, rows)


def test_a_full_export_that_shrank(shop, stopped):
    config = shop.folder / "company.yml"
    text = config.read_text().replace("  shop: {", "  shop: {delivery: {products: full}, ")
    config.write_text(text)
    header = ("product_id", "name", "list_price", "currency")
    whole = [(f"p{n}", f"Cup {n}", 500, "JPY") for n in range(100)]
    deliver(shop, "shop/products/full_1.csv", header, whole)
    broken = deliver(shop, "shop/orders/orders.zip", ORDERS, [])
    assert "orders.zip" in stopped()  # the other files are loaded all the same
    broken.unlink()
    deliver(shop, "shop/products/full_2.csv", header, whole[:40])
    said = stopped()
    assert "max_shrink_share" in said and "shop/products" in said


def test_implausible_exports_stop_every_night_until_they_are_mended(shop, stopped):
    file = placeholders(shop)
    for _ in range(2):
        said = stopped()
        assert "raw/crm/customers: an e-mail that over a tenth of the customers share" in said
        assert "observed 100" in said
    file.write_text("customer_id\n")
    broken = shop.folder / "landing" / "shop" / "orders" / "broken.parquet"
    broken.write_bytes(b"PAR1")
    said = stopped()
    assert "broken.parquet" in said and "raw/crm/customers" not in said
    assert "shop/orders/broken.parquet" in stopped()


def test_an_expectation_on_raw_that_raises(shop, stopped, monkeypatch):
    broken = [gxe.ExpectColumnMeanToBeBetween(column="no_such_column", min_value=0)]
    monkeypatch.setattr(expectations.raw_orders_orders, "EXPECTATIONS", broken)
    deliver(shop, "shop/orders/late.csv", ORDERS, [order(1)])
    said = stopped()
    assert "raw/orders/orders: column_mean_to_be_between (no_such_column)" in said
    assert "error: " in said


def test_expectations_on_marts_that_fail_and_that_raise(shop, stopped, monkeypatch):
    wrong = [never("a figure at all", "value is not null")]
    raising = [never("a question about nothing", "no_such_column > 0")]
    monkeypatch.setattr(expectations.kpi_values, "EXPECTATIONS", wrong)
    monkeypatch.setattr(expectations.orders, "EXPECTATIONS", raising)
    said = stopped()
    assert "marts/kpi_values: a figure at all" in said
    assert "marts/orders: a question about nothing" in said and "error: " in said


def test_what_is_only_untidy_is_taken_in(shop, kizuna):
    """Duplicates, conflicting duplicates, orphans, late rows, a header alone, an unknown column."""
    before = dict(shop.query("select order_id, goods_amount from marts.orders"))
    late = (date.fromisoformat(AS_OF) - timedelta(days=150)).isoformat()
    header = (*ORDERS, "updated_at", "mood")
    newer, older = "2026-06-30T12:00:00+09:00", "2026-06-30T11:00:00+09:00"
    deliver(
        shop,
        "shop/orders/untidy.csv",
        header,
        [
            [*order(1, subtotal=700), newer, "glad"],
            [*order(1, subtotal=900), older, "sad"],
            [*order(1, subtotal=700), newer, "glad"],
            [*order(2, ordered_at=f"{late}T10:00:00+09:00"), newer, ""],
        ],
    )
    items = ("order_item_id", "order_id", "product_id", "quantity", "line_total")
    deliver(shop, "shop/order_items/orphan.csv", items, [("i1", "no-such-order", "p1", 1, 5)])
    deliver(shop, "shop/refunds/none.csv", ("refund_id", "amount"), [])
    result = kizuna("night", "--company", shop.folder, "--as-of", AS_OF)
    assert result.exit_code == 0, result.output
    assert "mood" in result.output and "none.csv: has a header and no rows" in result.output
    after = dict(shop.query("select order_id, goods_amount from marts.orders"))
    assert {name: after[name] for name in after.keys() - before.keys()} == {
        "late-1": 700,
        "late-2": 1000,
    }
    assert {name: after[name] for name in before} == before
    found = shop.query("select ordered_date from marts.orders where order_id = 'late-2'")
    assert found == [(date.fromisoformat(late),)]

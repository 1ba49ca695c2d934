"""Two shops of one vendor and a marketplace deliver the same feeds side by side."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.landed import land

EXPORTS = Path(__file__).parent / "vendors"
AS_OF = date(2026, 6, 30)
SYSTEMS = {"ginza": "shopify", "osaka": "shopify", "rakuten": "rakuten"}

Query = Callable[[str], list[tuple]]


@pytest.fixture(scope="module")
def query(tmp_path_factory) -> Query:
    """A question to the marts of a company to whom each system delivered its vendor's fixture."""
    folder = tmp_path_factory.mktemp("two_shops")
    systems = {name: {"mapping": f"{vendor}.yml"} for name, vendor in SYSTEMS.items()}
    told = {"max_quarantined_share": "99 %", "systems": systems}
    (folder / "company.yml").write_text(yaml.safe_dump(told))
    for name, vendor in SYSTEMS.items():
        shutil.copytree(
            EXPORTS / vendor,
            folder / "landing" / name,
            ignore=shutil.ignore_patterns("expected.yml"),
        )
    landed = land(folder, AS_OF)
    assert not any(report.rejected for report in landed.reports.values())
    return landed.build("+orders", "+order_items", "+person_ids").query


def test_orders_of_one_id_in_two_shops_are_two_orders(query):
    # By the fixtures' own expected rows: #1003 was cancelled, #1005 has no date that exists.
    shop = [("#1001", 2700.0), ("#1002", 4000.0), ("#1004", 1000.0)]
    market = [
        ("123456-20190901-0000009", 1000.0),
        ("123456-20260501-0000001", 2798.7805),
        ("123456-20260602-0000003", 3000.0),
    ]
    rows = query("""
        select system, order_id, goods_value::double from marts.orders
        where order_id <> '123456-20260604-0000005' order by all
    """)
    assert rows == [
        *(("ginza", *order) for order in shop),
        *(("osaka", *order) for order in shop),
        *(("rakuten", *order) for order in market),
    ]
    assert query("select count(distinct order_key) = count(*) from marts.orders") == [(True,)]


def test_lines_stay_with_the_order_of_their_own_system(query):
    rows = query("""
        select orders.system, orders.order_id, count(*), sum(items.line_amount)::double
        from marts.order_items as items inner join marts.orders as orders using (order_key)
        where orders.order_id in ('#1001', '123456-20260501-0000001') group by all order by all
    """)
    assert rows == [
        ("ginza", "#1001", 2, 2700.0),
        ("osaka", "#1001", 2, 2700.0),
        ("rakuten", "123456-20260501-0000001", 2, 2798.7805),
    ]


def test_customers_of_one_id_in_two_shops_are_two_ids(query):
    rows = query("""
        select system, source_id from marts.person_ids
        where id_type = 'customer_id' and source_id in ('7001', '7002') order by all
    """)
    assert rows == [(shop, who) for shop in ("ginza", "osaka") for who in ("7001", "7002")]

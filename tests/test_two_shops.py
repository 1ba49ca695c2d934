"""Two shops of one vendor and a marketplace deliver the same feeds side by side."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestration.company import load_company
from orchestration.dbt import Dbt
from orchestration.landing import Landing
from orchestration.linking import link_persons

EXPORTS = Path(__file__).parent / "vendors"
AS_OF = date(2026, 6, 30)
SYSTEMS = {"ginza": "shopify", "osaka": "shopify", "rakuten": "rakuten"}
BUILD = ("build", "--quiet", "--exclude-resource-type", "unit_test", "test", "--select")

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
    company = load_company(folder)
    landing = Landing(company, AS_OF, "two-shops")
    for feed in landing.feeds:
        landing.load(feed)
    landing.close()
    assert not landing.rejected
    link_persons(company, AS_OF, landing.id_systems())
    dbt = Dbt(company, AS_OF, landing.id_systems(), company.work / "two-shops")
    assert dbt.run(*BUILD, "+orders", "+order_items", "+person_ids").returncode == 0

    def ask(sql: str) -> list[tuple]:
        with duckdb.connect(str(dbt.warehouse), read_only=True) as connection:
            return connection.sql(sql).fetchall()

    return ask


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

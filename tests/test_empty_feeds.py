"""No file, an empty file and a header alone: three outcomes, and none of them a figure of 0."""

from datetime import date

import duckdb
import pytest

from orchestration.company import load_company
from orchestration.dbt import Dbt
from orchestration.landing import Landing
from orchestration.linking import link_persons

AS_OF = date(2026, 1, 31)
FILES = {
    "crm/support_tickets/a.csv": "ticket_id,opened_at\n1,2026-01-05\n2,2026-01-20\n",
    "shop/orders/a.csv": "order_id,ordered_at,status,currency\n",
    "shop/refunds/a.csv": "",
}
BUILD = ("build", "--quiet", "--exclude-resource-type", "unit_test", "test", "--select")
BUILD += ("+kpi_values", "+kpi_coverage")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("empty") / "shop"
    for name, text in FILES.items():
        path = folder / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "company.yml").write_text("name: Empty\n")
    company = load_company(folder)
    landing = Landing(company, AS_OF, "by-hand")
    reports = {feed.name: landing.load(feed) for feed in landing.feeds}
    landing.close()
    link_persons(company, AS_OF, landing.id_systems())
    dbt = Dbt(company, AS_OF, landing.id_systems(), company.work / "by-hand")
    assert dbt.run(*BUILD).returncode == 0
    with duckdb.connect(str(dbt.warehouse), read_only=True) as connection:
        yield reports, lambda sql: connection.sql(sql).fetchall()


def test_what_arrived_is_told_apart(outcome):
    reports, _ = outcome
    assert reports["subscriptions"].files == []  # overdue() tells where one was due
    assert reports["refunds"].rejected["shop/refunds/a.csv"] == "the file is empty (0 bytes)"
    assert reports["orders"].rejected == {} and reports["orders"].rows_in == 0
    assert "has a header and no rows" in reports["orders"].warnings[0]


def test_a_figure_of_a_feed_without_a_row_is_unknown_and_not_0(outcome):
    _, query = outcome
    kpis = "('orders', 'net_revenue', 'purchasing_customers', 'monthly_recurring_revenue')"
    assert query(f"from marts.kpi_values where kpi in {kpis} and value is not null") == []
    missing = dict(query(f"select kpi, missing_feeds from marts.kpi_coverage where kpi in {kpis}"))
    assert missing["orders"] == "orders" and "subscriptions" in missing["monthly_recurring_revenue"]
    opened = "select sum(value) from marts.kpi_values where kpi = 'support_tickets'"
    assert query(f"{opened} and grain = 'month' and segment_value = 'all'") == [(2.0,)]

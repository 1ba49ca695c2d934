"""The unit tests beside the models, hand-worked rows in and out, run as next to nothing came.

What such a shop is told: no file, an empty file and a header alone are three outcomes, and none of
them a figure of 0.
"""

import json
from dataclasses import replace
from datetime import date

import pytest

from orchestration.dbt import manifest
from tests.landed import Landed, land
from tests.test_catalog import entries

AS_OF = date(2026, 6, 30)
FILES = {
    "crm/support_tickets/a.csv": "ticket_id,opened_at\n1,2026-01-05\n2,2026-01-20\n",
    "shop/orders/a.csv": "order_id,ordered_at,status,currency\n",
    "shop/refunds/a.csv": "",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Landed:
    """The shop, built with every unit test."""
    folder = tmp_path_factory.mktemp("empty") / "shop"
    for name, text in FILES.items():
        path = folder / "landing" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "company.yml").write_text("name: Empty\n")
    landed = land(folder, AS_OF)
    # hand-worked rows keep the systems that they name
    landed = replace(landed, dbt=replace(landed.dbt, id_systems={}))
    landed.dbt.run("build", "--quiet", "--exclude-resource-type", "test")
    return landed


def test_every_model_makes_of_hand_worked_rows_what_is_written_beside_it(shop):
    results = json.loads((shop.dbt.artifacts / "run_results.json").read_text())["results"]
    told = {result["unique_id"]: result["status"] for result in results}
    wrong = {name: status for name, status in told.items() if status not in ("success", "pass")}
    assert not wrong
    assert any(name.startswith("unit_test.") for name in told)


def test_every_kpi_has_a_figure_that_was_worked_out_by_hand():
    tests = manifest()["unit_tests"].values()
    rows = [row for test in tests for row in test["expect"]["rows"] or []]
    worked_out = {row.get("kpi") for row in rows if {"numerator", "value"} & row.keys()}
    assert {kpi["code"] for kpi in entries()} - worked_out == set()


def test_what_arrived_is_told_apart(shop):
    reports = shop.reports
    assert reports["subscriptions"].files == []  # overdue() tells where one was due
    assert reports["refunds"].rejected["shop/refunds/a.csv"] == "the file is empty (0 bytes)"
    assert reports["orders"].rejected == {} and reports["orders"].rows_in == 0
    assert "has a header and no rows" in reports["orders"].warnings[0]


def test_a_figure_of_a_feed_without_a_row_is_unknown_and_not_0(shop):
    query = shop.query
    kpis = "('orders', 'net_revenue', 'purchasing_customers', 'monthly_recurring_revenue')"
    assert query(f"from marts.kpi_values where kpi in {kpis} and value is not null") == []
    missing = dict(query(f"select kpi, missing_feeds from marts.kpi_coverage where kpi in {kpis}"))
    assert missing["orders"] == "orders" and "subscriptions" in missing["monthly_recurring_revenue"]
    opened = "select sum(value) from marts.kpi_values where kpi = 'support_tickets'"
    assert query(f"{opened} and grain = 'month' and segment_value = 'all'") == [(2.0,)]

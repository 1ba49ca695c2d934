"""The catalog beside the page that defines its KPIs: no code on one side alone."""

import re
from pathlib import Path

import pytest

from orchestration.company import Settings
from orchestration.contract import load_contract
from orchestration.dbt import manifest

DEFINITIONS = Path(__file__).parents[2] / "shared" / "spec" / "metrics.md"
# what sections 1 to 7 name beside codes: marts, columns, cuts and values
NO_CODES = {
    *("ltv_if_active", "predicted_orders"),
    *("message_channel", "order_channel", "renewed", "unknown"),
}
TO_COME = {"ltv_predicted"}  # with the predictions
TEXTS = ("ja", "en", "unit", "kind", "direction", "stage", "department", "numerator_words")


def entries() -> list[dict]:
    nodes = manifest()["nodes"].values()
    return [kpi for node in nodes for kpi in node["config"].get("meta", {}).get("kpis", [])]


@pytest.mark.skipif(not DEFINITIONS.is_file(), reason="without the page of definitions")
def test_the_catalog_has_the_codes_that_are_defined_and_no_other():
    page = DEFINITIONS.read_text(encoding="utf-8")
    sections = page[page.index("## 1. ") : page.index("## 8. ")]
    named = set(re.findall(r"`([a-z][a-z_0-9]+)`", sections))
    codes = {kpi["code"] for kpi in entries()}
    feeds = load_contract()
    words = {feed.name for feed in feeds} | {c.name for feed in feeds for c in feed.columns}
    nodes = manifest()["nodes"].values()
    words |= {n["name"] for n in nodes if n["resource_type"] in ("model", "seed")}
    words |= set(Settings.model_fields) | NO_CODES
    assert codes - named == set()
    assert named - codes - words == TO_COME


def test_every_entry_says_what_it_is_and_no_code_is_declared_twice():
    found = entries()
    lacking = [(kpi["code"], text) for kpi in found for text in TEXTS if not kpi.get(text)]
    assert not lacking
    assert len({kpi["code"] for kpi in found}) == len(found) > 100


def test_every_figure_leads_to_a_mart_with_the_rows_behind_it():
    nodes = manifest()["nodes"].values()
    marts = {n["name"] for n in nodes if n["resource_type"] == "model" and n["fqn"][1] == "marts"}
    assert {kpi.get("drill_into") for kpi in entries()} <= marts

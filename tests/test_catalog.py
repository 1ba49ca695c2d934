"""The catalog beside the page that defines its KPIs: no code on one side alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestration.company import Settings
from orchestration.contract import load_contract
from orchestration.dbt import manifest
from orchestration.settings import ROOT

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


def explained() -> dict[str, list[str]]:
    """The keys of an entry, each with the values that its row of docs/how-to.md names."""
    page = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")
    section = page[page.index("\n## Add a KPI") : page.index("\n## Add a fact")]
    rows = re.findall(r"^\| (`.*?) \| (.*) \|$", section, re.MULTILINE)
    keys = {key: re.findall("`([a-z]+)`", said) for names, said in rows
            for key in re.findall("`(.+?)`", names)}  # fmt: skip
    words = keys.pop("…_words")
    return keys | {"numerator_words": words, "denominator_words": words}


def event_cuts(fact: dict) -> set[str]:
    """The cuts that a fact with entries, and what it is made of, collapse events by."""
    nodes = manifest()["nodes"]
    code, waiting = {}, [fact["unique_id"]]
    while waiting:
        name = waiting.pop()
        if name in nodes and name not in code:
            code[name] = nodes[name].get("raw_code", "")
            waiting += nodes[name].get("depends_on", {}).get("nodes", [])
    lists = re.findall(r"event_cuts=\[(.*?)\]", "".join(code.values()), re.DOTALL)
    return {cut for names in lists for cut in re.findall("'(.+?)'", names)}


def wrong(kpi: dict, cuts: set[str]) -> Iterator[str]:
    """What an entry says that nothing reads, or that is not there."""
    known, codes = explained(), {other["code"] for other in entries()}
    columns = {feed.name: {c.name for c in feed.columns} for feed in load_contract()}
    yield from kpi.keys() - known.keys()
    for key in ("kind", "direction", "stage", "about", "interval"):
        if key in kpi and kpi[key] not in known[key]:
            yield f"{key}: {kpi[key]}"
    yield from set(kpi.get("grains", ())) - set(known["grains"])
    read = columns["post_metrics_daily"] | columns["accounts_daily"]
    yield from set(kpi.get("metrics", ())) - read
    yield from set(kpi.get("cuts", ())) - cuts - {"persons"}
    for need in kpi.get("rests_on", ["nothing"]):
        for one in need.split(" or "):
            feed, _, column = one.partition(".")
            if feed not in columns or (column and column not in columns[feed]):
                yield f"rests_on: {one}"
    if kpi.get("of", kpi["code"]) not in codes:
        yield f"of: {kpi.get('of')}"
    after = kpi.get("matures_after")
    if isinstance(after, str) and after not in Settings.model_fields:
        yield f"matures_after: {after}"


def test_nothing_that_an_entry_says_is_of_no_effect():
    nodes = manifest()["nodes"].values()
    facts = [node for node in nodes if node["config"].get("meta", {}).get("kpis")]
    by_code = {
        k["code"]: event_cuts(fact) for fact in facts for k in fact["config"]["meta"]["kpis"]
    }
    found = {}
    for kpi in entries():
        cuts = by_code[kpi.get("of", kpi["code"])]
        if problems := list(wrong(kpi, cuts)):
            found[kpi["code"]] = problems
    assert not found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "percentage"}, "kind: percentage"),
        ({"cuts": ["persons", "stores"]}, "stores"),
        ({"grains": ["months"]}, "months"),
        ({"is_headlin": True}, "is_headlin"),
        ({"rests_on": ["orders or ordres"]}, "rests_on: ordres"),
        ({"rests_on": ["orders.custmer_id"]}, "rests_on: orders.custmer_id"),
        ({"of": "repeat_rates"}, "of: repeat_rates"),
        ({"matures_after": "repeat_days"}, "matures_after: repeat_days"),
    ],
)
def test_an_entry_that_is_misspelt_is_found(change, said):
    right = next(kpi for kpi in entries() if kpi["code"] == "repeat_rate")
    assert list(wrong(right, {"store", *right["cuts"]})) == []
    assert list(wrong(right | change, {"store", *right["cuts"]})) == [said]


def test_what_the_page_calls_a_percentage_is_of_that_kind():
    codes = {kpi["code"] for kpi in entries()}
    named = {code for code in codes if re.search("_rate|_share$|^csat$|retention|growth", code)}
    assert {kpi["code"] for kpi in entries() if kpi["kind"] == "percent"} == named


def test_every_figure_leads_to_a_mart_with_the_rows_behind_it():
    nodes = manifest()["nodes"].values()
    marts = {n["name"] for n in nodes if n["resource_type"] == "model" and n["fqn"][1] == "marts"}
    assert {kpi.get("drill_into") for kpi in entries()} <= marts

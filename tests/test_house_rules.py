"""The few rules the house enforces on itself, read from dbt's own manifest."""

import re

import pytest

from orchestration.dbt import manifest as dbt_manifest
from orchestration.validation import MART_SUITES

# A left join: what is joined, its alias, its condition up to the next clause.
LEFT_JOIN = re.compile(
    r"left join (\{\{.*?\}\}|\w+)(?: as (\w+))?\s+on (.*?)"
    r"(?=\n\s*(?:left|inner|cross) join|\n\s*(?:where|group by|union)|\n\s*\)|\Z)",
    re.S,
)
LAYERS = ["source", "seed", "staging", "intermediate", "marts"]


@pytest.fixture(scope="module")
def manifest():
    return dbt_manifest()


def layer(manifest, unique_id: str) -> str:
    kind = unique_id.partition(".")[0]
    return kind if kind in LAYERS else manifest["nodes"][unique_id]["fqn"][1]


def models(manifest) -> list[dict]:
    return [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]


def test_data_flows_one_way(manifest):
    back = [
        f"{node['name']} reads {parent}"
        for node in models(manifest)
        for parent in node["depends_on"]["nodes"]
        if LAYERS.index(layer(manifest, parent)) > LAYERS.index(node["fqn"][1])
    ]
    assert not back


def test_only_staging_reads_sources(manifest):
    leaks = [
        f"{node['name']} reads {parent}"
        for node in models(manifest)
        for parent in node["depends_on"]["nodes"]
        if parent.startswith("source.") and node["fqn"][1] != "staging"
    ]
    assert not leaks


def test_every_mart_is_judged(manifest):
    marts = sorted(node["name"] for node in models(manifest) if node["fqn"][1] == "marts")
    assert marts == MART_SUITES


def test_every_mart_has_an_enforced_contract_and_says_what_it_holds(manifest):
    wrong = []
    for node in models(manifest):
        if not node["description"].startswith("One row"):
            wrong.append(f"{node['name']}: its description must open with its grain")
        if node["fqn"][1] == "marts":
            if not node["config"]["contract"]["enforced"]:
                wrong.append(f"{node['name']}: no enforced contract")
            if "about_persons" not in node["config"]["meta"]:
                wrong.append(f"{node['name']}: meta lacks about_persons")
            wrong += [
                f"{node['name']}.{column['name']}: no description"
                for column in node["columns"].values()
                if not column["description"]
            ]
    assert not wrong


def test_every_mart_with_persons_asks_for_their_consent(manifest):
    """Or has them of marts alone, which did."""
    gate = "model.kizuna.int_consents"
    ungated = [
        node["name"]
        for node in models(manifest)
        if node["fqn"][1] == "marts"
        and "person_key" in node["columns"]
        and gate not in (parents := node["depends_on"]["nodes"])
        and {layer(manifest, parent) for parent in parents} != {"marts"}
    ]
    assert not ungated


def test_every_condition_of_a_left_join_names_what_is_joined(manifest):
    """One that only asks about the left side makes DuckDB compare every row with every row."""
    seen, wrong = 0, []
    for node in models(manifest):
        for joined, alias, condition in LEFT_JOIN.findall(node["raw_code"]):
            if "{%" in condition:
                continue
            seen += 1
            parts = re.split(r"\s+and\s+(?![^()]*\))", re.sub(r"\{\{.*?\}\}", "", condition))
            wrong += [
                f"{node['name']}: {' '.join(part.split())}"
                for part in parts
                if f"{alias or joined}." not in part and "." in part
            ]
    assert seen > 100
    assert not wrong


# What of a day in it is known once it is over: rows of days to come are of who orders on these.
CALENDAR = "model.kizuna.int_period_days"
# It tells itself what counts by the as-of date and did not the night before.
KNOWS_THE_DAY = "stg_web__touched_visitors"
TOUCHED = re.compile(r"touched\('\w+', '(\w+)'|touched_keys='(\w+)'")


def test_what_is_kept_is_told_apart_by_all_that_it_is_made_of(manifest):
    """A table of which a night keeps rows reads, itself and by views, what is kept as well, seeds,
    and else just what says which rows are touched is made of; and no as-of date.
    """
    by_id = {node["unique_id"]: node for node in models(manifest)}
    kept = {id for id, node in by_id.items() if "kept_by" in node["config"]["meta"]}
    assert len(kept) >= 11
    tells = {
        id
        for id, node in by_id.items()
        if "touched_keys=" in node["raw_code"]
        or re.search("_touched_|_fingerprints$", node["name"])
    }
    known = kept | tells | {CALENDAR}
    known |= {parent for id in tells for parent in by_id[id]["depends_on"]["nodes"]}
    wrong = []
    for id in sorted(kept):
        node = by_id[id]
        by = node["config"]["meta"]["kept_by"]
        if {one or other for one, other in TOUCHED.findall(node["raw_code"])} != {by}:
            wrong.append(f"{node['name']} reads rows of others than those it makes anew")
        reads = list(node["depends_on"]["nodes"])
        for parent in reads:
            view = by_id.get(parent)
            if parent.startswith("seed.") or parent in known:
                continue
            if view and view["config"]["materialized"] == "view":
                reads += view["depends_on"]["nodes"]
            else:
                wrong.append(f"{node['name']} reads {parent}")
        if node["config"]["materialized"] != "table":
            wrong.append(f"{node['name']} is no table")
        if "as_of" in node["raw_code"] and by != KNOWS_THE_DAY:
            wrong.append(f"{node['name']} asks for the as-of date")
    assert not wrong

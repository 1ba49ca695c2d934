"""The feed contract: a key or a value that is misspelt is named, and never of no effect."""

from pathlib import Path

import pytest

from orchestration.configuration import ConfigError
from orchestration.contract import COLUMN_KEYS, DUCKDB_TYPES, FEED_KEYS, LOADS, load_contract
from orchestration.settings import ROOT

FEED = """
sources:
  - name: crm
    tables:
      - name: visits
        description: Visits.
        config: {meta: {load: append, key: [visit_id], event_at: visited_at}}
        columns:
          - {name: visit_id, data_type: string, config: {meta: {required: true}}}
          - {name: visitor, data_type: string, config: {meta: {pii: true, enum: [a, b]}}}
          - {name: visited_at, data_type: timestamp}
"""


def contract(folder: Path, text: str):
    (folder / "crm").mkdir()
    (folder / "crm" / "_crm.yml").write_text(text, encoding="utf-8")
    return load_contract(folder)


def test_what_is_declared_is_what_is_held(tmp_path):
    (feed,) = contract(tmp_path, FEED)
    assert (feed.load, feed.key, feed.event_at) == ("append", ("visit_id",), "visited_at")
    visit_id, visitor, *_ = feed.columns
    assert visit_id.required and not visit_id.pii
    assert visitor.is_token and visitor.enum == ("a", "b")


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("load: append", "load: apend", "visits: unknown load `apend`; did you mean `append`?"),
        ("load: append, ", "", "visits: `load` is missing"),
        ("event_at:", "evnt_at:", "visits: unknown key `evnt_at`; did you mean `event_at`?"),
        ("required:", "requierd:", "visits.visit_id: unknown key `requierd`; did you mean `req"),
        ("pii: true", "pi: true", "visits.visitor: unknown key `pi`; did you mean `pii`?"),
        ("{meta: {pii", "{mta: {pii", "visits.visitor: unknown key of `config` `mta`; did you"),
        ("config: {meta: {pii", "meta: {x: {pii", "visits.visitor: unknown key `meta`; "),
        ("data_type: timestamp", "data_type: varchar", "visits.visited_at: unknown data_type `va"),
        (", data_type: timestamp", "", "visits.visited_at: `data_type` is missing"),
    ],
)
def test_what_is_misspelt_is_named_with_its_neighbour(tmp_path, right, wrong, said):
    assert right in FEED
    with pytest.raises(ConfigError) as caught:
        contract(tmp_path, FEED.replace(right, wrong))
    assert str(caught.value).startswith(f"{tmp_path / 'crm' / '_crm.yml'}: {said}")


def test_every_key_and_type_is_explained():
    page = (ROOT / "docs" / "how-to.md").read_text(encoding="utf-8")
    section = page[page.index("## Add a feed") : page.index("## Change a definition")]
    named = {*FEED_KEYS, *COLUMN_KEYS, *LOADS, *DUCKDB_TYPES}
    assert {name for name in named if f"`{name}`" not in section} == set()

"""How well persons are recognised, by pairs of records, where the truth is known."""

import shutil
from itertools import combinations

import pyarrow.parquet as pq
import pytest

from benchmarks.persons import AS_OF, score, write_population
from benchmarks.population import make_population
from orchestration.company import load_company
from orchestration.landing import Landing
from orchestration.linking import link_persons
from orchestration.sample import LAST_DAY
from orchestration.settings import SAMPLE

PRECISION, RECALL = 0.99, 0.95


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.sweep) for seed in range(2, 6))]
)
def test_awkward_records_of_households_are_told_apart_and_together(tmp_path, seed):
    """Kana only, typos, moved, married, twins, a father's name, a family's phone, info@."""
    population = make_population(3_000, seed)
    company = write_population(tmp_path / "company", population)
    link_persons(company, AS_OF, {})
    precision, recall = score(company, population)
    assert precision >= PRECISION
    assert recall >= RECALL


def test_the_duplicates_planted_in_the_sample_are_found_and_no_others(tmp_path):
    for name in ("company.yml", "landing/crm/customers", "landing/pos/customers"):
        copy = shutil.copytree if (SAMPLE / name).is_dir() else shutil.copyfile
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(SAMPLE / name, tmp_path / name)
    for system in ("shop", "desk", "community", "mail", "line", "survey", "web"):
        (tmp_path / "landing" / system).mkdir()
    company = load_company(tmp_path)
    landing = Landing(company, LAST_DAY, "score")
    for feed in landing.feeds:
        landing.load(feed)
    landing.close()
    planted = pq.read_table(SAMPLE / "planted" / "pairs.parquet").to_pylist()
    known: dict[str, set[str]] = {}
    for row in planted:
        one, other = (f"{row[f'system_{side}']}:{row[f'id_{side}']}" for side in "ab")
        together = known.get(one, {one}) | known.get(other, {other})
        known.update(dict.fromkeys(together, together))
    truth = {pair for ids in known.values() for pair in combinations(sorted(ids), 2)}
    told: dict[str, list[str]] = {}
    for row in link_persons(company, LAST_DAY, landing.id_systems()).table.to_pylist():
        told.setdefault(row["person_key"], []).append(row["customer_key"])
    found = {pair for ids in told.values() for pair in combinations(sorted(set(ids)), 2)}
    assert len(truth) > 20
    assert len(found & truth) / len(found) >= PRECISION
    assert len(found & truth) / len(truth) >= RECALL

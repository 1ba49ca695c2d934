"""Seconds and memory of finding out who is who, beside an exact join of the same records."""

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.machine import describe_machine
from benchmarks.population import Population, make_population
from benchmarks.raw import write_empty, write_ledger
from orchestration.company import Company, load_company
from orchestration.contract import feeds_by_name
from orchestration.linking import link_persons
from orchestration.vault import Keeper, Vault

AS_OF = date(2026, 6, 30)
DELIVERED_AT = datetime(2026, 6, 30, 15)
LOAD = "000001-made-up"
EXACT = """
    with pairs as (
        select a.customer_id as one, b.customer_id as other from r as a
        inner join r as b on a.email = b.email and a.customer_id < b.customer_id
        union
        select a.customer_id, b.customer_id from r as a
        inner join r as b on a.phone = b.phone and a.customer_id < b.customer_id
        union
        select a.customer_id, b.customer_id from r as a
        inner join r as b on a.family_name_kana = b.family_name_kana
            and a.given_name_kana = b.given_name_kana and a.birth_date = b.birth_date
            and a.customer_id < b.customer_id
    )
    select one, other from pairs
"""
SHARED = (
    "(select {0} from read_parquet('{1}') where {0} is not null group by {0} having count(*) > 5)"
)


def write_population(folder: Path, population: Population) -> Company:
    """A company to which these records were delivered, as plain as tokens would be, and vault."""
    folder.mkdir()
    (folder / "landing").mkdir()
    (folder / "company.yml").write_text("name: Benchmark\n")
    company = load_company(folder)
    write_empty(company.raw)
    schema = feeds_by_name()["customers"].schema
    origin = {"source_file": "'made-up'", "source_row": "0", "delivered_at": "null"}
    columns = ", ".join(
        f"cast({name if name in population.records.column_names else origin.get(name, 'null')}"
        f" as {kind}) as {name}"
        for name, kind in schema.items()
    )
    raw = company.raw / "crm" / "customers" / f"load_id={LOAD}"
    raw.mkdir()
    with duckdb.connect() as connection:
        connection.register("records", population.records)
        connection.execute(f"copy (select {columns} from records) to '{raw / 'part-0.parquet'}'")
    rows = len(population.records)
    write_ledger(
        company.raw,
        [
            {
                "load_id": LOAD, "system": "crm", "source": "crm", "feed": "customers",
                "file": "made-up", "sha256": LOAD, "delivered_at": DELIVERED_AT.isoformat(),
                "rows_in": rows, "rows_loaded": rows, "rows_quarantined": 0,
                "rows_duplicate": 0, "is_superseded": False, "is_full": False, "delivery": LOAD,
            }
        ],
    )  # fmt: skip
    keeper = Keeper(Vault(company))
    for column in feeds_by_name()["customers"].columns:
        if column.vault:
            values = population.records[column.name].drop_null().unique()
            keeper.keep(pa.table({"token": values, "value": values}).to_reader())
    keeper.close()
    return company


def link(folder: Path) -> int:
    """By the code of the night; the ids of persons who have several."""
    return len(link_persons(load_company(folder), AS_OF, {}).table)


def join_exactly(folder: Path) -> int:
    """By one statement for DuckDB over the same Parquet; the pairs that agree on an e-mail, a
    phone, or name and birth date, but for what more than five records share.
    """
    file = folder / "data/raw/crm/customers" / f"load_id={LOAD}" / "part-0.parquet"
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(f"""
            create table r as select * replace (
                case when email not in {SHARED.format("email", file)} then email end as email,
                case when phone not in {SHARED.format("phone", file)} then phone end as phone
            ) from read_parquet('{file}')
        """)
        return len(connection.execute(EXACT).fetchall())


def score(company: Company, population: Population) -> tuple[float, float]:
    """Precision and recall of the last night's links, by pairs of records."""
    ids = population.records["customer_id"].to_pylist()
    systems = population.records["system"].to_pylist()
    humans = population.human.tolist()
    keys = [f"{system}:{name}" for system, name in zip(systems, ids, strict=True)]
    truth = _pairs(dict(zip(keys, humans, strict=True)))
    links = company.raw / "ledger" / "person_links" / "load_id=ledger" / "part-0.parquet"
    with duckdb.connect() as connection:
        found = connection.execute(
            f"select customer_key, person_key from read_parquet('{links}')"
        ).fetchall()
    told = _pairs(dict(found))
    right = len(told & truth)
    return right / len(told), right / len(truth)


def _pairs(person_of: dict) -> set[tuple[str, str]]:
    members: dict = {}
    for key, person in person_of.items():
        members.setdefault(person, []).append(key)
    return {pair for ids in members.values() for pair in combinations(sorted(ids), 2)}


def _measured(work: Callable[[Path], int], folder: Path) -> tuple[float, float, int]:
    """In a process of its own: seconds, GiB at the peak, and what `work` returned."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_measure, work, folder).result()


def _measure(work: Callable[[Path], int], folder: Path) -> tuple[float, float, int]:
    started = time.perf_counter()
    result = work(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return time.perf_counter() - started, peak, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="where to work (temporary)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder, prefix="persons-") as name:
        population = make_population(round(given.records / 1.385), seed=1)
        company = write_population(Path(name) / "company", population)
        print(f"{describe_machine()}\n{len(np.unique(population.human)):,} humans,"
              f" {len(population.human):,} records")  # fmt: skip
        plain, plain_peak, pairs = _measured(join_exactly, company.folder)
        print(f"exact join: {plain:.1f} s, {plain_peak:.2f} GiB, {pairs:,} pairs")
        ours, peak, ids = _measured(link, company.folder)
        print(f"linking: {ours:.1f} s, {peak:.2f} GiB, {ids:,} ids of persons with several")
        precision, recall = score(company, population)
        print(f"ratio {ours / plain:.1f}; precision {precision:.4f}, recall {recall:.4f}")


if __name__ == "__main__":
    main()

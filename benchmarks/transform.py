"""Seconds from raw Parquet to marts, by dbt as the night runs it and by one script by hand."""

import argparse
import json
import resource
import shutil
import string
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.machine import describe_machine
from benchmarks.raw import AS_OF, ID_SYSTEMS, Size, write_company, write_empty
from orchestration.company import Company, load_company
from orchestration.dbt import Dbt, merge_reference

SCRIPT = Path(__file__).parent / "by_hand.sql"
MARTS = ("orders", "web_sessions", "cohort_retention", "kpi_values")
FACTS = (
    "int_purchases_measured",
    "int_activations_measured",
    "int_states_measured",
    "int_lifetime_values_measured",
    "int_acquisitions_measured",
    "int_web_sessions_measured",
    "int_web_visitors_measured",
    "int_app_uses_measured",
)
SELECTED = [
    *(f"+{name}" for name in (*MARTS[:3], *FACTS)),
    *("int_kpis_measured", "+int_kpi_feeds", "kpi_catalog", "kpi_values"),
]
DECIMALS = 6  # of a double that are compared
MEMORY = "4500MB"  # as in profiles.yml
THREADS = 2


@dataclass(frozen=True)
class Took:
    """What a side took: seconds by the clock and of the processors, and memory at its peak."""

    wall: float
    processor: float
    gib: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} s ({self.processor:.1f} s of processors, {self.gib:.1f} GiB)"


@dataclass(frozen=True)
class DbtTook(Took):
    """Beside it the seconds in which at least one model or test was executed."""

    models: float
    tests: float
    slowest: list[tuple[float, str]]


def build_by_dbt(
    company: Company,
    *,
    with_tests: bool = True,
    whole: bool = False,
    as_of: date = AS_OF,
    builds_on: bool = False,
) -> tuple[Path, DbtTook]:
    """The marts by dbt in a new warehouse, or in that of the last time; but for the whole, other
    facts have no rows.
    """
    dbt = Dbt(company, as_of, ID_SYSTEMS, company.work / "benchmark", builds_on=builds_on)
    if not builds_on:
        shutil.rmtree(dbt.folder, ignore_errors=True)
        if not whole:
            _build_empty(dbt)
    command = ["build", "--quiet", "--exclude-resource-type", "unit_test"]
    if not with_tests:
        command += ["--exclude-resource-type", "test"]
    if not whole:
        # not the tests that also read a model which is not built
        command += ["--indirect-selection", "buildable", "--select", *SELECTED]
    took = _took(_run, dbt, *command)
    results = json.loads((dbt.artifacts / "run_results.json").read_text())["results"]
    slowest = sorted(
        ((r["execution_time"], r["unique_id"].split(".")[2]) for r in results), reverse=True
    )
    models = _covered([r for r in results if r["unique_id"].startswith("model.")])
    tests = _covered([r for r in results if r["unique_id"].startswith("test.")])
    return dbt.warehouse, DbtTook(took.wall, took.processor, took.gib, models, tests, slowest)


def build_by_hand(company: Company) -> tuple[Path, Took]:
    """The same marts by the script, in a database of its own."""
    folder = company.work / "by_hand"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    reference = merge_reference(company, folder / "reference")
    filled = string.Template(SCRIPT.read_text()).substitute(
        raw=company.raw, reference=reference, as_of=AS_OF
    )
    warehouse = folder / "warehouse.duckdb"
    return warehouse, _took(_run_script, filled, warehouse)


def _run_script(script: str, warehouse: Path) -> None:
    temp = str(warehouse.parent / "temp")
    settings = {"threads": THREADS, "memory_limit": MEMORY, "temp_directory": temp}
    with duckdb.connect(str(warehouse), config=settings) as connection:
        connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
        connection.execute(script)


def _took(function: Callable[..., None], *arguments: object) -> Took:
    """What a call takes in a process of its own, the processes that it starts included."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_watch, function, *arguments).result()


def _watch(function: Callable[..., None], *arguments: object) -> Took:
    before, started = _processor_seconds(), time.perf_counter()
    function(*arguments)
    wall = time.perf_counter() - started
    kib = max(use.ru_maxrss for use in _uses())
    return Took(wall, _processor_seconds() - before, kib / 2**20)


def _processor_seconds() -> float:
    return sum(use.ru_utime + use.ru_stime for use in _uses())


def _uses() -> list[resource.struct_rusage]:
    """What this process used, and what those did that it started."""
    return [resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)]


def one_more_day(company: Company) -> None:
    """Tell what the next date takes in the warehouse that was built last, and what in a new one;
    raises SystemExit where the marts differ.
    """
    day = AS_OF + timedelta(days=1)
    built, going_on = build_by_dbt(company, as_of=day, builds_on=True)
    aside = built.rename(company.work / "built.duckdb")
    anew, new = build_by_dbt(company, as_of=day)
    print(
        f"one more day: in the warehouse of the day before {going_on}, of which models"
        f" {going_on.models:.1f} s; in a new one {new}, of which models {new.models:.1f} s:"
        f" all of dbt {going_on.wall / new.wall:.2f} times"
        f" ({going_on.processor / new.processor:.2f} in seconds of processors)"
    )
    if any(different for _, different in differences(anew, aside).values()):
        raise SystemExit("the two warehouses differ")


def differences(by_dbt: Path, by_hand: Path) -> dict[str, tuple[int, int]]:
    """Per mart: rows, and rows that only one side has; doubles are compared to 6 decimals."""
    with duckdb.connect() as connection:
        connection.execute(f"attach '{by_dbt}' as dbt (read_only)")
        connection.execute(f"attach '{by_hand}' as hand (read_only)")
        return {mart: _difference(connection, mart) for mart in MARTS}


def _difference(connection: duckdb.DuckDBPyConnection, mart: str) -> tuple[int, int]:
    described = connection.execute(f"describe hand.marts.{mart}").fetchall()
    types = {name: kind for name, kind, *_ in described}
    columns = ", ".join(
        f"round({name}, {DECIMALS}) as {name}" if kind == "DOUBLE" else name
        for name, kind in types.items()
    )
    measured = "kpi in (select kpi from hand.marts.kpi_values)" if mart == "kpi_values" else "true"
    ours = f"select {columns} from dbt.marts.{mart} where {measured}"
    theirs = f"select {columns} from hand.marts.{mart}"
    (rows,) = connection.execute(f"select count(*) from ({ours})").fetchone() or (0,)
    (different,) = connection.execute(f"""
        select count(*) from (
            (({ours}) except all ({theirs})) union all (({theirs}) except all ({ours}))
        )
    """).fetchone() or (0,)
    extra = {name for name, *_ in connection.execute(f"describe dbt.marts.{mart}").fetchall()}
    assert extra == set(types), f"{mart}: only one side has {sorted(extra ^ set(types))}"
    return rows, different


def _build_empty(dbt: Dbt) -> None:
    """Every table of the warehouse without a row, so that any choice of models can be built."""
    nobody = Company(dbt.folder / "nobody", dbt.company.settings, {})
    write_empty(nobody.raw)
    empty = Dbt(nobody, AS_OF, {}, dbt.folder)
    _run(empty, "build", "--quiet", "--resource-type", "seed", "--resource-type", "model")


def _run(dbt: Dbt, *command: str) -> None:
    """Run dbt; its own words are the error where it fails."""
    done = dbt.run(*command, is_quiet=True)
    if done.returncode:
        raise SystemExit(f"dbt {command[0]} failed:\n{done.stdout}{done.stderr}")


def _covered(results: list[dict[str, Any]]) -> float:
    """Seconds in which at least one of the results was being executed."""
    spans = sorted(
        (datetime.fromisoformat(t["started_at"]), datetime.fromisoformat(t["completed_at"]))
        for result in results
        for t in result["timing"]
        if t["name"] == "execute"
    )
    seconds, reached = 0.0, None
    for begin, end in spans:
        begin = max(begin, reached) if reached else begin
        if end > begin:
            seconds += (end - begin).total_seconds()
            reached = end
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    sizes = Size()
    parser.add_argument("--order-lines", type=int, default=sizes.order_lines)
    parser.add_argument("--web-events", type=int, default=sizes.web_events)
    parser.add_argument("--persons", type=int, default=sizes.persons)
    parser.add_argument("--rounds", type=int, default=1, help="of each side, in turn")
    parser.add_argument("--no-tests", action="store_true", help="build without dbt's data tests")
    parser.add_argument("--whole", action="store_true", help="build every model of the project")
    parser.add_argument(
        "--one-more-day", action="store_true", help="build the day after, in that warehouse too"
    )
    parser.add_argument("--slowest", type=int, default=12, help="dbt nodes to name")
    parser.add_argument("--folder", type=Path, help="keep raw data and results here")
    given = parser.parse_args()
    size = Size(given.order_lines, given.web_events, given.persons)

    with tempfile.TemporaryDirectory(prefix="transform-") as name:
        folder = (given.folder or Path(name) / "company").resolve()
        write_company(folder, size)
        company = load_company(folder)
        print(
            f"{describe_machine()}\n{size.order_lines:,} order lines, {size.web_events:,} web"
            f" events, {size.persons:,} persons"
        )
        hands, dbts = [], []
        for number in range(given.rounds):
            by_hand, hand = build_by_hand(company)
            by_dbt, took = build_by_dbt(company, with_tests=not given.no_tests, whole=given.whole)
            hands.append(hand)
            dbts.append(took)
            print(
                f"round {number + 1}: by hand {hand}; dbt {took}, of which"
                f" models {took.models:.1f} s and tests {took.tests:.1f} s"
            )
        for seconds, node in dbts[-1].slowest[: given.slowest]:
            print(f"    {seconds:6.1f} s  {node}")
        wrong = 0
        for mart, (rows, different) in differences(by_dbt, by_hand).items():
            print(f"{mart}: {rows:,} rows, {different:,} of them or of the other side differ")
            wrong += different
        best = min(t.wall for t in hands)
        least = min(t.processor for t in hands)
        print(
            f"best: models {min(t.models for t in dbts) / best:.2f} times the script,"
            f" all of dbt {min(t.wall for t in dbts) / best:.2f} times"
            f" ({min(t.processor for t in dbts) / least:.2f} in seconds of processors)"
        )
        if wrong:
            raise SystemExit("the two sides differ: the ratio compares unlike things")
        if given.one_more_day:
            one_more_day(company)


if __name__ == "__main__":
    main()

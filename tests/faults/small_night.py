"""A night of seconds, to be injured: all of a night but for dbt, which a table straight from raw
stands in for, in a process of its own.
"""

import os
import signal
import sys
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from hashlib import sha256
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import duckdb
import pandas  # noqa: F401  DuckDB imports it when it is asked for a function over Arrow

from orchestration.company import load_company
from orchestration.contract import load_contract
from orchestration.dbt import LEFT
from orchestration.ingest import duck
from orchestration.kept import MADE_OF
from orchestration.night import Night, open_night
from orchestration.publishing import KEPT, Mart, Version, current

KEY = "k" * 32  # of the tokens and the vault, so that two folders hold the same bytes
MARTS = [
    Mart("orders", "One row per order.", {}, ["system", "order_id"], True),
    Mart("runs", "One row per night.", {}, ["run_id"], False),
]
OF_NIGHTS = ("parquet/runs.parquet",)

HEADER = "order_id,customer_id,ordered_at,status,currency,total\n"
SURVEYS = "survey_id,kind\ns1,relationship\n"
CUSTOMERS = "customer_id,email,family_name\n" + "".join(
    f"c{n},c{n}@example.com,佐藤{n}\n" for n in range(40)
)

# forked from a process that has imported and read everything, a night takes half a second
load_contract()
processes = get_context("forkserver")
processes.set_forkserver_preload([__name__])


def orders(first: int, last: int, total: int = 1000, bad: int = 0) -> str:
    """Orders of those numbers as CSV, some of which are worth nothing."""
    rows = [f"{n},c{n % 40},2026-01-05 10:00:00,paid,JPY,{total + n}\n" for n in range(first, last)]
    rows += [f"bad{n},c1,2026-02-30,paid,JPY,1\n" for n in range(bad)]
    return HEADER + "".join(rows)


def night(folder: Path, as_of: date, wait: float = 0) -> Version:
    """One night, in this process."""
    company = load_company(folder)
    with open_night(company, as_of, wait) as opened:
        for feed in opened.landing.feeds:
            opened.load(feed)
        opened.landing.close()
        if refused := opened.refused():
            raise RuntimeError(str(refused))
        _build(opened)
        return opened.publish(MARTS)


def _build(opened: Night) -> None:
    raw, warehouse = duck.path(opened.company.raw), opened.dbt.warehouse
    warehouse.parent.mkdir(parents=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"""
            create schema marts;
            create table marts.orders as
            select distinct on (system, order_id) orders.* exclude (load_id)
            from read_parquet({raw} || '/orders/orders/*/*.parquet', hive_partitioning = true)
                as orders
            inner join read_parquet({raw} || '/ledger/loads/*/*.parquet', hive_partitioning = false)
                as loads on orders.load_id = loads.load_id and not loads.is_superseded
            order by system, order_id, orders.delivered_at desc, source_file, source_row;
            create table marts.runs (run_id varchar, as_of_date date, status varchar);
        """)


@dataclass
class Shop:
    """A company folder that small nights are run on."""

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "company.yml").write_text("max_quarantined_share: '50 %'\n")

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def deliver(self, place: str, text: str) -> Path:
        path = self.folder / "landing" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_700_000_000, 1_700_000_000))
        return path

    def start(self, day: int, crash_at: str = "", wait: float = 0) -> "Running":
        """Begin a night in another process."""
        hears, says = processes.Pipe(duplex=False)
        arguments = (self.folder, date(2026, 1, day), wait, crash_at, says)
        process = processes.Process(target=_in_child, args=arguments)
        process.start()
        says.close()
        return Running(process, hears)

    def night(self, day: int, crash_at: str = "") -> "Running":
        """A night in another process, to its end."""
        running = self.start(day, crash_at)
        running.process.join()
        return running

    def current(self) -> str | None:
        """The run that is published, once every file of it was held to its manifest."""
        version = current(load_company(self.folder))
        if version is None:
            return None
        for name, known in version.manifest["files"].items():
            assert sha256((version.folder / name).read_bytes()).hexdigest() == known, name
        with duckdb.connect(str(version.folder / "kizuna.duckdb"), read_only=True) as opened:
            assert opened.sql("select count(*) from marts.orders").fetchone() > (0,)
        return version.run

    def result(self) -> dict[str, str]:
        """By name, a hash of each file that a night makes and that must not depend on its fate."""
        version = current(load_company(self.folder))
        assert version
        published = {
            name: known
            for name, known in version.manifest["files"].items()
            if name.startswith("parquet/") and name not in OF_NIGHTS
        }
        raw = {
            str(path.relative_to(self.data)): sha256(path.read_bytes()).hexdigest()
            for path in sorted((self.data / "raw").glob("*/*/load_id=*/*.parquet"))
            if path.parts[-4] != "ledger" or path.parts[-3] == "loads"
        }
        return published | raw

    def leftovers(self) -> list[Path]:
        """What no night may leave behind: of work files all but its warehouse for the next."""
        left = [*self.data.glob("work/*"), *self.data.rglob("*.tmp"), *self.data.rglob(".incoming")]
        wanted = {self.data / "work" / name for name in ("vault", LEFT)}
        found = set(left) - wanted | set(self.data.glob(f"work/{LEFT}/*"))
        return sorted(path for path in found if path.name not in (MADE_OF, "warehouse.duckdb"))


@dataclass
class Running:
    """A night in another process."""

    process: BaseProcess
    hears: Connection

    @property
    def code(self) -> int:
        self.process.join()
        assert self.process.exitcode is not None
        return self.process.exitcode

    @cached_property
    def said(self) -> str:
        """What stopped it, in its own words."""
        try:
            return self.hears.recv()
        except EOFError:
            return ""

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


def _in_child(folder: Path, as_of: date, wait: float, crash_at: str, says: Connection) -> None:
    os.environ.update(KIZUNA_TOKEN_KEY=KEY, KIZUNA_VAULT_KEY=KEY, KIZUNA_CRASH_AT=crash_at)
    try:
        night(folder, as_of, wait)
    except Exception as error:
        says.send(f"{type(error).__name__}: {error}")
        sys.exit(1)


def two_shops(folder: Path) -> tuple[Shop, Shop]:
    """A shop that is published as of the 10th, with more delivered since, and its twin, which had
    the night of the 11th in peace.
    """
    shop, twin = Shop(folder / "shop"), Shop(folder / "twin")
    for one in (shop, twin):
        one.deliver("shop/orders/a.csv", orders(0, 300, bad=3))
        one.deliver("crm/customers/c.csv", CUSTOMERS)
        for day in range(10 - KEPT, 10):  # so that the next version makes the oldest go
            assert one.night(day + 1).code == 0, one.night(day + 1).said
        one.deliver("shop/orders/a.csv", orders(0, 300, total=2000))
        one.deliver("shop/orders/b.csv", orders(250, 600, bad=5))
        one.deliver("shop/surveys/s.csv", SURVEYS)
    assert twin.night(11).code == 0
    return shop, twin

"""The marts in a real PostgreSQL: whole, exact, for whom they are, and whatever happens to it."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import psycopg
import pytest
import yaml
from live_sources import Wire
from postgres_server import server as postgres_server
from psycopg import errors

from orchestration import progress, publishing
from orchestration.company import Company, Settings, load_company
from orchestration.configuration import ConfigError
from orchestration.disk import digest
from orchestration.examination import serving_findings
from orchestration.night import open_night
from orchestration.publishing import Mart, Version
from orchestration.serving import postgres
from orchestration.serving.served import serve
from orchestration.settings import ROOT

PASSWORD = "p@ss/w:rd%20"
MARTS = [
    Mart("customers", "One row per person.", {"person_key": "Who."}, ["person_key"], True),
    Mart("kinds", "One row per oddity.", {}, ["n"], False),
    Mart("kpi_catalog", "One row per KPI.", {}, ["kpi"], False),
    Mart("kpi_report", "One row per figure, it's named.", {"kpi": "Code. コード"}, [], False),
    Mart("kpi_values", "One row per figure.", {"kpi": "Code."}, ["kpi", "period_start"], False),
    Mart("searches", "One row per page.", {}, ["page"], False),
]
WAREHOUSE = """
create schema marts;
create table marts.customers as
    select '{run}' as run_id, 'p' || n as person_key from range(50) r(n);
create table marts.kpi_catalog as select '{run}' as run_id, 'nps' as kpi, 'NPS' as name_en;
create table marts.kpi_values as
    select '{run}' as run_id, 'nps' as kpi, date '2026-01-01' + n::int as period_start,
        n / 7 as value
    from range(500) r(n);
create view marts.kpi_report as
    with joined as (
        select v.*, c.name_en from "warehouse"."marts"."kpi_values" as v
        inner join "warehouse"."marts"."kpi_catalog" as c on v.kpi = c.kpi
    )
    select * from joined;
create table marts.searches as
    select '{run}' as run_id, 'https://example.com/' || string_agg(hash(n)::varchar, '') as page
    from range(900) r(n);
create table marts.kinds (
    n integer, words varchar, money decimal(38, 4), share double, total hugeint, is_so boolean,
    day date, seen_at timestamp, tags varchar[], counts bigint[]
);
insert into marts.kinds values
    (1, 'it''s "quoted", 日本語', 12345678901234567890123456789012.3456, 0.1,
     170141183460469231731687303715884105727, true, '2026-02-28', '2026-06-30 23:59:59.123456',
     ['a', null, '', 'b "c", \\ d', '{{}}', 'NULL'], [1, null]),
    (2, '', -0.0001, 'inf', -1, false, '0001-01-01', '1970-01-01', [], []),
    (3, null, null, null, null, null, null, null, null, null),
    (4, e'two\\nlines\\\\.\\n\\\\.\\n', 0, 1e-300, 0, true, '9999-12-31', '2026-06-30 12:00:00',
     ['x'], [9]),
    (5, ' ', 1.5, 2.0 / 3, 7, false, '2024-02-29', '2026-06-30 12:00:00.5', ['日本'], [-1]);
"""
ROLES = ("kpi_reader", "bi_reader")
MANY = 20_000  # rows of which some are enough


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[psycopg.Connection, str]]:
    with postgres_server(tmp_path_factory.mktemp("pg"), "kizuna", PASSWORD) as (connection, socket):
        connection.execute("alter role kizuna createrole")
        yield connection, socket


Ask = Callable[..., psycopg.Connection]


@pytest.fixture
def asking(server) -> Iterator[Ask]:
    """Connections to a new database, as anybody."""
    connection, socket = server
    connection.execute("drop database if exists shown with (force)")
    connection.execute("drop role if exists kpi_reader, bi_reader")
    connection.execute("create database shown owner kizuna")
    with contextlib.ExitStack() as stack:

        def connect(user: str = "postgres", **more) -> psycopg.Connection:
            more = {"autocommit": True, "user": user, "password": PASSWORD, **more}
            opened = psycopg.connect(host=str(Path(socket).parent), dbname="shown", **more)
            return stack.enter_context(opened)

        yield connect


@pytest.fixture
def wire(server) -> Iterator[Wire]:
    wire = Wire(server[1])
    yield wire
    wire.close()


def served_by(folder: Path, port: int, **more) -> Company:
    """The company, with that server in its company.yml."""
    server = {
        "url": f"postgresql://kizuna:${{MARTS_PASSWORD}}@127.0.0.1:{port}/shown",
        "attempts": 1,
        "wait_seconds": 0.01,
        "max_seconds": 30,
    }
    path = folder / "company.yml"
    said = (path.exists() and yaml.safe_load(path.read_text())) or {}
    path.write_text(yaml.safe_dump(said | {"serving": {"postgres": server | more}}))
    return load_company(folder)


@pytest.fixture
def company(tmp_path, wire, asking, monkeypatch) -> Company:
    monkeypatch.setenv("MARTS_PASSWORD", PASSWORD)
    return served_by(tmp_path, wire.port)


def publish(company: Company, run: str) -> Version:
    warehouse = company.work / run / "warehouse.duckdb"
    warehouse.parent.mkdir(parents=True)
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(WAREHOUSE.format(run=run))
    sequence = len(publishing.versions(company)) + 1
    about = {"as_of_date": run[:10], "sequence": sequence, "code_version": "0", "inputs": []}
    return publishing.publish(company, run, warehouse, MARTS, about, {})


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """The data of a company with two versions."""
    folder = tmp_path_factory.mktemp("published")
    for run in ("2026-06-29-001", "2026-06-30-001"):
        publish(Company(folder, Settings(), {}), run)
    return folder / "data"


@pytest.fixture
def two(company, published) -> Company:
    """A company with two versions, of which the first is shown and the second is current."""
    shutil.copytree(published, company.data, symlinks=True)
    publishing.rollback(company)
    assert serve(company).problem is None
    publishing.rollback(company, "2026-06-30-001")
    return company


def write_anew(company: Company, sql: str) -> None:
    """Change the current version, as an erasure does."""
    version = publishing.current(company)
    path = version.folder / "kizuna.duckdb"
    with duckdb.connect(str(path)) as file:
        file.execute(sql)
    files = {**version.manifest["files"], path.name: digest(path)}
    (version.folder / "manifest.json").write_text(json.dumps({**version.manifest, "files": files}))


def told(connection: psycopg.Connection) -> str:
    ((run,),) = connection.execute("select run_id from marts.served_version").fetchall()
    return run


def schemas(connection: psycopg.Connection) -> list[str]:
    found = connection.execute(
        "select nspname from pg_namespace where nspname ~ '^marts' order by 1"
    )
    return [name for (name,) in found]


def test_every_value_arrives_exactly(company, asking):
    version = publish(company, "2026-06-30-001")
    assert (serve(company).shown, serve(company).is_new) == ("2026-06-30-001", False)
    reader = asking("bi_reader")
    with duckdb.connect(str(version.folder / "kizuna.duckdb"), read_only=True) as file:
        for mart in MARTS:
            here = reader.execute(f"select * from marts.{mart.name}").fetchall()
            there = file.sql(f"from marts.{mart.name}").fetchall()
            assert sorted(here, key=repr) == sorted(there, key=repr) and here
    types = reader.execute(
        "select attname, format_type(atttypid, atttypmod) from pg_attribute"
        " where attrelid = 'marts.kinds'::regclass and attnum > 0 order by attnum"
    )
    assert types.fetchall() == [
        ("n", "integer"),
        ("words", "text"),
        ("money", "numeric(38,4)"),
        ("share", "double precision"),
        ("total", "numeric(39,0)"),
        ("is_so", "boolean"),
        ("day", "date"),
        ("seen_at", "timestamp without time zone"),
        ("tags", "text[]"),
        ("counts", "bigint[]"),
    ]


def test_descriptions_keys_and_the_version_come_along(company, asking):
    publish(company, "2026-06-30-001")
    assert serve(company).rows == 50 + 1 + 500 + 1 + 5
    db = asking()
    assert db.execute(
        "select obj_description('marts.kpi_report'::regclass),"
        " col_description('marts.kpi_report'::regclass, 2),"
        " obj_description('marts'::regnamespace)"
    ).fetchone() == (
        "One row per figure, it's named.",
        "Code. コード",
        "Kizuna: 2026-06-30-001, as of 2026-06-30",
    )
    keys = db.execute("select tablename from pg_indexes where schemaname = 'marts' order by 1")
    assert [table for (table,) in keys] == ["customers", "kinds", "kpi_catalog", "kpi_values"]
    version = db.execute("select run_id, as_of_date from marts.served_version").fetchall()
    assert version == [("2026-06-30-001", date(2026, 6, 30))]


class Reader(threading.Thread):
    """Reads marts in a loop, each time all in one transaction, and remembers what it saw."""

    QUESTIONS = (
        "select run_id from marts.served_version",
        "select distinct run_id from marts.kpi_values",
        "select distinct run_id from marts.customers",
        "select distinct run_id from marts.kpi_report where kpi = 'nps'",
        "select distinct c.run_id, v.run_id from marts.customers c, marts.kpi_catalog v",
    )

    def __init__(self, connection: psycopg.Connection, turn: int):
        super().__init__(daemon=True)
        self.connection = connection
        self.questions = self.QUESTIONS[turn:] + self.QUESTIONS[:turn]
        self.seen: list[tuple[str, ...]] = []
        self.slowest = 0.0
        self.failed: Exception | None = None
        self.stopped = threading.Event()

    def run(self) -> None:
        try:
            while not self.stopped.is_set():
                began = time.monotonic()
                with self.connection.transaction():
                    found = [self.connection.execute(q).fetchall() for q in self.questions]
                values = {
                    value for rows in found for row in rows or [("nothing",)] for value in row
                }
                self.seen.append(tuple(sorted(values)))
                self.slowest = max(self.slowest, time.monotonic() - began)
                time.sleep(0.01)
        except psycopg.Error as error:
            self.failed = error


def test_readers_of_thirty_swaps_see_one_whole_version_each_time(two, asking):
    readers = [Reader(asking("bi_reader"), turn) for turn in range(4)]
    readers[0].connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    readers[1].connection.prepare_threshold = 0
    for reader in readers:
        reader.start()
    runs = [version.run for version in publishing.versions(two)]
    try:
        for turn in range(30):
            publishing.rollback(two, runs[turn % 2])
            assert serve(two).problem is None
    finally:
        for reader in readers:
            reader.stopped.set()
            reader.join()
    assert [reader.failed for reader in readers] == [None] * 4
    whole = {(run,) for run in runs}
    assert all(set(reader.seen) == whole and len(reader.seen) > 60 for reader in readers)
    assert max(reader.slowest for reader in readers) < 2
    assert schemas(asking()) == ["marts"]


def test_a_snapshot_from_before_the_swap_finds_a_whole_version_and_not_an_empty_one(two, asking):
    reader = asking("bi_reader", autocommit=False)
    reader.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    reader.execute("select 1 from pg_class limit 1").fetchall()
    assert serve(two).problem is None
    assert told(reader) == "2026-06-30-001"
    assert reader.execute("select count(*) from marts.kpi_values").fetchone() == (500,)


FREE = ("kinds", "kpi_catalog", "kpi_report", "kpi_values", "searches", "served_version")
REFUSED = (
    "insert into marts.kpi_catalog values ('x', 'y', 'z')",
    "delete from marts.kpi_catalog",
    "truncate marts.kpi_values",
    "do $$ begin lock table marts.kpi_values in access exclusive mode; end $$",
    "create table marts.mine (n int)",
    "create table public.mine (n int)",
    "create temporary table mine (n int)",
    "create schema mine",
    "create role mine",
    "select * from marts_old_2026_06_30_001.kpi_values",
    "select * from private.notes",
    "alter table marts.kpi_values rename to mine",
    "set role kizuna",
)


def test_each_role_reads_what_it_may_and_does_nothing_else(two, asking):
    db = asking()
    db.execute("create schema private; create table private.notes (n int)")
    assert serve(two).problem is None
    db.execute("create role stranger login")
    db.execute("create schema marts_old_2026_06_30_001 create table kpi_values (n int)")
    try:
        for role in ROLES:
            reader = asking(role)
            for mart in FREE:
                reader.execute(f"select * from marts.{mart}").fetchall()
            for refused in REFUSED:
                with pytest.raises(errors.InsufficientPrivilege):
                    reader.execute(refused)
        assert asking("bi_reader").execute("select count(*) from marts.customers").fetchone() == (
            50,
        )
        with pytest.raises(errors.InsufficientPrivilege):
            asking("kpi_reader").execute("select * from marts.customers")
        with pytest.raises(errors.InsufficientPrivilege):
            asking("stranger").execute("select * from marts.kpi_values")
    finally:
        db.execute("drop role stranger")


def test_what_new_tables_grant_by_default_is_taken_away(two, asking):
    asking("kizuna").execute(
        "alter default privileges grant select, insert on tables to public, kpi_reader;"
        "alter default privileges grant all on schemas to public"
    )
    assert serve(two).problem is None
    with pytest.raises(errors.InsufficientPrivilege):
        asking("kpi_reader").execute("select * from marts.customers")


@pytest.mark.parametrize(
    "given", ["grant bi_reader to kpi_reader", "grant pg_write_all_data to bi_reader"]
)
def test_a_role_that_may_more_by_another_way_is_shown_nothing_new(two, asking, given):
    asking().execute(given)
    assert f"{given.split()[-1]} may more than read its marts" in serve(two).problem
    assert told(asking()) == "2026-06-29-001"


def test_a_statement_and_an_idle_transaction_of_a_reader_end_in_time(company, wire, asking):
    served_by(company.folder, wire.port, reader_seconds=1)
    publish(company, "2026-06-30-001")
    assert serve(load_company(company.folder)).problem is None
    for role in ROLES:
        with pytest.raises(errors.QueryCanceled):
            asking(role).execute("select pg_sleep(5)")
    idle = asking("kpi_reader", autocommit=False)
    idle.execute("select 1 from marts.kpi_values").fetchall()
    time.sleep(1.5)
    with pytest.raises(errors.IdleInTransactionSessionTimeout):
        idle.execute("select 1")


def test_who_may_not_make_roles_is_told_what_an_administrator_has_to_run(two, asking, server):
    asking().execute(
        "drop owned by kpi_reader; drop role kpi_reader; alter role kizuna nocreaterole"
    )
    try:
        problem = serve(two).problem
        _, _, rest = problem.partition("let an administrator run `")
        asking().execute(rest.partition("`")[0])
        assert serve(two).problem is None
        assert told(asking("kpi_reader")) == "2026-06-30-001"
    finally:
        asking().execute("alter role kizuna createrole")


def test_a_server_that_is_away_costs_nothing_but_its_news(two, wire, asking):
    wire.mend(limit=0)
    began = time.monotonic()
    served = serve(served_by(two.folder, wire.port, attempts=3))
    assert (served.attempts, served.shown) == (3, None)
    assert "does not show 2026-06-30-001, tried 3 times: " in served.problem
    assert PASSWORD not in served.problem
    assert time.monotonic() - began < 5
    (finding,) = serving_findings(two)
    assert not finding.is_well
    wire.mend()
    (finding,) = serving_findings(two)
    assert "shows 2026-06-29-001, not 2026-06-30-001: `kizuna serve` mends it" in finding.what
    assert serve(two).is_new
    (finding,) = serving_findings(two)
    assert finding.is_well


@contextlib.contextmanager
def stuck_load(asking: Ask) -> Iterator[Callable[[], int]]:
    """Loads stop where they make an index; yields what waits for one and names its process."""
    db = asking()
    db.execute(
        "create function stay() returns event_trigger language plpgsql as"
        " $$ begin perform pg_catalog.pg_sleep(60); end $$;"
        "create event trigger stay on ddl_command_end when tag in ('CREATE INDEX')"
        " execute function stay()"
    )

    def loading() -> int:
        asked = (
            "select pid from pg_stat_activity"
            " where application_name = %s and wait_event = 'PgSleep'"
        )
        for _ in range(200):
            if found := db.execute(asked, [postgres.NAME]).fetchone():
                db.execute("drop event trigger stay")
                return found[0]
            time.sleep(0.05)
        raise AssertionError("no load came so far")

    yield loading
    db.execute("drop event trigger if exists stay; drop function stay")


def end(process: int, wire: Wire, db: psycopg.Connection) -> None:
    db.execute("select pg_terminate_backend(%s)", [process])


def cut(process: int, wire: Wire, db: psycopg.Connection) -> None:
    wire.mend(limit=0)
    end(process, wire, db)


def freeze(process: int, wire: Wire, db: psycopg.Connection) -> None:
    os.kill(process, signal.SIGSTOP)


@pytest.mark.parametrize("hurt", [end, cut, freeze])
def test_a_load_that_breaks_off_or_hangs_shows_what_was_there_before(two, wire, asking, hurt):
    served_by(two.folder, wire.port, max_seconds=3)
    with stuck_load(asking) as loading:
        found = []
        loader = threading.Thread(target=lambda: found.append(serve(load_company(two.folder))))
        loader.start()
        process = loading()
        hurt(process, wire, asking())
        loader.join(timeout=8)
        assert not loader.is_alive()
        assert "it shows 2026-06-29-001 as before" in found[0].problem
        assert ("took longer than 3 seconds" in found[0].problem) == (hurt is freeze)
        assert told(asking("bi_reader")) == "2026-06-29-001"
    wire.mend()
    if hurt is freeze:
        os.kill(process, signal.SIGCONT)
    assert serve(two).is_new
    assert (told(asking()), schemas(asking())) == ("2026-06-30-001", ["marts"])


def test_a_load_that_breaks_off_once_is_tried_again_in_the_same_night(two, wire, asking):
    served_by(two.folder, wire.port, attempts=2)
    with stuck_load(asking) as loading:
        found = []
        loader = threading.Thread(target=lambda: found.append(serve(load_company(two.folder))))
        loader.start()
        end(loading(), wire, asking())
        loader.join(timeout=20)
    assert (found[0].problem, found[0].attempts) == (None, 2)
    assert told(asking()) == "2026-06-30-001"


def test_a_killed_process_leaves_nothing_that_the_next_one_does_not_clear(two, asking):
    with stuck_load(asking) as loading:
        command = [sys.executable, "-m", "orchestration.cli", "serve", "--company", str(two.folder)]
        process = subprocess.Popen(command, cwd=ROOT)
        loading()
        process.kill()
        process.wait()
        assert told(asking()) == "2026-06-29-001"
        assert serve(two).problem is None
    assert (told(asking()), schemas(asking())) == ("2026-06-30-001", ["marts"])


def test_a_connection_that_is_lost_with_the_answer_to_the_commit_is_seen_to_have_done_it(
    two, wire, asking, monkeypatch
):
    swap = postgres._swap

    def swap_and_hear_nothing(*given) -> None:
        swap(*given)
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(postgres, "_swap", swap_and_hear_nothing)
    served = serve(served_by(two.folder, wire.port, attempts=2))
    assert (served.problem, served.shown, served.attempts) == (None, "2026-06-30-001", 2)
    assert schemas(asking()) == ["marts"]


def test_a_reader_that_stays_keeps_its_version_and_delays_nobody(two, wire, asking):
    holder = asking("bi_reader", autocommit=False)
    holder.execute("select count(*) from marts.customers").fetchall()
    other = Reader(asking("kpi_reader"), 0)
    other.questions = other.QUESTIONS[:2]
    other.start()
    served = serve(served_by(two.folder, wire.port, max_seconds=3))
    other.stopped.set()
    other.join()
    assert f"process {holder.info.backend_pid} of bi_reader" in served.problem
    assert "was reading all the time" in served.problem
    assert set(other.seen) == {("2026-06-29-001",)} and not other.failed
    assert other.slowest < 1
    assert told(holder) == "2026-06-29-001"
    holder.commit()
    assert serve(two).is_new
    assert (told(holder), schemas(asking())) == ("2026-06-30-001", ["marts"])


def test_leftovers_are_swept_unless_somebody_reads_them(two, asking):
    owner = asking("kizuna")
    for name in ("marts_new_2026_06_01_001", "marts_old_2026_06_02_001", "marts_of_ours"):
        owner.execute(f"create schema {name} create table kpi_values (n int)")
    reader = asking("kizuna", autocommit=False)
    reader.execute("select 1 from marts_old_2026_06_02_001.kpi_values").fetchall()
    assert serve(two).problem is None
    assert schemas(owner) == ["marts", "marts_of_ours", "marts_old_2026_06_02_001"]
    reader.commit()
    assert not serve(two).is_new
    assert schemas(owner) == ["marts", "marts_of_ours"]


def test_a_schema_of_somebody_else_is_left_alone(company, asking):
    asking("kizuna").execute("create schema marts create table mine (n int)")
    publish(company, "2026-06-30-001")
    assert "its schema `marts` holds `mine` and is none that Kizuna made" in serve(company).problem
    assert asking().execute("select count(*) from marts.mine").fetchone() == (0,)


def test_the_version_that_is_pointed_at_is_shown_and_no_other(two, asking, kizuna):
    result = kizuna("rollback", "--company", two.folder)
    assert result.exit_code == 0 and "PostgreSQL shows 2026-06-29-001 already" in result.output
    publish(two, "2026-06-01-001")  # of an earlier day: kept aside
    assert not serve(two).is_new
    result = kizuna("rollback", "2026-06-30-001", "--company", two.folder)
    assert result.exit_code == 0 and "PostgreSQL shows 2026-06-30-001: " in result.output
    assert told(asking()) == "2026-06-30-001"


def test_a_version_that_was_written_anew_without_somebody_is_shown_anew(two, asking):
    assert serve(two).is_new and not serve(two).is_new
    write_anew(two, "delete from marts.customers where person_key = 'p7'")
    assert serve(two).is_new
    assert asking().execute("select count(*) from marts.customers").fetchone() == (49,)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("url: postgresql://kizuna:secret@db/marts", "a secret stands in the environment"),
        ("url: mysql://kizuna@db/marts", "begins with postgresql://"),
        ("url: postgresql://db/marts\n    pasword: x", "unknown key `pasword`"),
        ("max_seconds: 5", "`serving.postgres.url` is missing"),
    ],
)
def test_what_is_wrong_in_company_yml_is_named_and_no_secret_with_it(tmp_path, said, problem):
    (tmp_path / "company.yml").write_text(f"serving:\n  postgres:\n    {said}\n")
    with pytest.raises(ConfigError, match=problem) as error:
        load_company(tmp_path)
    assert "company.yml line " in str(error.value) and "secret@" not in str(error.value)


def test_a_missing_secret_stops_a_night_before_it_touches_anything(tmp_path, kizuna, monkeypatch):
    monkeypatch.delenv("MARTS_PASSWORD", raising=False)
    served_by(tmp_path, 5432)
    for command in ("night", "serve"):
        result = kizuna(command, "--company", tmp_path)
        assert result.exit_code == 2
        assert (
            "company.yml line 5: `serving.postgres` needs the variable MARTS_PASSWORD"
            in result.output
        )
    assert os.listdir(tmp_path) == ["company.yml"]


def test_a_night_whose_server_is_away_ends_well_and_says_so(two, wire):
    from orchestration.defs.serve import served_marts

    wire.mend(limit=0)
    said: list[tuple[str, str]] = []
    with (
        open_night(two, date(2026, 6, 30)) as night,
        progress.told_to(lambda text, kind: said.append((kind, text))),
    ):
        resources = {"night": night}
        made = dg.materialize([served_marts], partition_key="2026-06-30", resources=resources)
    assert made.success
    (check,) = made.get_asset_check_evaluations()
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    (warning,) = [text for kind, text in said if kind == progress.WARNING]
    assert "does not show 2026-06-30-001" in warning
    with contextlib.closing(sqlite3.connect(two.ledger)) as ledger:
        found = ledger.execute("select asset, passed, severity, expected from checks").fetchall()
    assert found == [("served/postgres", 0, "warn", "2026-06-30-001")]


def test_every_mart_of_a_night_is_shown_as_published_to_whom_it_may(
    shop, wire, asking, kizuna, monkeypatch
):
    monkeypatch.setenv("MARTS_PASSWORD", PASSWORD)
    now = publishing.current(served_by(shop.folder, wire.port, max_seconds=300))
    result = kizuna("serve", "--company", shop.folder)
    assert result.exit_code == 0 and f"PostgreSQL shows {now.run}: " in result.output
    kpi, bi = asking("kpi_reader"), asking("bi_reader")
    with duckdb.connect(str(now.folder / "kizuna_kpi.duckdb"), read_only=True) as file:
        free = {
            table for (table,) in file.sql("select table_name from duckdb_columns()").fetchall()
        }
    with duckdb.connect(str(now.folder / "kizuna.duckdb"), read_only=True) as file:
        for mart, rows in now.manifest["rows"].items():
            some = f"from marts.{mart}" + (" where grain = 'year'" if rows > MANY else "")
            as_published = sorted(file.sql(some).fetchall(), key=repr)
            assert sorted(bi.execute(f"select * {some}").fetchall(), key=repr) == as_published
            counted = f"select count(*) from marts.{mart}"
            if mart in free:
                assert kpi.execute(counted).fetchone() == (rows,)
            else:
                with pytest.raises(errors.InsufficientPrivilege):
                    kpi.execute(counted)
    assert {"kpi_report", "data_quality"} <= free < set(now.manifest["rows"]) | free

"""Names, cells and SQL that mean harm: read as text, and nothing outside the folder is reached."""

import csv
import io
import re
from datetime import date
from pathlib import Path

import duckdb
import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from faults.small_night import HEADER, KEY, Shop, night
from rich.console import Console

from orchestration import progress, report
from orchestration.cli import main
from orchestration.cli.common import Problem
from orchestration.company import load_company
from orchestration.configuration import ConfigError
from orchestration.dbt import Dbt
from orchestration.ingest import duck
from orchestration.ledger import Ledger
from orchestration.quarantine import Kind, Row
from orchestration.settings import ROOT
from orchestration.spreadsheets import write_csv
from orchestration.validation import judge

SECRET = "nobody may read this"
ODD_FOLDER = """it's; {{ env_var('HOME') }} [a] "b" *"""
EVIL_FOLDER = """its; {{ env_var("HOME") }}{% raw %} `touch x` -- $x"""
ODD_NAMES = (
    "'; drop table orders; --.csv",
    "\"); attach 'x.db'; --.csv",
    "{{ env_var('HOME') }}{% raw %}.csv",
    "[bold][/red]*?.csv",
    "load_id=1, a=b.csv",
    "=cmd|'/c calc'!A1.csv",
    "a..csv",
    "new\nline.csv",
    "\x1b[2Jesc.csv",
    "$(touch x)`touch y`.csv",
)
ODD_COLUMNS = (
    "'; drop table orders; --",
    "\"); attach 'x.db'; --",
    "{{ env_var('HOME') }}",
    "../../etc/passwd",
    "=1+1",
    "c0",
    "_row",
    "load_id",
)


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder beside the one within reach, with a file that may not be read."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.csv").write_text(f"a\n{SECRET}\n")
    duckdb.sql("select 1 as a").write_parquet(str(folder / "secret.parquet"))
    return folder


def attempts(outside: Path, inside: Path) -> list[str]:
    """What SQL could try to get at files, the network, extensions and settings."""
    (inside / "link").symlink_to(outside / "secret.csv")
    return [
        f"from read_csv('{outside}/secret.csv')",
        f"from read_text('{inside}/../outside/secret.csv')",
        f"from read_csv('{inside}/link')",
        f"from glob('{outside}/*')",
        f"from '{outside}/secret.parquet'",
        "from read_text('/etc/passwd')",
        "from read_csv('http://127.0.0.1:9/x.csv')",
        f"copy (select 1) to '{outside}/written.csv'",
        f"attach '{outside}/made.duckdb'",
        f"export database '{outside}/exported'",
        "install httpfs",
        "load httpfs",
        "install h3 from community",
        "set enable_external_access = true",
        f"set allowed_directories = ['{outside}']",
        "set memory_limit = '1GB'",
        "create persistent secret s (type s3, key_id 'a', secret 'b')",
    ]


def refused(connection: duckdb.DuckDBPyConnection, sql: str) -> bool:
    try:
        connection.execute(sql)
    except duckdb.Error:
        return True
    return False


@pytest.mark.parametrize("how", ["connect", "created", "opened"])
def test_a_connection_reaches_only_what_it_was_made_for(tmp_path: Path, outside: Path, how: str):
    inside = tmp_path / ODD_FOLDER
    inside.mkdir()
    duckdb.sql("select 7 as a").write_parquet(str(inside / "own [1].parquet"))
    file = inside / "marts.duckdb"
    if how == "opened":
        duckdb.connect(str(file)).close()
    made = {
        "connect": lambda: duck.connect(tmp_path / "temp", inside),
        "created": lambda: duck.created(file),
        "opened": lambda: duck.opened(file),
    }
    with made[how]() as connection:
        assert [sql for sql in attempts(outside, inside) if not refused(connection, sql)] == []
        own = f"select a from read_parquet({duck.path(inside)} || '/*.parquet')"
        if how == "opened":
            assert refused(connection, own)
        else:
            assert connection.execute(own).fetchall() == [(7,)]
    assert sorted(path.name for path in outside.iterdir()) == ["secret.csv", "secret.parquet"]


def test_checks_read_what_they_judge_alone(tmp_path: Path, outside: Path):
    file = tmp_path / "loaded.duckdb"
    with duckdb.connect(str(file)) as connection:
        connection.execute(f"create view marts as from read_parquet('{outside}/secret.parquet')")
    suite = {"marts": "raw_orders_orders"}
    held = judge(file, "main", suite)["marts"]
    assert held and all("Permission Error" in one.observed for one in held)
    within = judge(file, "main", suite, outside)["marts"]
    assert not any("Permission Error" in one.observed for one in within)


def test_nothing_of_the_night_opens_duckdb_unlocked():
    made_up = ROOT / "orchestration" / "sample"  # which writes to where it is told to
    opens = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "orchestration").rglob("*.py")
        if made_up not in path.parents and re.search(r"\bduckdb\.connect\(", path.read_text())
    ]
    assert opens == ["orchestration/ingest/duck.py"]


# ---- a night


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A company whose folder, files, columns, sheets and cells are all named by somebody bad."""
    shop = Shop(tmp_path_factory.mktemp("evil") / EVIL_FOLDER)
    for number, name in enumerate(ODD_NAMES):
        row = f"n{number},c1,2026-01-05,paid,JPY,1\n"
        shop.deliver(f"shop/orders/{name}", HEADER + row)
    columns = HEADER.strip().split(",")
    cells = ["c1", "2026-01-05", "paid", "JPY", "1"]
    header = [*columns, *ODD_COLUMNS]

    def row(order: str) -> list[str]:
        return [order, *cells, *(f"=cell {i}" for i in range(len(ODD_COLUMNS)))]

    with shop.deliver("shop/orders/columns.csv", "").open("w", newline="") as file:
        csv.writer(file).writerows([header, row("columns")])
    pq.write_table(
        pa.table({name: [cell] for name, cell in zip(header, row("parquet"), strict=True)}),
        shop.deliver("shop/orders/columns.parquet", ""),
    )
    book = openpyxl.Workbook()
    book.active.title = """'; "x" {{ y }} --"""
    for line in (columns, ["workbook", *cells]):
        book.active.append(line)
    book.save(shop.deliver("shop/orders/sheet.xlsx", ""))
    shop.deliver("shop/orders/bad.csv", HEADER + "bad,c1,2026-01-05,paid,JPY,=1+1\n")
    return shop


@pytest.fixture(scope="module")
def evil_night(evil: Shop) -> Shop:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KIZUNA_TOKEN_KEY", KEY)
        patch.setenv("KIZUNA_VAULT_KEY", KEY)
        night(evil.folder, date(2026, 1, 10))
    return evil


def test_hostile_names_are_text(evil_night: Shop):
    loads = Ledger(evil_night.data / "ledger.sqlite").loads()
    assert {load.file: load.rows_loaded for load in loads if load.rows_loaded} == {
        f"shop/orders/{name}": 1
        for name in (*ODD_NAMES, "columns.csv", "columns.parquet", "sheet.xlsx")
    }
    beside = sorted(path.name for path in evil_night.folder.parent.iterdir())
    assert beside == [EVIL_FOLDER] and not Path("x.db").exists()


def test_dbt_reaches_raw_and_its_own_folder_alone(evil_night: Shop, outside: Path, capfd):
    company = load_company(evil_night.folder)
    dbt = Dbt(company, date(2026, 1, 10), {}, company.work / "by-hand")
    queries = [
        f"select count(*) as n from read_csv('{outside}/secret.csv')",
        "select count(*) || current_setting('TimeZone') as n from {{ source('orders', 'orders') }}",
    ]
    said = []
    for query in queries:
        dbt.run("show", "--quiet", "--output", "json", "--inline", query)
        said.append(capfd.readouterr().out)
    assert "Permission Error" in said[0] and '"n"' not in said[0]
    assert f'"n": "{len(ODD_NAMES) + 3}UTC"' in said[1]


def test_a_name_does_not_steer_the_terminal():
    name = "\x1b]0;owned\x07\x1b[2J[red]x[/blue]\x9b1m\u202e.csv"
    said = io.StringIO()
    row = Row("orders", name, 1, "total", name, "not a number", name)
    kind = Kind("orders", name, None, name, 1, "2026-01-05", "2026-01-05")
    console = Console(file=said, force_terminal=True, color_system=None, width=400)
    console.print(report.quarantined_rows([row], 1))
    console.print(report.quarantined_kinds([kind]))
    report.Terminal(console)(name, progress.WARNING)
    said.write(str(Problem(f"{name}: rejected")))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", said.getvalue())
    assert said.getvalue().count(r"\x1b]0;owned\x07\x1b[2J[red]x[/blue]\x9b1m\u202e.csv") == 7


@pytest.mark.parametrize("sign", ["'", "?", "*", "["])
def test_a_folder_that_no_night_could_read_is_refused(tmp_path: Path, sign: str):
    folder = tmp_path / f"a{sign}b"
    folder.mkdir()
    (folder / "company.yml").write_text("name: Shop\n")
    with pytest.raises(ConfigError, match="rename it"):
        load_company(folder)


# ---- what people open in a spreadsheet


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠"])
def test_a_cell_is_no_formula(tmp_path: Path, sign: str):
    path = tmp_path / "rows.csv"
    cell = f"{sign}cmd|'/c calc'!A1"
    write_csv(path, [sign + "name", "n"], [[cell, -5], [None, 1.5], ["safe", None]])
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["'" + sign + "name", "n"], ["'" + cell, "-5"], ["", "1.5"], ["safe", ""]]


def test_rows_that_were_set_aside_come_as_text(evil_night: Shop, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KIZUNA_TOKEN_KEY", KEY)
    out = evil_night.folder / "aside.csv"
    told = ["quarantine", "show", "--company", str(evil_night.folder), "--csv", str(out)]
    assert CliRunner().invoke(main, told).exit_code == 0
    with out.open(encoding="utf-8-sig", newline="") as file:
        (row,) = csv.DictReader(file)
    out.unlink()
    assert (row["file"], row["line"], row["value"]) == ("shop/orders/bad.csv", "2", "'=1+1")


def test_an_export_can_be_read_by_its_owner_alone(tmp_path: Path):
    path = tmp_path / "rows.csv"
    path.touch(mode=0o644)
    write_csv(path, ["a"], [])
    assert path.stat().st_mode & 0o077 == 0

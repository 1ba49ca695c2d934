"""Whole nights on a small made-up shop: what is published, and what nights do to one another."""

import json
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pytest
from conftest import AS_OF, Kizuna, Shop, hashes

from orchestration import running
from orchestration.company import Company, Settings, load_company
from orchestration.contract import load_contract
from orchestration.dbt import LEFT
from orchestration.ledger import Ledger, Load
from orchestration.lock import only_writer
from orchestration.night import Check, Night, Run, open_night
from orchestration.publishing import current, versions
from orchestration.settings import ROOT, serve
from orchestration.standing import HasNews

AS_OF_DATE = date.fromisoformat(AS_OF)
OF_NIGHTS = {"runs", "data_quality"}  # marts that tell of the nights themselves


@pytest.fixture(scope="module")
def killed(night: Shop, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop after a second night for the same day, which was killed."""
    folder = tmp_path_factory.mktemp("nights") / "shop"
    shutil.copytree(night.folder, folder, symlinks=True)
    command = [sys.executable, "-m", "orchestration.cli", "night"]
    command += ["--company", str(folder), "--as-of", AS_OF, "--full"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert any("judged" in line for line in running.stdout)
        running.kill()
    return Shop(folder)


@pytest.fixture(scope="module")
def left_by_killed(killed: Shop) -> tuple[dict[str, str], str]:
    """What that night left published, and which version of it is the current one."""
    return hashes(killed.data / "versions"), (killed.data / "current").resolve().name


@pytest.fixture(scope="module")
def nights(killed: Shop, left_by_killed, kizuna: Kizuna) -> Shop:
    """That shop after one more night for the same day, built anew, and one for 40 days before,
    which goes on in the warehouse of that one.
    """
    earlier = date.fromisoformat(AS_OF) - timedelta(days=40)
    for day, *how in ((AS_OF, "--full"), (earlier,)):
        result = kizuna("night", "--company", killed.folder, "--as-of", day, *how)
        assert result.exit_code == 0, result.output
        assert ("news touched purchases of" in result.output) == (day == earlier)
    return Shop(killed.folder, result.output)


def rows(shop: Shop, run: str) -> dict[str, list[tuple]]:
    """Every mart of a version, row by row in the order in which it lies there."""
    path = shop.data / "versions" / run / "kizuna.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        names = connection.sql(
            "select table_name from information_schema.tables where table_schema = 'marts'"
        ).fetchall()
        return {name: connection.sql(f"from marts.{name}").fetchall() for (name,) in names}


def test_the_morning_reads_figures_quarantine_gaps_and_the_place(night):
    assert f"As of {AS_OF}" in night.output
    assert "Net revenue" in night.output
    assert "In quarantine" in night.output
    assert "live" in night.output
    assert "current/kizuna.duckdb" in night.output.replace("\n", "")


def test_what_is_published_is_judged_and_counted(night):
    assert night.query("select status, rows_in > 0, rows_out > 0 from marts.runs") == [
        ("published", True, True)
    ]
    kinds = night.query(
        "select kind, bool_and(passed) from marts.data_quality group by 1 order by 1"
    )
    assert kinds == [("dbt", True), ("great_expectations", True)]
    assert night.query("select count(*) from marts.kpi_values where value is not null")[0][0] > 1000


def test_the_manifest_tells_where_everything_came_from(night):
    manifest = json.loads((night.data / "current" / "manifest.json").read_text())
    assert manifest["as_of_date"] == AS_OF
    assert manifest["rows"]["orders"] > 0
    files = {path["file"] for path in manifest["inputs"]}
    assert any(file.startswith("shop/orders/") for file in files)
    assert manifest["code_version"].startswith("0.1.0+")


def test_parquet_holds_the_same_rows(night):
    path = night.data / "current" / "parquet" / "kpi_values.parquet"
    with duckdb.connect() as connection:
        assert connection.sql(f"from '{path}'").fetchall() == night.query("from marts.kpi_values")


def test_no_personal_data_is_published_or_left_to_the_next_night(night, delivered):
    with duckdb.connect() as connection:
        files = f"{delivered}/landing/crm/customers/*.csv.gz"
        emails = connection.sql(
            f"select email, family_name || given_name from read_csv('{files}', all_varchar = true)"
        ).fetchall()
    plain = {text for row in emails for text in row if text and len(text) > 5}
    for file in ("current/kizuna.duckdb", f"work/{LEFT}/warehouse.duckdb"):
        content = (night.data / file).resolve().read_bytes()
        assert plain and not [text for text in plain if text.encode() in content]


def test_a_killed_night_changes_nothing(night, left_by_killed):
    assert left_by_killed == (hashes(night.data / "versions"), f"{AS_OF}-001")


def test_the_night_after_a_killed_one_makes_the_same_rows(nights):
    first, second = (rows(nights, f"{AS_OF}-00{turn}") for turn in (1, 3))
    assert first.keys() == second.keys()
    assert [name for name in first if name not in OF_NIGHTS and first[name] != second[name]] == []
    assert sorted((run, status) for run, _, status, *_ in second["runs"]) == [
        (f"{AS_OF}-001", "published"),
        (f"{AS_OF}-002", "failed"),
        (f"{AS_OF}-003", "published"),
    ]


def test_a_night_without_news_leaves_what_is_published_as_it_is_and_is_written_down(
    shop, kizuna, monkeypatch
):
    starting: list[tuple] = []
    monkeypatch.setattr(running, "_run", lambda *given: starting.append(given))
    before = hashes(shop.data / "versions")
    result = kizuna("night", "--company", shop.folder, "--as-of", AS_OF)
    assert result.exit_code == 0, result.output
    assert f"nothing is new since {AS_OF}-001" in result.output
    assert "Net revenue" in result.output
    assert not starting, "Dagster takes longer to start than to find that nothing is new"
    assert hashes(shop.data / "versions") == before
    assert [left.name for left in (shop.data / "work").iterdir()] == [LEFT]
    assert Ledger(shop.data / "ledger.sqlite").runs()[-1]["status"] == "unchanged"


def test_a_night_of_the_schedule_without_news_leaves_what_is_published_as_it_is(shop, monkeypatch):
    monkeypatch.setattr(running, "_without_news", lambda company, as_of: None)
    before = hashes(shop.data / "versions")
    outcome = running.run_night(load_company(shop.folder), AS_OF_DATE)
    assert outcome == running.Outcome(f"{AS_OF}-001", ())
    assert hashes(shop.data / "versions") == before
    assert Ledger(shop.data / "ledger.sqlite").runs()[-1]["status"] == "unchanged"


def test_what_keeps_a_night_from_opening_is_told_and_not_thrown(shop):
    with sqlite3.connect(shop.data / "ledger.sqlite") as ledger:
        ledger.execute("pragma user_version = 999")
    outcome = running.run_night(load_company(shop.folder), AS_OF_DATE)
    assert outcome.run_id is None
    assert "written by a newer release" in outcome.problems[0]


def test_anything_that_is_new_is_news(shop):
    def is_unchanged(is_full: bool = False) -> bool:
        """Once everything is landed; at a glance before, it must have been seen already."""
        serve(shop.folder)
        company = load_company(shop.folder)
        try:
            with open_night(company, AS_OF_DATE, without_news=True) as opened:
                at_a_glance = opened.is_unchanged
        except HasNews:
            at_a_glance = False
        with open_night(company, AS_OF_DATE, is_full=is_full) as opened:
            for feed in opened.landing.feeds:
                opened.load(feed)
            opened.landing.close()
            assert is_full or opened.is_unchanged == at_a_glance
            return opened.is_unchanged

    assert is_unchanged() and not is_unchanged(is_full=True)
    said = shop.folder / "company.yml"
    before = said.read_text()
    said.write_text(before + "\nmin_cell_size: 6\n")
    assert not is_unchanged()
    said.write_text(before)
    targets = shop.folder / "reference" / "kpi_targets.csv"
    targets.write_text("kpi,grain,target\norders,month,12345\n")
    assert not is_unchanged()
    targets.unlink()
    assert is_unchanged()
    delivery = shop.folder / "landing" / "shop" / "refunds" / "one_more.csv"
    delivery.write_text("refund_id,amount\n")
    assert not is_unchanged()
    delivery.unlink()
    (shop.data / "current" / "parquet" / "orders.parquet").resolve().write_bytes(b"torn")
    assert not is_unchanged()


def test_a_night_for_an_earlier_day_is_kept_aside_with_the_figures_of_then(nights):
    company = load_company(nights.folder)
    earlier = date.fromisoformat(AS_OF) - timedelta(days=40)
    assert current(company).run == f"{AS_OF}-003"
    assert "Kept aside" in nights.output
    then = rows(nights, f"{earlier}-001")
    assert {row[-1] for row in then["kpi_values"]} == {earlier}
    assert 0 < len(then["orders"]) < len(rows(nights, f"{AS_OF}-003")["orders"])


def test_a_finished_period_of_an_old_day_has_the_figures_of_the_new(nights):
    """Net revenue of a month long over: rows are decided by what happened, not by when one asks."""
    earlier = date.fromisoformat(AS_OF) - timedelta(days=40)

    def revenue(run: str) -> dict:
        return {
            row[2]: row[7]
            for row in rows(nights, run)["kpi_values"]
            if row[:2] == ("orders", "month") and row[3] == "overall" and row[12]
        }

    then, now = revenue(f"{earlier}-001"), revenue(f"{AS_OF}-003")
    assert then and then.items() <= now.items()


def test_an_earlier_day_is_after_newer_nights_what_it_is_in_a_fresh_folder(
    nights, delivered, tmp_path, kizuna
):
    earlier = date.fromisoformat(AS_OF) - timedelta(days=40)
    fresh = Shop(tmp_path / "shop")
    shutil.copytree(delivered, fresh.folder)
    result = kizuna("night", "--company", fresh.folder, "--as-of", earlier)
    assert result.exit_code == 0, result.output
    then, again = (rows(shop, f"{earlier}-001") for shop in (fresh, nights))
    # tokens are made with each folder's own secret
    others = OF_NIGHTS | {"quarantined_rows", "kpi_restatements", "person_ids", "person_links"}
    assert then.keys() == again.keys()
    assert [name for name in then if name not in others and then[name] != again[name]] == []


def test_dagster_knows_how_many_rows_a_table_has(night):
    import dagster as dg

    ((orders,),) = night.query("select count(*) from marts.orders")
    with dg.DagsterInstance.from_config(str(night.data / "dagster")) as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey(["marts", "orders"]))
    assert event.asset_materialization.metadata["dagster/row_count"].value == orders > 0


def test_dagster_knows_every_run(nights):
    import dagster as dg

    with dg.DagsterInstance.from_config(str(nights.data / "dagster")) as instance:
        runs = instance.get_runs()
        key = dg.AssetKey(["published", "marts"])
        assert sorted(run.is_success for run in runs) == [False, True, True, True]
        assert len(instance.get_materialized_partitions(key)) == 2


def test_another_night_is_named_and_nothing_is_touched(shop, kizuna):
    company = load_company(shop.folder)
    before = hashes(company.versions)
    with only_writer(company.lock) as name:
        name("2026-06-30-007")
        result = kizuna("night", "--company", shop.folder, "--as-of", AS_OF)
        outcome = running.run_night(company, date.fromisoformat(AS_OF))
    assert result.exit_code == 3
    assert "run 2026-06-30-007" in result.output and "process " in result.output
    assert outcome.is_locked and "run 2026-06-30-007" in outcome.problems[0]
    assert hashes(company.versions) == before


def test_what_a_killed_night_left_is_swept_and_written_down(shop, kizuna):
    serve(shop.folder)
    with sqlite3.connect(shop.data / "ledger.sqlite") as ledger:
        ledger.execute(
            "insert into runs (run_id, as_of_date, status, started_at)"
            " values ('2026-06-30-002', '2026-06-30', 'running', '2026-07-01T00:00:00')"
        )
    import dagster as dg

    home = str(shop.data / "dagster")
    with dg.DagsterInstance.from_config(home) as instance:
        killed = instance.create_run_for_job(
            running._nightly((), False),
            status=dg.DagsterRunStatus.STARTED,
            tags={"kizuna/process": str(2**22 + 1)},
        )
    left = shop.data / "work" / "2026-06-30-002"
    torn = shop.data / "versions" / "2026-06-30-002.tmp"
    for folder in (left, torn):
        folder.mkdir(parents=True)
    (torn / "kizuna.duckdb").write_bytes(b"torn")
    broken = shop.folder / "landing" / "shop" / "orders" / "broken.csv.gz"
    broken.write_bytes(b"not gzip")
    result = kizuna("night", "--company", shop.folder, "--as-of", AS_OF)
    assert result.exit_code == 1 and "broken.csv.gz" in result.output
    assert not left.exists() and not torn.exists()
    with sqlite3.connect(shop.data / "ledger.sqlite") as ledger:
        known = dict(ledger.execute("select run_id, status from runs").fetchall())
    assert known == {
        "2026-06-30-001": "published",
        "2026-06-30-002": "failed",
        "2026-06-30-003": "failed",
    }
    with dg.DagsterInstance.from_config(home) as instance:
        assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.FAILURE


def test_the_version_before_can_be_made_current_again(nights, tmp_path, kizuna):
    folder = tmp_path / "shop"
    shutil.copytree(nights.folder, folder, symlinks=True)
    company = load_company(folder)
    result = kizuna("rollback", "--company", folder)
    assert result.exit_code == 0 and f"{AS_OF}-001" in result.output
    assert current(company).run == f"{AS_OF}-001"
    assert len(versions(company)) == 3


def test_every_feed_is_an_asset_and_every_border_is_guarded():
    import dagster as dg

    from orchestration.definitions import defs

    definitions = defs()
    graph = definitions.resolve_asset_graph()
    raw = {key for key in graph.get_all_asset_keys() if key.path[0] == "raw"}
    feeds = {dg.AssetKey(["raw", feed.source, feed.name]) for feed in load_contract()}
    assert len(feeds) == 31
    assert {key for key in raw if key.path[1] != "ledger"} == feeds
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.group_name != "default" and node.owners and node.kinds, key
        assert node.description, key
        assert node.partitions_def is not None, key
    checks = {key for key in graph.asset_check_keys if key.name == "great_expectations"}
    assert {key.asset_key for key in checks} >= feeds
    assert dg.AssetKey(["marts", "kpi_values"]) in {key.asset_key for key in checks}


def test_the_schedule_runs_every_missed_night_at_two_in_the_business_zone():
    """In New York, where two does not exist on 9 March and one comes twice on 2 November."""
    ticks = {
        "2025-03-08T02:00-05:00": "2025-03-07",
        "2025-03-09T03:00-04:00": "2025-03-08",
        "2025-03-10T02:00-04:00": "2025-03-09",
        "2025-11-02T02:00-05:00": "2025-11-01",
        "2025-11-03T02:00-05:00": "2025-11-02",
    }
    # Dagster's definitions are of one company: that of the process, which here served others.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
        done = fresh.submit(scheduled, ROOT / "tests" / "companies" / "new_york", list(ticks))
        cron, zone, status, days = done.result()
    assert (cron, zone, status) == ("0 2 * * *", "America/New_York", "RUNNING")
    assert days == list(ticks.values())


def scheduled(company: Path, ticks: list[str]) -> tuple[str, str, str, list[str]]:
    """The schedule's hour, zone and first status, and the day that it asks for at each tick."""
    serve(company)
    import dagster as dg

    from orchestration.definitions import defs

    schedule = defs().resolve_schedule_def("nightly_schedule")
    days = []
    with dg.DagsterInstance.ephemeral() as instance:
        for tick in ticks:
            context = dg.build_schedule_context(
                instance=instance,
                scheduled_execution_time=datetime.fromisoformat(tick),
                repository_def=defs().get_repository_def(),
            )
            (request,) = schedule.evaluate_tick(context).run_requests
            days.append(request.partition_key)
    return (
        schedule.cron_schedule,
        schedule.execution_timezone,
        schedule.default_status.value,
        days,
    )


def test_a_feed_that_came_every_day_and_is_missing_is_an_alarm(tmp_path):
    company = Company(tmp_path, Settings(), {})
    ledger = Ledger(company.ledger)
    for number, day in enumerate(["06-01", "06-02", "06-04", "06-05"], start=1):
        at = datetime.fromisoformat(f"2026-{day}T15:00:00")  # midnight in Tokyo, a day later
        common = {"source": "orders", "recipe": "", "sha256": str(number), "delivered_at": at}
        often = Load(number, f"{number}-a", "shop", feed="orders", file=f"{number}.csv", **common)
        once = Load(
            number + 10, f"{number}-b", "crm", feed="products", file=f"{number}.csv", **common
        )
        ledger.open_night(at, at.date(), "earlier")
        ledger.record_loads(at, "earlier", [(often, [])] + ([(once, [])] if number == 1 else []))

    def alarms(as_of: str) -> tuple[list[str], list[Check]]:
        run = Run("now", date.fromisoformat(as_of), "running", datetime(2026, 1, 1), "0")
        night = Night(company, ledger, run, 1)
        return night.overdue(), night.checks

    assert alarms("2026-06-07")[0] == []
    said, (check,) = alarms("2026-06-08")
    assert said == ["shop/orders: nothing since 2026-06-06, 2 days are usual"]
    assert (check.passed, check.severity, check.kind) == (False, "warn", "freshness")

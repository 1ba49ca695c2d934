"""The two services of deploy/, really started: they come up, see what they missed, and end."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from dagster._core.scheduler.instigation import ScheduleInstigatorData
from faults.fixtures import Seen
from faults.small_night import KEY, night, orders
from live_sources import Wire, free_port
from postgres_server import server

from orchestration.company import load_company
from orchestration.history import DAGSTER_YAML
from orchestration.ledger import Ledger
from orchestration.lock import holder
from orchestration.publishing import find, verify
from orchestration.settings import ROOT, environment

pytestmark = pytest.mark.faults

DEPLOY = ROOT / "deploy"
COMMANDS = yaml.safe_load((DEPLOY / "compose.yml").read_text(encoding="utf-8"))["services"]
PASSWORD = "s3cret"
PATIENCE = 3600  # seconds for nights on a busy machine
LOOKS_EVERY = 10  # seconds, and more than the daemon's
DAY = timedelta(days=1)


class Installed:
    """A company folder, and the services as deploy/ starts them for it."""

    def __init__(self, folder: Path, port: int | None = None):
        self.folder, self.pages = folder, free_port()
        path = folder / "landing" / "shop" / "orders" / "a.csv"
        path.parent.mkdir(parents=True)
        path.write_text(orders(0, 30), encoding="utf-8")
        # where it is about noon, and no night falls due while this runs
        zone = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"
        (folder / "company.yml").write_text(f"business_timezone: {zone}\n")
        self.company = load_company(folder)
        self.home = self.company.data / "dagster"
        self.home.mkdir(parents=True)
        history = DAGSTER_YAML
        if port:
            history = (DEPLOY / "dagster.yaml").read_text(encoding="utf-8")
        (self.home / "dagster.yaml").write_text(history.replace("5433", str(port)))
        given = (DEPLOY / "kizuna.env").read_text(encoding="utf-8").splitlines()
        named = dict(line.split("=", 1) for line in given if line and not line.startswith("#"))
        self.environment = environment(**named) | {
            "KIZUNA_COMPANY": str(folder),
            "DAGSTER_HOME": str(self.home),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(folder.parent / "cache")),
            "KIZUNA_TOKEN_KEY": KEY,
            "KIZUNA_VAULT_KEY": KEY,
            "POSTGRES_PASSWORD": PASSWORD,
        }
        self.environment.pop("PYTHONPYCACHEPREFIX")

    @contextlib.contextmanager
    def running(self, *names: str) -> Iterator[None]:
        """The services, in process groups of their own; killed with all they started."""
        started = []
        try:
            for name in names:
                log = (self.folder.parent / f"{name}.log").open("a")
                command = COMMANDS[name]["command"].replace("-p 3000", f"-p {self.pages}")
                started.append(
                    subprocess.Popen(
                        command.split(),
                        env=self.environment,
                        cwd=ROOT,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                    )
                )
            yield
            assert [one.poll() for one in started] == [None] * len(started)
        finally:
            for one in started:
                os.killpg(one.pid, signal.SIGKILL)
                one.wait()

    def said(self, name: str) -> str:
        return (self.folder.parent / f"{name}.log").read_text()

    @contextlib.contextmanager
    def history(self) -> Iterator:
        import dagster as dg

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("POSTGRES_PASSWORD", PASSWORD)
            with dg.DagsterInstance.from_config(str(self.home)) as instance:
                yield instance

    def nights(self) -> list[tuple[str, str]]:
        """Day and end of each night that the ledger knows."""
        if not self.company.ledger.is_file():
            return []
        return [(run["as_of_date"], run["status"]) for run in Ledger(self.company.ledger).runs()]

    def ended(self) -> dict[str, str]:
        """How each run came out, by day, for Dagster's records: those that came to an end."""
        with self.history() as instance:
            return {
                run.tags["dagster/partition"]: run.status.value
                for run in instance.get_runs()
                if run.is_finished
            }

    def pages_tell(self) -> dict[str, str]:
        """The same by the pages that a person sees."""
        asked = "{ runsOrError { ... on Runs { results { status tags { key value } } } } }"
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.pages}/graphql",
            json.dumps({"query": asked}).encode(),
            {"Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                runs = json.load(answer)["data"]["runsOrError"]["results"]
        except OSError:  # not up yet
            return {}
        tags = [{tag["key"]: tag["value"] for tag in run["tags"]} for run in runs]
        return {
            tag["dagster/partition"]: run["status"] for tag, run in zip(tags, runs, strict=True)
        }

    def current(self) -> str:
        """The day that is published, its files held to their manifest."""
        version = find(self.company)
        verify(version)
        return version.as_of.isoformat()

    def states(self, instance) -> list:
        """What Dagster's records have of the schedule; nothing before a daemon has seen it."""
        return [
            state
            for state in instance.all_instigator_state()
            if isinstance(state.instigator_data, ScheduleInstigatorData)
        ]

    def daemon_comes_up(self) -> None:
        """Until the daemon knows of the schedule and looks for what it is to run."""
        began = time.time()

        def looked() -> bool:
            with self.history() as instance:
                beats = instance.get_daemon_heartbeats()
                last = beats["SCHEDULER"].timestamp if "SCHEDULER" in beats else 0
                return bool(self.states(instance)) and last > began + LOOKS_EVERY

        until(looked)

    def small_night(self, day: date) -> None:
        """A version for that day, in a second: the first one, which nobody misses."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("KIZUNA_TOKEN_KEY", KEY)
            patch.setenv("KIZUNA_VAULT_KEY", KEY)
            night(self.folder, day)

    def miss(self, nights: int) -> list[str]:
        """Publish the day before as many nights, and have Dagster's records say that the schedule
        runs for as long; their days.
        """
        now = datetime.now(self.company.zone)
        self.small_night((now - (1 + nights) * DAY).date())
        with self.history() as instance:
            (state,) = self.states(instance)
            cron, since = state.instigator_data.cron_schedule, now - nights * DAY
            told = ScheduleInstigatorData(cron, since.timestamp())
            instance.update_instigator_state(state.with_data(told))
        return [f"{now - (1 + ago) * DAY:%Y-%m-%d}" for ago in reversed(range(nights + 1))]


def until(is_so: Callable[[], object], patience: float = PATIENCE):
    """Wait until something is so, and say what it is."""
    end = time.monotonic() + patience
    while not (found := is_so()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(1)
    return found


def test_a_daemon_that_was_down_for_three_nights_runs_each_once(tmp_path: Path, seen: Seen):
    shop = Installed(tmp_path / "shop")
    with shop.running("daemon"):
        shop.daemon_comes_up()
    assert shop.nights() == []
    days = shop.miss(3)
    assert shop.nights() == [(days[0], "published")]
    began = time.monotonic()
    with shop.running("daemon"):
        until(lambda: shop.ended().keys() == {*days[1:]})
        took = time.monotonic() - began
    assert shop.nights() == [(day, "published") for day in days], shop.said("daemon")
    with shop.running("daemon"):
        shop.daemon_comes_up()
    assert [day for day, _ in shop.nights()] == days
    assert shop.current() == days[-1]
    seen("three nights by the daemon, once each", took)


def test_pages_and_daemon_on_postgresql_killed_in_a_night_go_on_with_the_next(
    tmp_path: Path, seen: Seen
):
    pytest.importorskip("dagster_postgres")
    with server(tmp_path / "server", "dagster", PASSWORD) as (admin, socket):
        admin.execute("create database dagster owner dagster")
        wire = Wire(socket)
        shop = Installed(tmp_path / "shop", wire.port)
        with shop.running("daemon"):
            shop.daemon_comes_up()
        days = shop.miss(2)
        with shop.running("daemon", "webserver"):
            until(lambda: [*shop.company.work.glob("20*/warehouse.duckdb")])
        assert shop.nights() == [(days[0], "published"), (days[1], "running")]
        until(lambda: not holder(shop.company.lock), 30)
        began = time.monotonic()
        with shop.running("daemon", "webserver"):
            until(lambda: shop.ended().keys() == {*days[1:]})
            took = time.monotonic() - began
            told = until(shop.pages_tell)
        assert told == {days[1]: "FAILURE", days[2]: "SUCCESS"}
        statuses = ("published", "failed", "published")
        assert shop.nights() == list(zip(days, statuses, strict=True))
        assert shop.current() == days[-1]
        wire.close()
    seen("daemon and its night killed; the dead run closed, the next night published", took)

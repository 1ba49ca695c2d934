"""What the assets ask for by name: the night that they are part of."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import dagster as dg

from orchestration import progress
from orchestration.alerting.sending import send
from orchestration.alerting.words import not_begun, of_night
from orchestration.company import load_company
from orchestration.dbt import standby
from orchestration.hastening import hasten
from orchestration.live.readiness import refuse_unready
from orchestration.lock import LockHeld
from orchestration.night import Night, open_night
from orchestration.running import problems_in
from orchestration.settings import company_folder
from orchestration.validation import great_expectations

FIRST_DAY = "2000-01-01"  # no export reaches further back
PARTITION, PROCESS = "dagster/partition", "kizuna/process"  # tags of a run
WAIT_SECONDS = 6 * 3600  # a scheduled night waits for the one before it, and not for ever

hasten()
zone = load_company(company_folder()).settings.business_timezone
days = dg.DailyPartitionsDefinition(FIRST_DAY, timezone=zone)


@dg.resource(
    config_schema={
        "wait_seconds": dg.Field(float, default_value=float(WAIT_SECONDS)),
        "is_full": dg.Field(
            bool, default_value=False, description="Build even where nothing is new."
        ),
    }
)
def night(context: dg.InitResourceContext) -> Iterator[Night]:
    """The run's night: holds the lock while the run lasts."""
    run = context.run
    if run is None or PARTITION not in run.tags:
        raise dg.Failure("A night needs a business date: choose one partition.")
    if context.instance:
        context.instance.add_run_tags(run.run_id, {PROCESS: named(os.getpid())})
    company, day = load_company(company_folder()), date.fromisoformat(run.tags[PARTITION])
    refuse_unready(company)
    wait, is_full = (context.resource_config[name] for name in ("wait_seconds", "is_full"))
    with ExitStack() as stack:
        try:
            night = open_night(
                company,
                day,
                wait,
                lambda holder: progress.done(f"waiting for {holder}"),
                is_full,
            )
            opened = stack.enter_context(night)
        except Exception as error:
            if wait or not isinstance(error, LockHeld):  # else somebody sits before it
                send(company, [not_begun(company, day, error)])
            raise
        if context.instance:
            fail_the_dead(context.instance)
        # they take seconds to import, and are wanted only after the files are landed
        opened.dbt_process = stack.enter_context(standby())
        threading.Thread(target=great_expectations).start()
        yield opened
    if context.instance:
        logged = context.instance.all_logs(run.run_id)
        events = [entry.dagster_event for entry in logged if entry.dagster_event]
        send(company, of_night(opened, problems_in(events)[0]))


def fail_the_dead(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed what Dagster still takes for running though its process is gone; its ids."""
    dead = []
    going = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    for run in instance.get_runs(going):
        process, _, _ = (known := run.tags.get(PROCESS, "")).partition(" ")
        if process and (not _lives(int(process)) or named(int(process)) != known):
            instance.report_run_failed(run, f"Process {process} is gone: it was killed.")
            dead.append(run.run_id)
    return dead


def named(process: int) -> str:
    """A process by its number and, where that can be seen, its start: in a container that was
    started again, or after a reboot, the same numbers are soon given again.
    """
    try:
        known = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return str(process)
    return f"{process} since {known.rpartition(')')[2].split()[19]}"  # proc(5): starttime


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(resources={"night": night})

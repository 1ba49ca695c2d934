"""What the assets ask for by name: the night that they are part of."""

import os
from collections.abc import Iterator
from datetime import date

import dagster as dg

from orchestration import progress
from orchestration.company import load_company
from orchestration.history import hasten
from orchestration.live.readiness import refuse_unready
from orchestration.night import Night, open_night
from orchestration.settings import company_folder

FIRST_DAY = "2000-01-01"  # no export reaches further back
PARTITION, PROCESS = "dagster/partition", "kizuna/process"  # tags of a run
WAIT_SECONDS = 6 * 3600  # a scheduled night waits for the one before it, and not for ever

hasten()
zone = load_company(company_folder()).settings.business_timezone
days = dg.DailyPartitionsDefinition(FIRST_DAY, timezone=zone)


@dg.resource(config_schema={"wait_seconds": dg.Field(float, default_value=float(WAIT_SECONDS))})
def night(context: dg.InitResourceContext) -> Iterator[Night]:
    """The run's night: holds the lock while the run lasts."""
    run = context.run
    if run is None or PARTITION not in run.tags:
        raise dg.Failure("A night needs a business date: choose one partition.")
    if context.instance:
        context.instance.add_run_tags(run.run_id, {PROCESS: str(os.getpid())})
    company = load_company(company_folder())
    refuse_unready(company)
    with open_night(
        company,
        date.fromisoformat(run.tags[PARTITION]),
        context.resource_config["wait_seconds"],
        lambda holder: progress.done(f"waiting for {holder}"),
    ) as opened:
        if context.instance:
            fail_the_dead(context.instance)
        yield opened


def fail_the_dead(instance: dg.DagsterInstance) -> None:
    """Mark as failed what Dagster still takes for running though its process is gone."""
    going = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    for run in instance.get_runs(going):
        process = run.tags.get(PROCESS)
        if process and not _lives(int(process)):
            instance.report_run_failed(run, f"Process {process} is gone: it was killed.")


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

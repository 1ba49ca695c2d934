"""The night: land what came, build the warehouse, check it, publish it, at two in the morning."""

from datetime import date, timedelta

import dagster as dg

from orchestration.company import load_company
from orchestration.defs.resources import PARTITION, days
from orchestration.publishing import current
from orchestration.settings import company_folder

CAUGHT_UP = 7  # missed nights at most; who was away for longer says `kizuna catch-up`
DAY = timedelta(days=1)

nightly = dg.define_asset_job(
    "nightly",
    selection="*",
    partitions_def=days,
    executor_def=dg.in_process_executor,
    description="One night for one business date: everything, or nothing that a reader sees.",
)


@dg.schedule(
    name="nightly_schedule",
    job=nightly,
    cron_schedule="0 2 * * *",
    execution_timezone=days.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
def at_two(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
    """The night of the day that is over, and before it those that were missed.

    A daemon that was down gets the last of its ticks alone.
    """
    last = context.scheduled_execution_time.date() - DAY
    wanted = [day.isoformat() for day in [*missed(context, last), last]]
    return [dg.RunRequest(run_key=day, partition_key=day) for day in wanted]


def missed(context: dg.ScheduleEvaluationContext, last: date) -> list[date]:
    """The days since the published one, but for the last, of which no night was begun."""
    published = current(load_company(company_folder()))
    if published is None:
        return []
    first = max(published.as_of + DAY, last - (CAUGHT_UP - 1) * DAY)
    since = [first + number * DAY for number in range((last - first).days)]
    return [day for day in since if not context.instance.get_runs_count(of(day))]


def of(day: date) -> dg.RunsFilter:
    return dg.RunsFilter(job_name=nightly.name, tags={PARTITION: day.isoformat()})


@dg.definitions
def schedules() -> dg.Definitions:
    return dg.Definitions(
        jobs=[nightly],
        executor=dg.in_process_executor,
        schedules=[at_two],
    )

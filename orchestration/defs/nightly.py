"""The night: land what came, build the warehouse, check it, publish it, at two in the morning."""

import dagster as dg

from orchestration.defs.resources import days

nightly = dg.define_asset_job(
    "nightly",
    selection="*",
    partitions_def=days,
    executor_def=dg.in_process_executor,
    description="One night for one business date: everything, or nothing that a reader sees.",
)


@dg.definitions
def schedules() -> dg.Definitions:
    return dg.Definitions(
        jobs=[nightly],
        executor=dg.in_process_executor,
        schedules=[
            dg.build_schedule_from_partitioned_job(
                nightly, hour_of_day=2, default_status=dg.DefaultScheduleStatus.RUNNING
            )
        ],
    )

"""Watching: what nobody would hear of from a night itself, for it died or never began."""

from datetime import datetime

import dagster as dg

from orchestration.alerting.sending import send
from orchestration.alerting.words import not_fresh
from orchestration.company import load_company
from orchestration.defs.resources import fail_the_dead
from orchestration.settings import company_folder

MINUTE = 60


@dg.sensor(minimum_interval_seconds=MINUTE, default_status=dg.DefaultSensorStatus.RUNNING)
def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Close runs without a living process: one at a time may run, and they would keep the next
    from beginning.
    """
    closed = fail_the_dead(context.instance)
    return dg.SkipReason(f"closed {len(closed)} dead runs" if closed else "no run is dead")


@dg.sensor(minimum_interval_seconds=5 * MINUTE, default_status=dg.DefaultSensorStatus.RUNNING)
def no_fresh_marts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Once a day, tell that the marts of the day before are not there when they should be."""
    company = load_company(company_folder())
    now = datetime.now(company.zone)
    late = not_fresh(company, now)
    if late is None or context.cursor == now.date().isoformat():
        return dg.SkipReason(late.title if late else "the marts are as fresh as they should be")
    failed = send(company, [late])
    if not failed:
        context.update_cursor(now.date().isoformat())
    return dg.SkipReason("; ".join([late.title, *failed]))


@dg.definitions
def watch() -> dg.Definitions:
    return dg.Definitions(sensors=[dead_runs, no_fresh_marts])

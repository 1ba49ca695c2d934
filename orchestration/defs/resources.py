"""What the assets ask for by name: the night that they are part of."""

from collections.abc import Iterator
from datetime import date

import dagster as dg

from orchestration import progress
from orchestration.company import load_company
from orchestration.history import hasten
from orchestration.night import Night, open_night
from orchestration.settings import company_folder

FIRST_DAY = "2000-01-01"  # no export reaches further back
WAIT_SECONDS = 6 * 3600  # a scheduled night waits for the one before it, and not for ever

hasten()
zone = load_company(company_folder()).settings.business_timezone
days = dg.DailyPartitionsDefinition(FIRST_DAY, timezone=zone)


@dg.resource(config_schema={"wait_seconds": dg.Field(float, default_value=float(WAIT_SECONDS))})
def night(context: dg.InitResourceContext) -> Iterator[Night]:
    """The run's night: holds the lock while the run lasts."""
    tags = context.run.tags if context.run else {}
    if "dagster/partition" not in tags:
        raise dg.Failure("A night needs a business date: choose one partition.")
    with open_night(
        load_company(company_folder()),
        date.fromisoformat(tags["dagster/partition"]),
        context.resource_config["wait_seconds"],
        lambda holder: progress.done(f"waiting for {holder}"),
    ) as opened:
        yield opened


@dg.definitions
def resources() -> dg.Definitions:
    return dg.Definitions(resources={"night": night})

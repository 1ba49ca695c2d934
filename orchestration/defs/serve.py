"""Serving: the published marts as PostgreSQL shows them, where company.yml names a server."""

import dagster as dg

from orchestration import progress
from orchestration.company import load_company
from orchestration.defs.publish import published_marts
from orchestration.defs.resources import days
from orchestration.night import Night
from orchestration.serving.served import ASSET, CHECK
from orchestration.settings import company_folder

KEY = dg.AssetKey(ASSET.split("/"))
CURRENT = CHECK.replace(" ", "_")


@dg.asset(
    key=KEY,
    deps=[published_marts],
    check_specs=[dg.AssetCheckSpec(CURRENT, asset=KEY)],
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.multi_run(),
    group_name="served",
    kinds={"postgres"},
    owners=["team:kizuna"],
)
def served_marts(night: dg.ResourceParam[Night]) -> dg.MaterializeResult:
    """Every current mart in PostgreSQL. That it cannot be shown there stops nothing."""
    progress.doing("publishing to PostgreSQL")
    served = night.serve()
    if served is None:  # company.yml has changed since this process started
        passed = dg.AssetCheckResult(passed=True, check_name=CURRENT)
        return dg.MaterializeResult(check_results=[passed])
    if served.problem:
        progress.warn(served.problem)
    else:
        progress.done(str(served))
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": served.rows,
            "shown": served.shown or "unknown",
            "seconds": served.seconds,
            "attempts": served.attempts,
        },
        check_results=[
            dg.AssetCheckResult(
                passed=served.problem is None,
                check_name=CURRENT,
                severity=dg.AssetCheckSeverity.WARN,
                description=served.problem,
            )
        ],
    )


@dg.definitions
def serve() -> dg.Definitions:
    is_served = load_company(company_folder()).serving.postgres is not None
    return dg.Definitions(assets=[served_marts] if is_served else [])

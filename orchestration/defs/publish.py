"""Publishing: the marts as BI sees them, current from one moment to the next."""

import dagster as dg

from orchestration import progress
from orchestration.defs.resources import days
from orchestration.defs.warehouse import marts
from orchestration.night import Night


@dg.asset(
    key=["published", "marts"],
    deps=[dg.AssetKey(["marts", mart.name]) for mart in marts],
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.multi_run(),
    group_name="published",
    kinds={"duckdb", "parquet"},
    owners=["team:kizuna"],
)
def published_marts(night: dg.ResourceParam[Night]) -> dg.MaterializeResult:
    """Every mart, as one version in DuckDB and Parquet."""
    progress.doing("publishing")
    version = night.publish(marts)
    rows = version.manifest["rows"]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(rows.values()),
            "rows": dg.MetadataValue.json(rows),
            "version": dg.MetadataValue.path(version.folder),
            "is_current": version.is_current,
        }
    )


@dg.definitions
def publish() -> dg.Definitions:
    return dg.Definitions(assets=[published_marts])

"""Live sources: one asset per folder that is fetched, before anything is landed."""

from collections.abc import Iterator

import dagster as dg

from orchestration import progress
from orchestration.company import Company, load_company
from orchestration.defs.resources import days
from orchestration.live.fetching import live_folders
from orchestration.live.memory import CHECK, Fetched
from orchestration.night import Night
from orchestration.settings import company_folder

REACHED = CHECK.replace(" ", "_")


def fetched_key(system: str, folder: str) -> dg.AssetKey:
    return dg.AssetKey(["fetched", system, folder])


def _result(seen: Fetched) -> dg.MaterializeResult:
    key = fetched_key(seen.system, seen.folder)
    return dg.MaterializeResult(
        asset_key=key,
        metadata={
            "dagster/row_count": seen.rows,
            "files": dg.MetadataValue.json(seen.files),
            "cursor": seen.cursor or "none",
            "seconds": seen.seconds,
            "attempts": seen.attempts,
            "last_fetched_as_of": str(seen.last or "never"),
        },
        check_results=[
            dg.AssetCheckResult(
                passed=seen.problem is None,
                asset_key=key,
                check_name=REACHED,
                severity=dg.AssetCheckSeverity.ERROR
                if seen.is_required
                else dg.AssetCheckSeverity.WARN,
                description=seen.problem,
            )
        ],
    )


def _fetch(company: Company, system: str, folder: str) -> dg.AssetsDefinition:
    """One folder. That it cannot be fetched stops nothing here: the other feeds are loaded."""
    source = company.systems[system].fetch
    assert source
    key = fetched_key(system, folder)

    @dg.multi_asset(
        name=f"fetch_{system}_{folder}".replace("-", "_").replace(".", "_"),
        specs=[
            dg.AssetSpec(
                key,
                group_name="fetched",
                kinds={source.kind},
                owners=["team:kizuna"],
                description=f"What is new at {source.place}, as files in landing/.",
            )
        ],
        check_specs=[dg.AssetCheckSpec(REACHED, asset=key)],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.multi_run(),
        op_tags={"dagster/priority": "1"},  # landing looks once, after all is fetched
    )
    def fetch(night: dg.ResourceParam[Night]) -> Iterator[dg.MaterializeResult]:
        progress.doing(f"fetching {system}/{folder}")
        seen = night.fetch(system, folder)
        for warning in seen.warnings:
            progress.warn(f"{seen.name}: {warning}")
        if seen.problem:
            progress.warn(f"{seen.name}: {seen.problem}")
        else:
            what = f"{seen.rows:,} rows" if seen.rows else f"{len(seen.files):,} files"
            progress.done(f"fetched {seen.name}: {what}" if seen.files else f"fetched {seen.name}")
        yield _result(seen)

    return fetch


@dg.definitions
def live() -> dg.Definitions:
    company = load_company(company_folder())
    return dg.Definitions(assets=[_fetch(company, *place) for place in live_folders(company)])

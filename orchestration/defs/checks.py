"""Great Expectations at both borders: a suite that fails stops the night where it stands."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from orchestration import progress
from orchestration.defs.sources import FEEDS, key
from orchestration.night import Night
from orchestration.steps import reach
from orchestration.validation import MART_SUITES, NAME, RAW_SUITES, Judgement, judge

RAW = {suite: feed for feed in FEEDS if (suite := f"raw_{feed.source}_{feed.name}") in RAW_SUITES}


def _spec(asset: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        NAME, asset=asset, blocking=True, description="Every line of its module in expectations/."
    )


def _result(
    night: Night, asset: dg.AssetKey, name: str, judgements: Sequence[Judgement]
) -> dg.AssetCheckResult:
    """One suite's outcome, for Dagster and for the ledger."""
    failed = [str(judgement) for judgement in judgements if not judgement.passed]
    for seen in judgements:
        night.check(
            name, seen.check, NAME, seen.passed, observed=seen.observed, expected=seen.expected
        )
    return dg.AssetCheckResult(
        passed=not failed,
        asset_key=asset,
        check_name=NAME,
        description="\n".join(failed) or None,
        metadata={
            "failed": dg.MetadataValue.json(failed),
            "observed": dg.MetadataValue.json({one.check: one.observed for one in judgements}),
        },
    )


def _said(what: str, judgements: Mapping[str, Sequence[Judgement]]) -> str:
    judged = [one for suite in judgements.values() for one in suite]
    failed = sum(not one.passed for one in judged)
    return f"judged {len(judgements)} {what} by {len(judged)} expectations, {failed} failed"


def _asked(context: dg.AssetCheckExecutionContext) -> set[dg.AssetKey]:
    return {check.asset_key for check in context.selected_asset_check_keys}


@dg.multi_asset_check(
    name="judge_raw",
    specs=[_spec(key(feed.source, feed.name)) for feed in RAW.values()],
    can_subset=True,
)
def judge_raw(
    context: dg.AssetCheckExecutionContext, night: dg.ResourceParam[Night]
) -> Iterator[dg.AssetCheckResult]:
    """Judge what this night loaded, before the warehouse reads it."""
    progress.doing("judging what was landed")
    file = night.folder / "loaded.duckdb"
    loaded = [view for view in night.view_loaded(file) if view in RAW]
    judgements = {}
    if loaded:
        judgements = judge(file, "main", {view: view for view in loaded}, night.company.raw)
    progress.done(_said("feeds", judgements))
    for view, feed in RAW.items():
        if key(feed.source, feed.name) in _asked(context):
            name = f"raw/{feed.source}/{feed.name}"
            yield _result(night, key(feed.source, feed.name), name, judgements.get(view, []))


@dg.multi_asset_check(
    name="judge_marts",
    specs=[_spec(dg.AssetKey(["marts", mart])) for mart in MART_SUITES],
    can_subset=True,
)
def judge_marts(
    context: dg.AssetCheckExecutionContext, night: dg.ResourceParam[Night]
) -> Iterator[dg.AssetCheckResult]:
    """Judge the marts as just built, before anyone else may read them."""
    progress.doing("judging the marts")
    asked = _asked(context)
    suites = {mart: mart for mart in MART_SUITES if dg.AssetKey(["marts", mart]) in asked}
    judgements = judge(night.dbt.warehouse, "marts", suites)
    progress.done(_said("marts", judgements))
    reach("marts judged")
    for mart in suites:
        yield _result(night, dg.AssetKey(["marts", mart]), mart, judgements[mart])


@dg.definitions
def checks() -> dg.Definitions:
    return dg.Definitions(asset_checks=[judge_raw, judge_marts])

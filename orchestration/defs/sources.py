"""Sources: one asset per feed of the contract, and the ledger that tells of their arrival."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

import dagster as dg

from orchestration import progress
from orchestration.company import load_company
from orchestration.contract import Feed, load_contract
from orchestration.dbt import manifest
from orchestration.defs.live import fetched_key
from orchestration.defs.resources import days
from orchestration.ingest.drift import Compared
from orchestration.landing import FeedReport, LandingError
from orchestration.linking import FIRST, TABLE, Linked, link_persons
from orchestration.live.fetching import live_folders
from orchestration.live.readiness import feeds_of
from orchestration.night import Night
from orchestration.privacy.files import CannotRewrite
from orchestration.privacy.nightly import keep_promises, let_nobody_back
from orchestration.settings import company_folder
from orchestration.steps import reach

FEEDS = load_contract()
LEDGER = {
    "loads": "One row per load, which is one delivered file of one feed.",
    "quarantined_rows": "One row per reason for which a delivered row was set aside.",
    "erasures": "One row per request that was followed, and per night and feed of retention.",
    "runs": "One row per night before this one.",
    "checks": "One row per check and night before this one.",
    "published_values": "One row per KPI, grain, period and cut of the last published night.",
    "published_definitions": "One row per KPI of the last published night, with its definition.",
    "published_person_ids": "One row per person and id of the last published night.",
    "published_loads": "One row per load that the last published night was made of.",
}


def key(source: str, table: str) -> dg.AssetKey:
    return dg.AssetKey(["raw", source, table])


Fetched = Mapping[str, Sequence[dg.AssetKey]]  # per feed: what it is fetched as


def _spec(feed: Feed, fetched: Fetched) -> dg.AssetSpec:
    declared = manifest()["sources"][f"source.kizuna.{feed.source}.{feed.name}"]
    columns = [
        dg.TableColumn(column["name"], column["data_type"], column["description"])
        for column in declared["columns"].values()
    ]
    return dg.AssetSpec(
        key(feed.source, feed.name),
        deps=fetched.get(feed.name, []),
        group_name=f"raw_{feed.source}",
        kinds={"parquet", "duckdb"},
        owners=[f"team:{feed.source}"],
        description=declared["description"],
        metadata={"dagster/column_schema": dg.TableSchema(columns)},
    )


def _result(feed: Feed, report: FeedReport) -> dg.MaterializeResult:
    reasons = [
        f"- {count:,} × {f'{column}: ' if column else ''}{reason}"
        for (column, reason), count in report.reasons.most_common()
    ]
    return dg.MaterializeResult(
        asset_key=key(feed.source, feed.name),
        metadata={
            "dagster/row_count": report.rows_loaded,
            "rows_in": report.rows_in,
            "rows_quarantined": report.rows_quarantined,
            "rows_duplicate": report.rows_duplicate,
            "files": dg.MetadataValue.json(report.files),
            "quarantined_for": dg.MetadataValue.md("\n".join(reasons) or "nothing"),
            "unknown_columns": dg.MetadataValue.json(sorted(report.unknown_columns)),
            "schema_drift": dg.MetadataValue.md(
                "\n".join(f"- {one}" for one in _drifted(report.compared)) or "none"
            ),
            "warnings": dg.MetadataValue.md(
                "\n".join(f"- {one}" for one in report.warnings) or "none"
            ),
        },
    )


def _drifted(compared: Sequence[Compared]) -> list[str]:
    """Words on each file whose columns are not as before."""
    return [
        f"{one.load.file}: columns since {one.before.file}: {one}" for one in compared if one.drifts
    ]


def _source(source: str, feeds: Sequence[Feed], fetched: Fetched) -> dg.AssetsDefinition:
    """The feeds of one kind of source, landed one after the other in the contract's order."""

    @dg.multi_asset(
        name=f"land_{source}",
        specs=[_spec(feed, fetched) for feed in feeds],
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.multi_run(),
        can_subset=True,
    )
    def land(
        context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]
    ) -> Iterator[dg.MaterializeResult]:
        refused = []
        for feed in feeds:
            if key(feed.source, feed.name) not in context.selected_asset_keys:
                continue
            progress.doing(f"landing {source}/{feed.name}")
            try:
                report = night.load(feed)
            except LandingError as error:
                refused += [str(error), *_drifted(night.landing.compared.get(feed.name, ()))]
                continue
            if report.rows_in:
                progress.done(f"landed {source}/{feed.name}: {report.rows_in:,} rows")
            for warning in report.warnings:
                progress.warn(warning)
            yield _result(feed, report)
        if refused:
            raise dg.Failure("\n".join(refused), allow_retries=False)

    return land


@dg.multi_asset(
    name="write_down",
    specs=[
        dg.AssetSpec(
            key("ledger", table),
            deps=[key(feed.source, feed.name) for feed in FEEDS],
            group_name="raw_ledger",
            kinds={"parquet"},
            owners=["team:kizuna"],
            description=description,
        )
        for table, description in LEDGER.items()
    ],
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.multi_run(),
)
def write_down(night: dg.ResourceParam[Night]) -> Iterator[dg.MaterializeResult]:
    """What the ledger knows, for the warehouse to read; files that cannot be read, and required
    sources that cannot be fetched, stop the night once the others are loaded.
    """
    night.landing.close()
    night.untold()
    for late in night.overdue():
        progress.warn(late)
    for table in LEDGER:
        yield dg.MaterializeResult(asset_key=key("ledger", table))
    if refused := night.refused():
        said = "\n".join(f"{what}: {why}" for what, why in refused.items())
        raise dg.Failure(said, allow_retries=False)


@dg.asset(
    key=key("ledger", TABLE),
    deps=[key("ledger", "loads")],
    partitions_def=days,
    backfill_policy=dg.BackfillPolicy.multi_run(),
    group_name="raw_ledger",
    kinds={"parquet", "duckdb"},
    owners=["team:kizuna"],
)
def person_links(night: dg.ResourceParam[Night]) -> dg.MaterializeResult:
    """One row per customer id of a person who has several: which one, and why."""
    try:
        if night.is_unchanged:
            if night.stands is None:
                let_nobody_back(night)
            return dg.MaterializeResult(metadata={"unchanged": True})
        linked = _linked(night)
        if keep_promises(night):
            linked = _linked(night)
    except CannotRewrite as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    for warning in linked.warnings:
        progress.warn(warning)
    reach("persons linked")
    rules = Counter(linked.table["rule"].to_pylist())
    if rules:
        persons = rules.pop(FIRST)
        progress.done(f"linked {rules.total():,} more ids to {persons:,} persons")
    return dg.MaterializeResult(metadata={f"by {rule}": rules[rule] for rule in sorted(rules)})


def _linked(night: Night) -> Linked:
    progress.doing("finding out who is who")
    return link_persons(
        night.company, night.run.as_of_date, night.landing.id_systems(), night.dbt.target
    )


def _fetched() -> Fetched:
    company = load_company(company_folder())
    found: dict[str, list[dg.AssetKey]] = {}
    for system, folder in live_folders(company):
        for feed in feeds_of(company, system, folder):
            found.setdefault(feed.name, []).append(fetched_key(system, folder))
    return found


@dg.definitions
def sources() -> dg.Definitions:
    by_source = groupby(FEEDS, key=lambda feed: feed.source)
    fetched = _fetched()
    landed = [_source(name, list(feeds), fetched) for name, feeds in by_source]
    return dg.Definitions(assets=[*landed, write_down, person_links])

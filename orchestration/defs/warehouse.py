"""The warehouse: every dbt model, test and seed, built in one pass into the night's own file."""

import json
import re
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliInvocation,
    dbt_assets,
)
from dbt.version import get_installed_version
from packaging.version import Version

from orchestration import kept, progress, publishing
from orchestration.dbt import fingerprint, manifest
from orchestration.defs.resources import days
from orchestration.ingest import duck
from orchestration.night import Night
from orchestration.settings import DBT_PROJECT
from orchestration.steps import reach

PARSED = fingerprint()
marts = publishing.marts(manifest())
ROWS = re.compile(r"\d+")  # in what dbt says of a table that was made
EXAMPLES = 3  # rows shown of a test that fails
BUILD = ("build", "--exclude-resource-type", "unit_test")


class Translator(DagsterDbtTranslator):
    """Names, groups, kinds and owners of dbt's nodes, from the layer that they lie in."""

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return dg.AssetKey(
                ["raw", dbt_resource_props["source_name"], dbt_resource_props["name"]]
            )
        return dg.AssetKey([dbt_resource_props["schema"], dbt_resource_props["name"]])

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return dbt_resource_props["schema"]

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> list[str]:
        return ["team:kizuna"]


translator = Translator(DagsterDbtTranslatorSettings(enable_asset_checks=True))


@dbt_assets(
    manifest=manifest(),
    name="warehouse",
    partitions_def=days,
    dagster_dbt_translator=translator,
    exclude="resource_type:unit_test",
    backfill_policy=dg.BackfillPolicy.multi_run(),
)
def warehouse(context: dg.AssetExecutionContext, night: dg.ResourceParam[Night]) -> Iterator[Any]:
    """Run `dbt build` once; events are passed on with the rows that each table came to have."""
    if fingerprint() != PARSED:
        raise dg.Failure("the dbt project changed since this process started: start it again")
    if night.is_unchanged:
        progress.done(f"nothing is new since {night.version.run}, which stands")
        return
    invocation = DbtCliInvocation(
        process=night.dbt_process,
        manifest=manifest(),
        dagster_dbt_translator=translator,
        project_dir=DBT_PROJECT,
        target_path=night.dbt.artifacts,
        raise_on_error=False,
        context=context,
        cli_version=Version(get_installed_version().to_version_string(skip_matcher=True)),
    )
    building: list[str] = []
    dbt = night.dbt if night.is_full else kept.resume(night.dbt)
    try:
        with suppress(BrokenPipeError), night.dbt_process.stdin as told:
            told.write(dbt.order(*BUILD, DBT_LOG_FORMAT="json").encode())
        yield from _followed(invocation, context, building)
    except BaseException:  # Dagster too may stop listening: nothing is built behind its back
        invocation.process.kill()
        invocation.process.wait()
        raise
    results = _results(night)
    for result in filter(_is_test, results):
        _remember(night, result)
    tests = sum(map(_is_test, results))
    progress.done(f"built {len(results) - tests} tables and views, ran {tests} tests")
    if dbt.builds_on:
        counted = publishing.row_counts(dbt.warehouse)
        persons, visitors = (
            f"{counted.get(table, 0):,}"
            for table in (
                ("intermediate", "int_touched_purchasers"),
                ("staging", "stg_web__touched_visitors"),
            )
        )
        progress.done(f"news touched purchases of {persons} persons and visits of {visitors}")
    if error := invocation.get_error():
        said = str(error).partition("Errors parsed from dbt logs:")[2].strip()
        killed = _killed(invocation.process.returncode, building)
        said = killed or _explained(night, results) or said or str(error)
        raise dg.Failure(said, allow_retries=False)


def _followed(
    invocation: DbtCliInvocation, context: dg.AssetExecutionContext, building: list[str]
) -> Iterator[Any]:
    """dbt's events as Dagster's, as they come, each table's with its rows, and said aloud;
    `building` is told what is begun.
    """
    for event in invocation.stream_raw_events():
        data = event.raw_event["data"]
        if event.raw_event["info"]["name"] == "LogStartLine":
            progress.doing(f"dbt {data['index']} of {data['total']}: {data['description']}")
            building.append(data["description"])
            if data["node_info"]["resource_type"] == "model":
                reach(f"{data['node_info']['node_relation']['schema']} building")
        rows = ROWS.search(str(data.get("result_message") or data.get("status")))
        for made in event.to_default_asset_events(
            manifest=manifest(),
            dagster_dbt_translator=translator,
            context=context,
            target_path=invocation.target_path,
        ):
            yield _counted(made, int(rows[0]) if rows else None)


def _results(night: Night) -> list[dict[str, Any]]:
    """What became of each node; empty where dbt did not come so far."""
    path = night.dbt.artifacts / "run_results.json"
    return json.loads(path.read_text())["results"] if path.is_file() else []


def _is_test(result: Mapping[str, Any]) -> bool:
    return result["unique_id"].startswith("test.") and result["status"] != "skipped"


def _remember(night: Night, result: Mapping[str, Any]) -> None:
    node = manifest()["nodes"][result["unique_id"]]
    of = node.get("attached_node") or next(iter(node["depends_on"]["nodes"]), "")
    failures = result["failures"]
    night.check(
        of.rpartition(".")[2],
        node["name"],
        "dbt",
        result["status"] in ("pass", "warn"),
        observed=f"{failures} rows" if failures is not None else str(result["message"]),
        expected="0 rows",
        severity=node["config"]["severity"].lower(),
    )


def _counted(event: Any, rows: int | None) -> Any:
    """The event of a table, with the rows that the table came to have."""
    if rows is None or not isinstance(event, dg.Output):
        return event
    return event.with_metadata({**event.metadata, "dagster/row_count": rows})


def _killed(code: int, building: list[str]) -> str:
    """What dbt was at when a signal ended it, in words; empty where none did."""
    if code >= 0:
        return ""
    place = ", ".join(building[-2:]) or "its start"
    return (
        f"dbt was ended by {signal.Signals(-code).name} at {place}:"
        " where nobody did that by hand, the machine had no memory left; give it more, or dbt"
        " less by KIZUNA_MEMORY_LIMIT"
    )


def _explained(night: Night, results: list[dict[str, Any]]) -> str:
    """Which models and tests failed, dbt's own words for each, and the first offending rows."""
    failed = [r for r in results if r["status"] in ("error", "fail", "runtime error")]
    return "\n".join(
        f"dbt {r['unique_id'].split('.')[0]} {r['unique_id'].split('.')[2]}:"
        f" {r['message']}{_examples(night, r)}"
        for r in failed
    )


def _examples(night: Night, result: Mapping[str, Any]) -> str:
    if result["status"] != "fail" or not result.get("compiled_code"):
        return ""
    with duck.opened(night.dbt.warehouse) as connection:
        found = connection.sql(f"from ({result['compiled_code']}) limit {EXAMPLES}")
        rows = found.fetchall() if found else []
        names = found.columns if found else []
    listed = (", ".join(f"{n} {v}" for n, v in zip(names, row, strict=True)) for row in rows)
    return "".join(f"\n    {line}" for line in listed)


@dg.definitions
def models() -> dg.Definitions:
    return dg.Definitions(assets=[warehouse])

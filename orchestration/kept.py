"""The warehouse that a night leaves to the next one, which goes on in it.

It is a cache: a night that finds none, or one that was made in another way, makes everything anew.
It lies among the work files, where an erasure and a new key leave nothing of it.
"""

import hashlib
import json
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

import duckdb

from orchestration.company import Company
from orchestration.dbt import LEFT, Dbt, company_fingerprint, fingerprint, manifest
from orchestration.disk import discard, fsync
from orchestration.ledger import Ledger
from orchestration.publishing import row_counts

MADE_OF = "made_of.json"  # beside the warehouse
FINGERPRINTS = "_fingerprints"  # models by which news is told, as macros/touched.sql knows them


def made_of(dbt: Dbt) -> dict[str, Any]:
    """What rows of a warehouse depend on: a name for the project, its settings and tables, and the
    programs; and the loads that there were. The as-of date shows in the rows themselves.
    """
    given = {name: value for name, value in dbt.vars().items() if name != "as_of_date"}
    programs = {name: metadata.version(name) for name in ("duckdb", "dbt-core", "dbt-duckdb")}
    told = json.dumps(
        [fingerprint(), company_fingerprint(dbt.company), given, programs], sort_keys=True
    )
    loads = {load.load_id: load.sha256 for load in Ledger(dbt.company.ledger).loads()}
    return {"made_with": hashlib.sha256(told.encode()).hexdigest(), "loads": loads}


def resume(dbt: Dbt) -> Dbt:
    """The same, with the warehouse that the last night left as its own where one fits. It is left
    to nobody else then: a night that does not end well has the next make everything anew.
    """
    folder = dbt.company.work / LEFT
    left, told = folder / dbt.warehouse.name, folder / MADE_OF
    if not (left.is_file() and told.is_file()):
        return dbt
    then, now = json.loads(told.read_text()), made_of(dbt)
    # a ledger that was lost gives out the ids of its loads once more
    if then["made_with"] != now["made_with"] or then["loads"].items() - now["loads"].items():
        return dbt
    if not _is_whole(left):
        return dbt
    dbt.folder.mkdir(parents=True, exist_ok=True)
    left.replace(dbt.warehouse)
    forget(dbt.company)
    return replace(dbt, builds_on=True)


def _is_whole(warehouse: Path) -> bool:
    """Whether it can be read, and has that by which a night knows what news touched."""
    try:
        held = row_counts(warehouse).keys()
    except duckdb.Error:
        return False
    nodes = manifest()["nodes"].values()
    return held >= {(n["schema"], n["name"]) for n in nodes if n["name"].endswith(FINGERPRINTS)}


def keep(dbt: Dbt) -> None:
    """Leave the warehouse of a night to the next, whole or not at all."""
    aside = dbt.folder / LEFT
    aside.mkdir()
    (aside / MADE_OF).write_text(json.dumps(made_of(dbt)))
    dbt.warehouse.replace(aside / dbt.warehouse.name)
    for path in (*aside.iterdir(), aside):
        fsync(path)
    forget(dbt.company)
    aside.replace(dbt.company.work / LEFT)


def forget(company: Company) -> None:
    """Have the next night make everything anew."""
    discard(company.work / LEFT)

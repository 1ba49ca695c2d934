"""The warehouse that a night leaves to the next one, which goes on in it.

It is a cache: a night that finds none, or one that is made in another way, makes everything anew.
It lies among the work files, where an erasure and a new key leave nothing of it.
"""

import hashlib
import json
from dataclasses import replace
from importlib import metadata

from orchestration.company import Company
from orchestration.dbt import KEPT, Dbt, company_fingerprint, fingerprint
from orchestration.disk import discard, fsync

MADE_WITH = "made_with"  # the file that says how the warehouse beside it was made


def made_with(dbt: Dbt) -> str:
    """A name for everything but raw data that rows of a warehouse depend on: the project, its
    settings and tables, and the programs. The as-of date shows in the rows themselves.
    """
    given = {name: value for name, value in dbt.vars().items() if name != "as_of_date"}
    programs = {name: metadata.version(name) for name in ("duckdb", "dbt-core", "dbt-duckdb")}
    told = [fingerprint(), company_fingerprint(dbt.company), given, programs]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def resume(dbt: Dbt) -> Dbt:
    """The same, with the warehouse that the last night left as its own where one fits. It is left
    to nobody else then: a night that does not end well has the next make everything anew.
    """
    folder = dbt.company.work / KEPT
    left, how = folder / dbt.warehouse.name, folder / MADE_WITH
    if not (left.is_file() and how.is_file() and how.read_text() == made_with(dbt)):
        return dbt
    dbt.folder.mkdir(parents=True, exist_ok=True)
    left.replace(dbt.warehouse)
    forget(dbt.company)
    return replace(dbt, builds_on=True)


def keep(dbt: Dbt) -> None:
    """Leave the warehouse of a night to the next, whole or not at all."""
    aside = dbt.folder / KEPT
    aside.mkdir()
    (aside / MADE_WITH).write_text(made_with(dbt))
    dbt.warehouse.replace(aside / dbt.warehouse.name)
    for path in (*aside.iterdir(), aside):
        fsync(path)
    forget(dbt.company)
    aside.replace(dbt.company.work / KEPT)


def forget(company: Company) -> None:
    """Have the next night make everything anew."""
    discard(company.work / KEPT)

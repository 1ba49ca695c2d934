"""Dagster's history of runs: where a company's lies, and how it is kept fast."""

import sqlite3
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine import Engine

from orchestration.company import Company
from orchestration.settings import dagster_home

DAGSTER_YAML = """\
# Written by Kizuna. One night at a time; nothing is reported to anybody.
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
run_monitoring:
  enabled: true
"""


def dagster_folder(company: Company) -> Path:
    """Where Dagster keeps the company's runs, with its settings in place."""
    folder = Path(dagster_home() or company.data / "dagster")
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").exists():
        (folder / "dagster.yaml").write_text(DAGSTER_YAML)
    return folder


def hasten() -> None:
    """Have this process not wait for the disk after each of a run's thousand events.

    They would take 25 s a night, not 4. What a power failure can cost is Dagster's pages on past
    runs; what the nights themselves remember is in the ledger, which waits.
    """
    if not event.contains(Engine, "connect", _do_not_wait):
        event.listen(Engine, "connect", _do_not_wait)


def _do_not_wait(connection: object, _: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")

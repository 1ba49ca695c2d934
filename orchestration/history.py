"""Dagster's history of runs: where a company's lies."""

from pathlib import Path

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

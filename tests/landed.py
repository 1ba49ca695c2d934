"""A company's exports, taken in as a night does, and the marts that dbt makes of them: the rest of
a night is left out.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.company import load_company
from orchestration.dbt import Dbt
from orchestration.landing import FeedReport, Landing
from orchestration.linking import link_persons


@dataclass(frozen=True)
class Landed:
    """Raw data and who is who of it, ready for dbt."""

    dbt: Dbt
    reports: dict[str, FeedReport]

    @property
    def folder(self) -> Path:
        return self.dbt.company.folder

    def build(self, *select: str) -> "Landed":
        """Run dbt for those models, or all, without its tests."""
        command = ["build", "--quiet", "--exclude-resource-type", "unit_test", "test"]
        assert self.dbt.run(*command, *(["--select", *select] if select else [])).returncode == 0
        return self

    def query(self, sql: str) -> list[tuple]:
        with duckdb.connect(str(self.dbt.warehouse), read_only=True) as connection:
            return connection.sql(sql).fetchall()


def land(folder: Path, as_of: date) -> Landed:
    """Take in what lies in a company folder's landing/, and find out who is who."""
    company = load_company(folder)
    landing = Landing(company, as_of, "landed")
    reports = {feed.name: landing.load(feed) for feed in landing.feeds}
    landing.close()
    link_persons(company, as_of, landing.id_systems())
    return Landed(Dbt(company, as_of, landing.id_systems(), company.work / "landed"), reports)

"""What dbt does to DuckDB as soon as it has opened it: UTC for all, and nothing else to reach."""

from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from orchestration.ingest import duck


class Plugin(BasePlugin):
    """dbt-duckdb's own `settings` are said again for every model, which a lock refuses."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        self.reach = [Path(place).resolve() for place in plugin_config["reach"]]

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        conn.execute("set global TimeZone = 'UTC'")
        duck.lock(conn, *self.reach)

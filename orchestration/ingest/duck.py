"""DuckDB connections for ingestion, and the small things of SQL text."""

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import duckdb

STREAMED = "64MB"  # what may wait between DuckDB's threads and the writer


def connect(folder: Path, memory_limit: str | None = None) -> duckdb.DuckDBPyConnection:
    """A connection in memory, in UTC, that spills to `folder` and fetches nothing by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "temp_directory": str(folder),
    }
    if memory_limit:
        config["memory_limit"] = memory_limit
    connection = duckdb.connect(config=config)
    connection.execute("set TimeZone = 'UTC'")
    connection.execute(f"set streaming_buffer_size = '{STREAMED}'")
    return connection


def load_excel(connection: duckdb.DuckDBPyConnection) -> None:
    """Load the extension that reads XLSX, from its wheel."""
    spec = importlib.util.find_spec("duckdb_extension_excel")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("no package duckdb-extension-excel: run `make night` again")
    (extension,) = Path(spec.origin).parent.glob("extensions/*/excel.duckdb_extension")
    connection.execute(f"load {text(extension)}")


def text(value: object) -> str:
    """An SQL text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def texts(values: Iterable[object]) -> str:
    return ", ".join(text(value) for value in values)


def name(value: str) -> str:
    """An SQL identifier."""
    return '"' + value.replace('"', '""') + '"'


def path(value: Path) -> str:
    """A path as an SQL literal in which nothing is a wildcard."""
    wild = {"[": "[[]", "*": "[*]", "?": "[?]"}
    return text("".join(wild.get(sign, sign) for sign in str(value)))

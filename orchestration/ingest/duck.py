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


def load_extension(connection: duckdb.DuckDBPyConnection, extension: str) -> None:
    """Load an extension (`excel` reads XLSX, `httpfs` encrypts) from its wheel."""
    spec = importlib.util.find_spec(f"duckdb_extension_{extension}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            f"no package duckdb-extension-{extension}: run `make night` again"
        )
    (file,) = Path(spec.origin).parent.glob(f"extensions/*/{extension}.duckdb_extension")
    connection.execute(f"load {text(file)}")


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

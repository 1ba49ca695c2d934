"""DuckDB connections, which reach no file but those meant, and the small things of SQL text."""

import importlib.util
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

STREAMED = "64MB"  # what may wait between DuckDB's threads and the writer


# DuckDB fetches nothing by itself, and no name in SQL is a variable of Python.
ALONE = {
    "allow_community_extensions": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


def connect(
    folder: Path,
    *reach: Path,
    extensions: Iterable[str] = (),
    memory_limit: str | None = None,
) -> duckdb.DuckDBPyConnection:
    """A locked connection in memory that spills to `folder`; of files it reaches those, and those
    of `reach`, folders or single files.
    """
    connection = unlocked(folder, memory_limit)
    for extension in extensions:
        load_extension(connection, extension)
    lock(connection, folder, *reach)
    return connection


def unlocked(
    folder: Path | None = None, memory_limit: str | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection that is yet to be locked, for who reads files that no later SQL may reach."""
    config = dict(ALONE)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        config["temp_directory"] = str(folder)
    if memory_limit:
        config["memory_limit"] = memory_limit
    connection = duckdb.connect(config=config)
    _settle(connection)
    return connection


def opened(path: Path) -> duckdb.DuckDBPyConnection:
    """A finished DuckDB file, to be read by its own name, and no other file; attached, for this
    process may have one open that went by that name before.
    """
    connection = duckdb.connect(config=ALONE)
    connection.execute(f"attach {text(path)} as {name(path.stem)} (read_only)")
    connection.execute(f"use {name(path.stem)}")
    _settle(connection)
    lock(connection)
    return connection


def created(path: Path, *reach: Path) -> duckdb.DuckDBPyConnection:
    """A new DuckDB file, to be written, with what lies beside it and `reach` within reach."""
    connection = duckdb.connect(str(path), config=ALONE)
    _settle(connection)
    lock(connection, path.parent, *reach)
    return connection


def lock(connection: duckdb.DuckDBPyConnection, *reach: Path) -> None:
    """From now on files outside `reach`, the network, extensions and settings are refused.

    Links are followed first: what leads out is outside.
    """
    kinds: Mapping[str, list[Path]] = {
        "allowed_directories": [one for one in reach if not one.is_file()],
        "allowed_paths": [one for one in reach if one.is_file()],
    }
    for setting, paths in kinds.items():
        # DuckDB compares a pattern before it is understood, so both spellings are needed
        spellings = dict.fromkeys(spelt for one in paths for spelt in (text(one), path(one)))
        connection.execute(f"set {setting} = [{', '.join(spellings)}]")
    connection.execute("set enable_external_access = false")
    connection.execute("set lock_configuration = true")


def _settle(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set enable_progress_bar = false")
    connection.execute(f"set streaming_buffer_size = '{STREAMED}'")


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

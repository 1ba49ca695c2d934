"""Publishing: what was judged becomes a version, and one rename makes it the current one."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from orchestration.company import Company
from orchestration.disk import UNFINISHED, digest, discard, fsync, make_folder, naming
from orchestration.ingest import duck
from orchestration.steps import reach

WHOLE = "kizuna.duckdb"
PERSON_FREE = "kizuna_kpi.duckdb"
MANIFEST = "manifest.json"
KEPT = 3  # versions: the current one, the way back, and one more
UNIQUE = "unique_together"  # the generic test that names a mart's key


class PublishError(Exception):
    """A version cannot be written, found or made current; the message says which and why."""


@dataclass(frozen=True)
class Mart:
    """A table that BI sees, as its contract declares it."""

    name: str
    description: str
    columns: Mapping[str, str]  # to their descriptions
    key: Sequence[str]
    about_persons: bool


@dataclass(frozen=True)
class Version:
    """A published state of every mart."""

    folder: Path
    manifest: Mapping[str, Any]
    is_current: bool

    @property
    def run(self) -> str:
        return self.folder.name

    @property
    def as_of(self) -> date:
        return date.fromisoformat(self.manifest["as_of_date"])

    @property
    def sequence(self) -> int:
        return self.manifest["sequence"]


def marts(dbt_manifest: Mapping[str, Any]) -> list[Mart]:
    """The marts of the dbt project, by name."""
    nodes = dbt_manifest["nodes"].values()
    models = [n for n in nodes if n["resource_type"] == "model" and n["schema"] == "marts"]
    return [
        Mart(
            name=model["name"],
            description=model["description"],
            columns={c["name"]: c["description"] for c in model["columns"].values()},
            key=_key(nodes, model),
            about_persons=model["config"]["meta"]["about_persons"],
        )
        for model in sorted(models, key=lambda model: model["name"])
    ]


def _key(nodes: Iterable[Mapping[str, Any]], model: Mapping[str, Any]) -> list[str]:
    """The columns that a test holds to be unique together; none means all of them."""
    for node in nodes:
        test = node.get("test_metadata") or {}
        if test.get("name") == UNIQUE and node.get("attached_node") == model["unique_id"]:
            return list(test["kwargs"]["columns"])
    return []


def row_counts(warehouse: Path) -> dict[tuple[str, str], int]:
    """Rows of every table of a DuckDB file, by schema and name."""
    if not warehouse.is_file():
        return {}
    with duck.opened(warehouse) as connection:
        counted = connection.sql(
            "select schema_name, table_name, estimated_size from duckdb_tables()"
        )
        return {(schema, table): rows for schema, table, rows in counted.fetchall()}


def publish(
    company: Company,
    run: str,
    warehouse: Path,
    published_marts: Sequence[Mart],
    about: Mapping[str, Any],
    tonight: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Version:
    """Write versions/<run>/ and, unless a later day is already out, make it current.

    `about` is what the manifest says of the run: as_of_date, sequence, code_version, inputs.
    `tonight` are rows about the night itself, by mart, that the warehouse cannot know yet.
    """
    as_of = date.fromisoformat(about["as_of_date"])
    draft = company.versions / f"{run}{UNFINISHED}"
    final = company.versions / run
    discard(draft)
    make_folder(company.versions)
    (draft / "parquet").mkdir(parents=True)
    rows = _write_marts(draft, warehouse, published_marts, tonight)
    files = {str(path.relative_to(draft)): digest(path) for path in _files(draft)}
    keys = {mart.name: list(mart.key) for mart in published_marts}
    manifest = {"run": run, **about, "rows": rows, "keys": keys, "files": files}
    with naming(draft / MANIFEST):
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    _sync(draft)
    reach("version written")
    os.replace(draft, final)
    fsync(company.versions)
    reach("version whole")
    if moves(company, as_of):
        _point(company, run)
        reach("version current")
    _prune(company)
    return Version(final, manifest, _pointed(company) == run)


def versions(company: Company) -> list[Version]:
    """Every whole version, the newest first."""
    pointed = _pointed(company)
    found = [
        Version(folder, manifest, folder.name == pointed)
        for folder in company.versions.glob("*")
        if folder.suffix != UNFINISHED and (manifest := _manifest(folder / MANIFEST))
    ]
    return sorted(found, key=lambda version: version.sequence, reverse=True)


def _manifest(path: Path) -> Mapping[str, Any] | None:
    """None of a version that is not there, or not any more."""
    try:
        return json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):  # whatever else lies there
        return None
    except ValueError as error:
        raise PublishError(
            f"{path}: {error}: put it back from a backup, or remove {path.parent}"
        ) from None


def moves(company: Company, as_of: date) -> bool:
    """Whether a version of that day becomes the current one."""
    now = current(company)
    return now is None or now.as_of <= as_of


def current(company: Company) -> Version | None:
    return next((version for version in versions(company) if version.is_current), None)


def find(company: Company, run: str | None = None) -> Version:
    """The version named, else the current one; raises PublishError where there is none."""
    kept = versions(company)
    for version in kept:
        if version.run == run or (run is None and version.is_current):
            return version
    listed = ", ".join(version.run for version in kept) or "none"
    raise PublishError(f"no version {run or 'is current'}; there are: {listed}")


def rollback(company: Company, run: str | None = None) -> Version:
    """Make an earlier version current: the one named, else the one before the current."""
    kept = versions(company)
    now = next((version for version in kept if version.is_current), None)
    earlier = [v for v in kept if now is None or v.sequence < now.sequence]
    candidates = [v for v in kept if v.run == run] if run else earlier[:1]
    if not candidates:
        listed = ", ".join(version.run for version in kept) or "none"
        raise PublishError(f"no version {run or 'before the current one'}; there are: {listed}")
    chosen = candidates[0]
    verify(chosen)
    _point(company, chosen.run)
    return Version(chosen.folder, chosen.manifest, True)


def sweep(company: Company) -> list[Path]:
    """Remove what a killed night left half written."""
    left = [*company.versions.glob(f"*{UNFINISHED}"), *company.data.glob(f"current{UNFINISHED}")]
    for path in left:
        discard(path)
    return left


def _write_marts(
    draft: Path,
    warehouse: Path,
    published_marts: Sequence[Mart],
    tonight: Mapping[str, Sequence[Mapping[str, Any]]],
) -> dict[str, int]:
    """Both DuckDB files and the Parquet files; the rows of each mart."""
    whole, person_free = draft / WHOLE, draft / PERSON_FREE
    with duck.created(whole, warehouse.parent) as connection:
        connection.execute(f"attach {duck.text(warehouse)} as warehouse (read_only)")
        _copy(connection, "warehouse", published_marts)
        for mart, rows in tonight.items():
            _append(connection, mart, rows)
        for mart in published_marts:
            if not _is_view(connection, "warehouse", mart.name):
                connection.execute(
                    f"copy (from marts.{duck.name(mart.name)}) to"
                    f" {duck.text(draft / 'parquet' / f'{mart.name}.parquet')}"
                    " (format parquet, compression zstd)"
                )
        rows = {
            mart.name: connection.execute(
                f"select count(*) from marts.{duck.name(mart.name)}"
            ).fetchall()[0][0]
            for mart in published_marts
        }
        connection.execute("checkpoint")
    with duck.created(person_free) as connection:
        connection.execute(f"attach {duck.text(whole)} as whole (read_only)")
        free = [mart for mart in published_marts if not mart.about_persons]
        _copy(connection, "whole", free, are_in_order=True)
        connection.execute("checkpoint")
    for path in (whole, person_free):
        if Path(f"{path}.wal").exists():
            raise PublishError(
                f"{path} was closed with a write-ahead log: its tables are not whole"
            )
    return rows


def _copy(
    connection: duckdb.DuckDBPyConnection,
    source: str,
    published_marts: Sequence[Mart],
    are_in_order: bool = False,
) -> None:
    """Copy marts, in the order of their keys, views after the tables that they read."""
    connection.execute("create schema marts")
    views = [mart for mart in published_marts if _is_view(connection, source, mart.name)]
    for mart in published_marts:
        if mart not in views:
            order = ", ".join(map(duck.name, mart.key)) or "all"
            connection.execute(
                f"create table marts.{duck.name(mart.name)} as"
                f" from {source}.marts.{duck.name(mart.name)}"
                + ("" if are_in_order else f" order by {order}")
            )
    for mart in views:
        connection.execute(_view_definition(connection, source, mart.name))
    connection.begin()  # each comment by itself would be written to the disk by itself
    for mart in published_marts:
        _comment(connection, mart, "view" if mart in views else "table")
    connection.commit()


def _comment(connection: duckdb.DuckDBPyConnection, mart: Mart, kind: str) -> None:
    table = f"marts.{duck.name(mart.name)}"
    connection.execute(f"comment on {kind} {table} is {duck.text(mart.description)}")
    for column, description in mart.columns.items():
        connection.execute(
            f"comment on column {table}.{duck.name(column)} is {duck.text(description)}"
        )


def _append(
    connection: duckdb.DuckDBPyConnection, mart: str, rows: Sequence[Mapping[str, Any]]
) -> None:
    columns = [
        name
        for (name,) in connection.execute(
            "select column_name from duckdb_columns()"
            " where database_name = current_database() and schema_name = 'marts'"
            " and table_name = ? order by column_index",
            [mart],
        ).fetchall()
    ]
    values = [[row.get(column) for column in columns] for row in rows]
    if columns and values:
        if "run_id" in columns:
            runs = sorted({row["run_id"] for row in rows})
            connection.execute(
                f"delete from marts.{duck.name(mart)} where list_contains(?, run_id)", [runs]
            )
        places = ", ".join("?" * len(columns))
        connection.executemany(f"insert into marts.{duck.name(mart)} values ({places})", values)


def _is_view(connection: duckdb.DuckDBPyConnection, source: str, mart: str) -> bool:
    found = connection.execute(
        "select 1 from duckdb_views()"
        " where database_name = ? and schema_name = 'marts' and view_name = ?",
        [source, mart],
    )
    return bool(found.fetchall())


def _view_definition(connection: duckdb.DuckDBPyConnection, source: str, mart: str) -> str:
    """The view's statement without the name of the file that it was made in.

    So it holds under whatever name a reader attaches the published file.
    """
    ((statement,),) = connection.execute(
        "select sql from duckdb_views()"
        " where database_name = ? and schema_name = 'marts' and view_name = ?",
        [source, mart],
    ).fetchall()
    return re.sub(rf'("{source}"|\b{source})\.("?marts"?\.)', r"\2", statement)


def _point(company: Company, run: str) -> None:
    """The only commit point: one rename of the pointer."""
    draft = company.data / f"current{UNFINISHED}"
    draft.unlink(missing_ok=True)
    draft.symlink_to(Path(company.versions.name) / run, target_is_directory=True)
    os.replace(draft, company.current)
    fsync(company.data)


def _pointed(company: Company) -> str | None:
    return Path(os.readlink(company.current)).name if company.current.is_symlink() else None


def _prune(company: Company) -> None:
    """Keep the current version and the newest beside it."""
    kept = sorted(
        versions(company), key=lambda version: (not version.is_current, -version.sequence)
    )
    for version in kept[KEPT:]:
        reach("old version going")
        discard(version.folder)


def verify(version: Version) -> None:
    """Raise PublishError unless every file is there and is what the manifest says."""
    if wrong := list(differences(version)):
        raise PublishError("; ".join(wrong) + ": choose another version")


def differences(version: Version) -> Iterator[str]:
    """In words, each file of a version that is not what its manifest says."""
    named = version.manifest["files"]
    for name, known in named.items():
        path = version.folder / name
        if not path.is_file():
            yield f"{path} is gone, which its manifest names"
        elif digest(path) != known:
            yield f"{path} is not what its manifest says"
    for path in _files(version.folder):
        if str(path.relative_to(version.folder)) not in {*named, MANIFEST}:
            yield f"{path} is not in its manifest"


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _sync(folder: Path) -> None:
    """Force a folder's files, and then their names, to the disk."""
    for path in (*_files(folder), folder / "parquet", folder):
        fsync(path)

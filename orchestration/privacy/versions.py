"""Published versions without whom the company forgot: both DuckDB files, Parquet and manifest.

A row about the person goes; a row about a thing, as an order, stays without them, as a guest's.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration import publishing
from orchestration.company import Company
from orchestration.disk import digest
from orchestration.ingest import duck
from orchestration.privacy import files
from orchestration.privacy.forgotten import STAND_IN
from orchestration.privacy.persons import Person

PERSON = "person_key"
# What would lead from one thing of the person to the next, or to a browser.
LEADS = (
    "linked_to", "anonymous_id", "session_id", "invitation_key", "order_number",
    "next_ordered_date",
)  # fmt: skip
SESSION = "session_key"  # may hold a browser


@dataclass(frozen=True)
class Names:
    """All texts by which a published table may name persons."""

    keys: frozenset[str]  # customer ids with their systems, which name persons too
    others: frozenset[str]  # tokens and browsers
    browsers: frozenset[str]

    @classmethod
    def of(cls, persons: Iterable[Person]) -> "Names":
        persons = list(persons)
        browsers = {browser for person in persons for _, browser in person.browsers}
        with_systems = {f"{s}:{b}" for person in persons for s, b in person.browsers}
        held = {token for person in persons for token in person.tokens}
        return cls(
            frozenset(key for person in persons for key in person.keys),
            frozenset(browsers | with_systems | held),
            frozenset(browsers),
        )


def forget_in_versions(company: Company, names: Names, *, dry: bool = False) -> dict[str, int]:
    """Take persons out of every kept version; the rows that changed, by version."""
    found: dict[str, int] = {}
    for version in publishing.versions(company):
        rows = {
            name: _forget_in_database(version.folder / name, names, company, dry)
            for name in (publishing.WHOLE, publishing.PERSON_FREE)
            if (version.folder / name).is_file()
        }
        rows["parquet"] = sum(
            forget_in_parquet(path, names, company, dry)
            for path in sorted((version.folder / "parquet").glob("*.parquet"))
        )
        if sum(rows.values()):
            found[version.run] = max(rows.values())
        if not dry:
            _write_manifest(version, company)
    return found


def _write_manifest(version: publishing.Version, company: Company) -> None:
    """Have the manifest say what the files hold by now."""
    marts = _rows(version.folder / publishing.WHOLE, company)
    hashes = {name: digest(version.folder / name) for name in version.manifest["files"]}
    rows = {name: marts.get(name, count) for name, count in version.manifest["rows"].items()}
    manifest = {**version.manifest, "rows": rows, "files": hashes}
    if manifest != version.manifest:
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        files.replace(version.folder / publishing.MANIFEST, lambda p: bool(p.write_text(text)))


def _rows(path: Path, company: Company) -> dict[str, int]:
    """Rows of each mart; attached, for a reader in this process may have the old file open."""
    connection = duck.connect(company.work / "privacy", path.parent)
    try:
        connection.execute(f"attach {duck.text(path)} as held (read_only)")
        tables = connection.execute(
            "select table_name from information_schema.tables"
            " where table_catalog = 'held' and table_schema = 'marts'"
        ).fetchall()
        counted = {}
        for (name,) in tables:
            rows = connection.execute(f"select count(*) from held.marts.{duck.name(name)}")
            ((counted[name],),) = rows.fetchall()
        return counted
    finally:
        connection.close()


# ---- one file


def _forget_in_database(path: Path, names: Names, company: Company, dry: bool) -> int:
    """Copy a DuckDB file without the persons: what is deleted in place stays in its free blocks."""
    connection = duck.connect(company.work / "privacy", path.parent)
    try:
        connection.execute(f"attach {duck.text(path)} as old (read_only)")
        changes = {
            table: change
            for table, columns in tables_of(connection)
            if (change := Change.of(connection, f"old.marts.{duck.name(table)}", columns, names))
        }
        if not changes or dry:
            return sum(change.rows for change in changes.values())

        def write(aside: Path) -> bool:
            copy_old(connection, aside, {table: change.sql for table, change in changes.items()})
            return True

        files.replace(path, write)
        return sum(change.rows for change in changes.values())
    finally:
        connection.close()


def copy_old(
    connection: duckdb.DuckDBPyConnection, aside: Path, changed: Mapping[str, str]
) -> None:
    """Copy the DuckDB file that is attached as `old`, some of its tables as other SQL has them."""
    connection.execute(f"attach {duck.text(aside)} as anew")
    connection.execute("create schema anew.marts")
    for table, _ in tables_of(connection):
        sql = changed.get(table, f"from old.marts.{duck.name(table)}")
        connection.execute(f"create table anew.marts.{duck.name(table)} as {sql}")
    connection.execute("use anew")
    for statement in _views(connection):
        connection.execute(statement)
    for statement in _comments(connection):
        connection.execute(statement)
    connection.execute("use memory")
    connection.execute("checkpoint anew")
    connection.execute("detach anew")


def forget_in_parquet(path: Path, names: Names, company: Company, dry: bool = False) -> int:
    """The same of one Parquet file with a mart's columns."""
    connection = duck.connect(company.work / "privacy", path.parent)
    try:
        source = f"read_parquet({duck.path(path)}, hive_partitioning = false)"
        described = connection.execute(f"describe from {source}").fetchall()
        columns = [(name, kind) for name, kind, *_ in described]
        change = Change.of(connection, source, columns, names)
        if not change or dry:
            return change.rows if change else 0

        def write(aside: Path) -> bool:
            connection.execute(
                f"copy ({change.sql}) to {duck.text(aside)} (format parquet, compression zstd)"
            )
            return True

        files.replace(path, write)
        return change.rows
    finally:
        connection.close()


@dataclass(frozen=True)
class Change:
    """A table without the persons: the statement, and how many rows differ."""

    sql: str
    rows: int

    @classmethod
    def of(
        cls,
        connection: duckdb.DuckDBPyConnection,
        source: str,
        columns: Sequence[tuple[str, str]],
        names: Names,
    ) -> "Change | None":
        texts = [name for name, kind in columns if kind == "VARCHAR"]
        listed = duck.texts(sorted(names.keys | names.others)) or "''"
        tests = {name: f"coalesce({duck.name(name)} in ({listed}), false)" for name in texts}
        emptied = {name: f"case when {test} then null else {duck.name(name)} end"
                   for name, test in tests.items()}  # fmt: skip
        if PERSON in texts:
            keys = duck.texts(sorted(names.keys)) or "''"
            of_person = f"coalesce({PERSON} in ({keys}), false)"
            for name in (name for name, _ in columns if name in LEADS):
                test = f"{of_person} or {tests.get(name, 'false')}"
                emptied[name] = f"case when {test} then null else {name} end"
        if SESSION in texts:
            tests[SESSION] = " or ".join(
                [tests[SESSION], *(f"coalesce(contains({SESSION}, {duck.text(b)}), false)"
                                   for b in sorted(names.browsers))]
            )  # fmt: skip
            emptied[SESSION] = _without_browsers(names)
        any_of = " or ".join(tests.values()) or "false"
        ((rows,),) = connection.execute(f"select count(*) from {source} where {any_of}").fetchall()
        if not rows:
            return None
        if _is_about_the_person([name for name, _ in columns]):
            return cls(f"from {source} where not ({any_of})", rows)
        replaced = ", ".join(f"{sql} as {duck.name(name)}" for name, sql in emptied.items())
        return cls(f"select * replace ({replaced}) from {source}", rows)


def _without_browsers(names: Names) -> str:
    """SQL for a session's key in which no browser can be read."""
    sql = SESSION
    for turn, browser in enumerate(sorted(names.browsers), start=1):
        sql = f"replace({sql}, {duck.text(browser)}, '{STAND_IN}{turn}')"
    return sql


def _is_about_the_person(columns: Sequence[str]) -> bool:
    """Whether a row of a mart is a person, an id of theirs, or a line of their timeline."""
    things = [name for name in columns if name.endswith("_key") and name != PERSON]
    return PERSON in columns and set(things) <= {"timeline_key", "subject_key", "customer_key"}


def tables_of(
    connection: duckdb.DuckDBPyConnection,
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The tables of the file that is attached as `old`, with their columns and types."""
    found = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns()"
        " where database_name = 'old' and schema_name = 'marts' and table_name in"
        " (select table_name from duckdb_tables() where database_name = 'old')"
        " order by table_oid, column_index"
    ).fetchall()
    tables: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in found:
        tables.setdefault(table, []).append((column, kind))
    yield from tables.items()


def _views(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    found = connection.execute(
        "select sql from duckdb_views() where database_name = 'old' and schema_name = 'marts'"
        " order by view_oid"
    ).fetchall()
    yield from (sql for (sql,) in found)


def _comments(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """What the tables, views and columns say of themselves."""
    for kind, function in (("table", "duckdb_tables"), ("view", "duckdb_views")):
        found = connection.execute(
            f"select {kind}_name, comment from {function}()"
            " where database_name = 'old' and schema_name = 'marts' and comment is not null"
        ).fetchall()
        for name, comment in found:
            yield f"comment on {kind} marts.{duck.name(name)} is {duck.text(comment)}"
    found = connection.execute(
        "select table_name, column_name, comment from duckdb_columns()"
        " where database_name = 'old' and schema_name = 'marts' and comment is not null"
    ).fetchall()
    for table, column, comment in found:
        place = f"marts.{duck.name(table)}.{duck.name(column)}"
        yield f"comment on column {place} is {duck.text(comment)}"

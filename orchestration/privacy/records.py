"""Dagster's records where they are not files: in the PostgreSQL that its dagster.yaml names."""

import re
from collections.abc import Collection, Iterator

import yaml
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.types import String

from orchestration.company import Company
from orchestration.history import dagster_folder


def address(company: Company) -> str | None:
    """Where Dagster's records are kept, of those that are in PostgreSQL."""
    folder = dagster_folder(company)
    settings = yaml.safe_load((folder / "dagster.yaml").read_text(encoding="utf-8")) or {}
    if "postgres" not in settings.get("storage", {}):
        return None
    import dagster as dg

    with dg.DagsterInstance.from_config(str(folder)) as instance:
        return instance.run_storage.postgres_url


def scrub(url: str, wanted: re.Pattern[str], instead: str, dry: bool) -> dict[str, int]:
    """Put something else where it is found; the places, by table."""
    engine = create_engine(url)
    found = {}
    for table, columns in _texts(engine):
        with engine.begin() as db:
            count = _scrub_table(db, table, columns, wanted, instead, dry)
        if count:
            found[table] = count
        if count and not dry:  # written anew, for what was replaced stays in its pages
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
                db.execute(text(f"vacuum full {table}"))
    engine.dispose()
    return found


def _texts(engine: Engine) -> Iterator[tuple[str, Collection[str]]]:
    """Tables and their columns of text, quoted."""
    quoted = engine.dialect.identifier_preparer.quote
    for table in sorted(inspect(engine).get_table_names()):
        of_text = [
            quoted(column["name"])
            for column in inspect(engine).get_columns(table)
            if isinstance(column["type"], String)
        ]
        if of_text:
            yield quoted(table), of_text


def _scrub_table(
    db: Connection,
    table: str,
    columns: Collection[str],
    wanted: re.Pattern[str],
    instead: str,
    dry: bool,
) -> int:
    held = "" if dry else " for update"  # so that a row stays where its ctid says
    rows = db.execute(
        text(f"select ctid::text, {', '.join(columns)} from {table}{held}")
    ).fetchall()
    changed = [f"{column} = :c{i}" for i, column in enumerate(columns)]
    update = text(f"update {table} set {', '.join(changed)} where ctid = cast(:place as tid)")
    count = 0
    for place, *values in rows:
        clean = [(value, 0) if value is None else wanted.subn(instead, value) for value in values]
        here = sum(places for _, places in clean)
        if here and not dry:
            given = {f"c{i}": value for i, (value, _) in enumerate(clean)}
            db.execute(update, {"place": place, **given})
        count += here
    return count

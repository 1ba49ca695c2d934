"""The answer to a person who asks what is held about them: rows in plain, links and marts."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from orchestration import publishing
from orchestration.company import Company
from orchestration.contract import feeds_by_name
from orchestration.ingest import duck
from orchestration.ingest.writing import BATCH_ROWS
from orchestration.ledger import Ledger, export_file
from orchestration.linking import TABLE
from orchestration.privacy.deliveries import Deliveries
from orchestration.privacy.erasing import find_person, meant
from orchestration.privacy.forgotten import Forgotten, is_about_persons
from orchestration.privacy.persons import Person
from orchestration.privacy.raw import raw_files
from orchestration.privacy.versions import PERSON
from orchestration.vault import Vault

NOT_KEPT = "(kept as a token alone)"


def as_json(company: Company, as_of: date, customer: str | None, email: str | None) -> str:
    """Everything held about a person. Raises UnknownPerson where that is nobody, or several.

    Only for who holds the lock.
    """
    ledger = Ledger(company.ledger)
    person = find_person(company, customer, email)
    known = meant(company, ledger, [person])
    with closing(Deliveries(company, as_of, known)) as deliveries:
        plain = deliveries.plain()
    feeds: dict[str, list[dict[str, Any]]] = {}
    values = _vault(company)
    for name, row in _own_rows(company, ledger, known):
        text = plain.pop((name, row["source_file"], row["source_row"]), {})
        feeds.setdefault(name, []).append(_in_plain(name, row, values, text))
    for (name, file, line), text in sorted(plain.items()):  # set aside, or not loaded yet
        rows = feeds.setdefault(name, [])
        rows.append({"source_file": file, "source_row": line, "is_loaded": False, **text})
    held = {
        "as_of_date": as_of,
        "customer_ids": person.keys,
        "browsers": sorted({browser for _, browser in person.browsers}),
        "links": _links(company, person),
        "feeds": feeds,
        "marts": dict(_marts(company, person)),
    }
    return json.dumps(held, ensure_ascii=False, indent=2, default=str)


def write_for_one(path: Path, text: str) -> None:
    """Write a file that its owner alone can read; never over one that is there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text + "\n")


def _own_rows(
    company: Company, ledger: Ledger, known: Forgotten
) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, feed, system in raw_files(company, ledger):
        if is_about_persons(feed):
            for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS):
                edits, own = known.edits(feed, batch, system)
                for row in sorted({*edits, *own}):
                    yield feed.name, batch.slice(row, 1).to_pylist()[0]


def _in_plain(
    name: str, row: Mapping[str, Any], values: Mapping[str, str], text: Mapping[str, str]
) -> dict[str, Any]:
    """A row with the values as they were delivered, else as the vault has them, for tokens."""
    told = dict(row)
    for column in feeds_by_name()[name].columns:
        token = told.get(column.name)
        if column.is_token and token is not None:
            told[column.name] = text.get(column.name) or values.get(token, NOT_KEPT)
    told |= {label: cell for label, cell in text.items() if label not in told}
    return {label: cell for label, cell in told.items() if cell is not None}


def _vault(company: Company) -> dict[str, str]:
    places = (company.work / "privacy", company.vault)
    with duck.connect(*places) as connection, Vault(company).opened(connection):
        return dict(connection.execute("select token, value from vault.kept").fetchall())


def _links(company: Company, person: Person) -> list[dict[str, Any]]:
    path = export_file(company.raw, TABLE)
    rows = pq.read_table(path).to_pylist() if path.is_file() else []
    return [row for row in rows if row["customer_key"] in person.keys]


def _marts(company: Company, person: Person) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    version = publishing.current(company)
    if version is None:
        return
    with duck.opened(version.folder / publishing.WHOLE) as connection:
        tables = connection.execute(
            "select distinct table_name from duckdb_columns()"
            f" where schema_name = 'marts' and column_name = '{PERSON}' order by 1"
        ).fetchall()
        for (table,) in tables:
            found = connection.execute(
                f"from marts.{duck.name(table)} where list_contains(?, {PERSON}) order by all",
                [list(person.keys)],
            )
            names = [column[0] for column in found.description or ()]
            if rows := [dict(zip(names, row, strict=True)) for row in found.fetchall()]:
                yield table, rows

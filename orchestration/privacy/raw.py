"""Raw rows, quarantine and vault without whom the company forgot."""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.company import Company
from orchestration.contract import Feed, feeds_by_name
from orchestration.disk import digest
from orchestration.ingest import duck, tokens
from orchestration.ingest.writing import BATCH_ROWS, SYSTEM, RawFile
from orchestration.ledger import Ledger
from orchestration.privacy import files
from orchestration.privacy.forgotten import (
    ADDRESSES,
    ANYWHERE,
    ID,
    RESPONSE,
    STAND_IN,
    Forgotten,
    applied,
    id_columns,
    is_about_persons,
)
from orchestration.privacy.journal import Journal, Tombstone
from orchestration.vault import Keeper, Vault

RESPONSES = "responses"  # the feed whose answers name no person
CELL = re.compile(r"[^,;|\t\"'\n\r]+")  # of a line that is no row
ADDRESS_IN_TEXT = re.compile(r"[^\s,;:\"'<>()|]+@[^\s,;:\"'<>()|]+|\+?\d[\d ().-]{7,}\d")


def forget_rows(path: Path, feed: Feed, system: str, known: Forgotten, *, dry: bool = False) -> int:
    """Forget persons in one Parquet file of raw; how many of its rows changed."""
    changed = 0
    if not known or not is_about_persons(feed):
        return 0

    def write(aside: Path) -> bool:
        nonlocal changed
        source = pq.ParquetFile(path)
        with RawFile(aside) as out:
            for batch in source.iter_batches(BATCH_ROWS):
                edits, _ = known.edits(feed, batch, system)
                changed += len(edits)
                out.write(applied(batch, edits))
        return bool(changed)

    def count(_: Path) -> bool:
        nonlocal changed
        for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS):
            changed += len(known.edits(feed, batch, system)[0])
        return False

    # most files hold nobody of them, and are only read
    files.replace(path, count)
    if changed and not dry:
        changed = 0
        files.replace(path, write)
    return changed


def forget_kept(
    ledger: Ledger, path: Path, feed: Feed, system: str, known: Forgotten, *, dry: bool = False
) -> int:
    """The same of a file that is in raw already, whose hash the ledger keeps."""
    rows = forget_rows(path, feed, system, known, dry=True)
    if rows and not dry:
        load_id = path.parent.name.removeprefix("load_id=")
        ledger.record_raw(load_id, None)
        forget_rows(path, feed, system, known)
        ledger.record_raw(load_id, digest(path))
    return rows


def raw_files(company: Company, ledger: Ledger) -> Iterator[tuple[Path, Feed, str]]:
    """Every Parquet file of a load, those that others superseded included, with its system."""
    feeds = feeds_by_name()
    for load in ledger.loads():
        folder = company.raw / load.source / load.feed / f"load_id={load.load_id}"
        for path in sorted(folder.glob("*.parquet")):
            if load.feed in feeds:
                yield path, feeds[load.feed], load.system


# ---- quarantine


class Suspects:
    """Tells of rows that are no good whether they are a forgotten person's."""

    def __init__(self, company: Company, known: Forgotten):
        self.known = known
        self.db = duck.connect(company.work / "privacy", company.raw)
        tokens.install(self.db, known.key)

    def close(self) -> None:
        self.db.close()

    def _token(self, column: str, value: str) -> str:
        sql = f"select hmac_token({tokens.normalised(column, '?')})"
        (token,) = self.db.execute(sql, [value]).fetchone() or ("",)
        return token

    def is_of(self, feed: Feed | None, system: str, text: str | None) -> bool:
        """Whether a row, as JSON or as the line that it was, names a forgotten person."""
        if not text:
            return False
        try:
            cells = json.loads(text)
        except ValueError:
            cells = None
        if feed and isinstance(cells, dict):
            named = [str(cells[n]).strip() for n in id_columns(feed) if cells.get(n)]
            if any(self.known.person_id(feed, system, value) for value in named):
                return True
            if named and feed.name != "customers":
                return False
            found = [(n, str(cells[n])) for n in (*ADDRESSES, "phone") if cells.get(n)]
        else:
            cells = {cell.strip() for cell in CELL.findall(text)}
            owners = {system, self.known.owners.get(system, system)}
            if any(self.known.stand_in(ID, of, cell) for of, cell in product(owners, cells)):
                return True
            found = [("recipient", one) for one in ADDRESS_IN_TEXT.findall(text)]
        return any(
            self.known.address(feed, system, self._token(name, value)) is not None
            if feed
            else self.known.stand_in("address", ANYWHERE, self._token(name, value)) is not None
            for name, value in found
        )


def forget_set_aside(
    path: Path, feed: Feed | None, systems: Collection[str], suspects: Suspects
) -> list[int]:
    """Empty the values of forgotten persons' rows in a quarantine file of one of some systems; the
    lines of these.
    """
    rows = pq.read_table(path)
    lines = [
        row["line"]
        for row in rows.to_pylist()
        if any(
            suspects.is_of(feed, system, row["raw"])
            or (row["raw"] is None and suspects.is_of(None, system, row["value"]))
            for system in systems
        )
    ]
    if lines:
        gone = set(lines)
        kept = [
            {**row, "value": None, "raw": None} if row["line"] in gone else row
            for row in rows.to_pylist()
        ]
        files.replace(path, lambda aside: _write(pa.Table.from_pylist(kept, rows.schema), aside))
    return lines


def _write(table: pa.Table, path: Path) -> bool:
    pq.write_table(table, path)
    return True


def remember_responses(
    path: Path, feed: Feed, system: str, known: Forgotten, ledger: Ledger
) -> None:
    """Know the answers of a forgotten person's new responses too: they name only the response."""
    stones: dict[int, list[Tombstone]] = {}
    for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS):
        _, own = known.edits(feed, batch, system)
        for row, stand_in in own.items():
            if digits := stand_in.removeprefix(STAND_IN).partition("-")[0]:
                hashed = known.hash(RESPONSE, system, batch["response_id"][row].as_py())
                stones.setdefault(int(digits), []).append(Tombstone(RESPONSE, hashed, stand_in))
    for number, of_person in stones.items():
        Journal(ledger).remember(number, of_person)
        known.stones.update({(one.kind, one.hash): one.stand_in for one in of_person})


def forget_landed(
    folder: Path, quarantine: Path, feed: Feed, system: str, known: Forgotten, company: Company
) -> tuple[int, set[int | None]]:
    """Forget persons in what a night has just read of a file: the rows of raw that changed, and
    the lines of those that were set aside.
    """
    paths = sorted(folder.glob("*.parquet"))
    if feed.name == RESPONSES:
        for path in paths:
            remember_responses(path, feed, system, known, Ledger(company.ledger))
    rows = sum(forget_rows(path, feed, system, known) for path in paths)
    if not quarantine.is_file():
        return rows, set()
    suspects = Suspects(company, known)
    try:
        return rows, set(forget_set_aside(quarantine, feed, [system], suspects))
    finally:
        suspects.close()


def forget_quarantine(
    company: Company, ledger: Ledger, known: Forgotten, *, dry: bool = False
) -> int:
    """Empty what quarantine and ledger keep of forgotten persons' rows; how many rows."""
    known_systems = {load.load_id: load.system for load in ledger.loads()}
    every = {*known_systems.values(), *company.systems}
    every |= {path.name for path in company.landing.glob("*") if path.is_dir()}
    suspects, count = Suspects(company, known), 0
    try:
        for path in sorted(company.quarantine.glob("*/*.parquet")):
            load_id, _, name = path.stem.rpartition("-")
            feed = feeds_by_name().get(name)
            told = (pq.read_schema(path).metadata or {}).get(SYSTEM)
            system = told.decode() if told else known_systems.get(load_id)
            systems = [system] if system else sorted(every)
            if dry:
                count += sum(
                    any(suspects.is_of(feed, system, row["raw"]) for system in systems)
                    for row in pq.read_table(path).to_pylist()
                )
                continue
            lines = forget_set_aside(path, feed, systems, suspects)
            count += len(set(lines))
            _forget_values(ledger, load_id, lines)
    finally:
        suspects.close()
    return count


def _forget_values(ledger: Ledger, load_id: str, lines: Iterable[int | None]) -> None:
    with ledger.transaction() as db:
        db.executemany(
            "update quarantined_rows set value = null where load_id = ? and line is ?",
            [(load_id, line) for line in set(lines)],
        )


# ---- vault


def forget_values(company: Company) -> int:
    """Write the vault anew with what raw still has tokens of; how many values went."""
    vault = Vault(company)
    if not vault.path.is_file():
        return 0
    columns = [(f, c.name) for f in feeds_by_name().values() for c in f.columns if c.vault]
    held = " union all ".join(
        f"select {name} as token from read_parquet("
        f"{duck.path(company.raw / feed.source / feed.name)} || '/load_id=*/*.parquet',"
        " hive_partitioning = false, union_by_name = true)"
        for feed, name in columns
        if next((company.raw / feed.source / feed.name).glob("load_id=*/*.parquet"), None)
    )
    gone = 0

    def write(aside: Path) -> bool:
        nonlocal gone
        connection = duck.connect(vault.work, company.raw, company.vault)
        try:
            with vault.opened(connection):
                kept = connection.execute(
                    f"select * from vault.kept semi join ({held}) using (token)"
                ).to_arrow_table()
                ((before,),) = connection.execute("select count(*) from vault.kept").fetchall()
        finally:
            connection.close()
        gone = before - len(kept)
        if gone:
            keeper = Keeper(Vault(company, aside))
            keeper.keep(kept.to_reader())
            keeper.close()
        return bool(gone)

    files.replace(vault.path, write)
    return gone


def counted(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    """The sums by name, without what is nothing."""
    sums: dict[str, int] = {}
    for name, count in rows:
        if count:
            sums[name] = sums.get(name, 0) + count
    return sums

"""What else tells of a person: logs, Dagster's history, work files, exports of the ledger."""

import csv
import io
import json
import re
import shutil
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.company import Company
from orchestration.history import dagster_folder
from orchestration.ledger import Ledger, export_file, write_export
from orchestration.linking import TABLE
from orchestration.linking.decided import FILE
from orchestration.privacy import files, records
from orchestration.privacy.persons import Person

GONE = "(erased)"
SQLITE = b"SQLite format 3\0"
# Of the ledger: what may repeat a value. All else is of files, nights and figures.
TOLD_IN_LEDGER = {"quarantined_rows": ("value", "reason"), "checks": ("observed", "expected")}


def pattern_of(persons: Iterable[Person]) -> re.Pattern[str] | None:
    """What is looked for in texts: values that only these persons have, tokens, browsers, ids
    with their systems, and bare ids that are no mere number of a few digits.
    """
    found: set[str] = set()
    for person in persons:
        found |= person.values | person.tokens | {browser for _, browser in person.browsers}
        found |= set(person.keys)
        found |= {one for key in person.keys if _is_telling(one := key.partition(":")[2])}
    spelt = {one for value in found for one in (value, json.dumps(value)[1:-1])}
    if not spelt:
        return None
    longest = sorted((one for one in spelt if len(one) > 1), key=lambda one: (-len(one), one))
    listed = "|".join(map(re.escape, longest))
    return re.compile(rf"(?<![0-9A-Za-z])(?:{listed})(?![0-9A-Za-z])", re.IGNORECASE)


def _is_telling(source_id: str) -> bool:
    return len(source_id) >= 8 or (len(source_id) >= 4 and not source_id.isdigit())


def scrub(company: Company, wanted: re.Pattern[str], *, dry: bool = False) -> dict[str, int]:
    """Take what is found out of logs and of Dagster's history; the places, by file."""
    found = {}
    for path in _logs(company):
        with path.open("rb") as file:
            head = file.read(len(SQLITE))
        if head.startswith(b"PAR1"):  # cells, and not text
            continue
        is_database = head == SQLITE
        try:
            count = (_scrub_database if is_database else _scrub_text)(path, wanted, dry)
        except sqlite3.OperationalError as error:
            raise files.CannotRewrite(
                f"{path}: {error}: stop `kizuna dev`, or whatever has it open, and try again"
            ) from None
        if count:
            found[path.name] = found.get(path.name, 0) + count
    try:
        if url := records.address(company):
            found |= records.scrub(url, wanted, GONE, dry)
    except Exception as error:  # whatever a server or its library comes up with
        said = f"{dagster_folder(company)}: its PostgreSQL: {str(error).splitlines()[0]}"
        raise files.CannotRewrite(f"{said}: have it running, and try again") from None
    return found


def _logs(company: Company) -> Iterator[Path]:
    """Logs, Dagster's history, and whatever else lies in data/ and is not written anew by rows."""
    known = {
        company.raw, company.quarantine, company.keys, company.vault, company.work,
        company.versions, company.current, company.ledger, company.lock,
    }  # fmt: skip
    others = {path for path in company.data.iterdir() if path not in known}
    for path in sorted({*others, dagster_folder(company)}):
        for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if one.is_file() and not one.name.endswith(("-wal", "-shm", "-journal")):
                yield one


def _scrub_text(path: Path, wanted: re.Pattern[str], dry: bool) -> int:
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    clean, count = wanted.subn(GONE, text)
    if count and not dry:
        anew = clean.encode("utf-8", errors="surrogateescape")
        if path.suffix == ".log":  # a night may be writing to it
            path.write_bytes(anew)
        else:
            files.replace(path, lambda aside: bool(aside.write_bytes(anew)))
    return count


def _scrub_database(
    path: Path,
    wanted: re.Pattern[str],
    dry: bool,
    told: Mapping[str, Collection[str]] | None = None,
) -> int:
    """The same in the texts of an SQLite file, which is then written anew: its free pages too."""
    count = 0
    with closing(sqlite3.connect(path, timeout=60)) as db:
        for table, columns in _texts(db, told):
            for column in columns:
                seen = (
                    f'select rowid, "{column}" from "{table}" where typeof("{column}") = \'text\''
                )
                for row, text in db.execute(seen).fetchall():
                    clean, places = wanted.subn(GONE, text)
                    count += places
                    if places and not dry:
                        db.execute(
                            f'update "{table}" set "{column}" = ? where rowid = ?', (clean, row)
                        )
        db.commit()
        if count and not dry:
            vacuum(db)
    return count


def vacuum(db: sqlite3.Connection) -> None:
    """Write the whole file anew, so that nothing of what was deleted stays in it."""
    db.execute("vacuum")
    db.execute("pragma wal_checkpoint(truncate)")


def _texts(
    db: sqlite3.Connection, told: Mapping[str, Collection[str]] | None
) -> Iterator[tuple[str, Collection[str]]]:
    if told is not None:
        yield from told.items()
        return
    tables = db.execute("select name from sqlite_master where type = 'table'").fetchall()
    for (table,) in tables:
        yield table, [row[1] for row in db.execute(f'pragma table_info("{table}")')]


# ---- work files, ledger, what dbt reads of it, what people wrote


def clear_work(company: Company, keep: Collection[str] = ()) -> int:
    """Remove all work files: they can be made again; how many there were."""
    count = 0
    for path in sorted(company.work.glob("*")):
        if path.name not in keep and path.is_dir():
            count += sum(one.is_file() for one in path.rglob("*"))
            shutil.rmtree(path)
    return count


def scrub_ledger(ledger: Ledger, wanted: re.Pattern[str], *, dry: bool = False) -> int:
    return _scrub_database(ledger.path, wanted, dry, TOLD_IN_LEDGER)


def vacuum_ledger(ledger: Ledger) -> None:
    with closing(sqlite3.connect(ledger.path, timeout=60)) as db:
        vacuum(db)


def forget_links(company: Company, stand_ins: Mapping[str, str]) -> None:
    """Have the stand-ins in the links that the last night found."""
    path = export_file(company.raw, TABLE)
    if not path.is_file():
        return
    table = pq.read_table(path)
    names = ("customer_key", "person_key", "linked_to")
    changed = table
    for name in names:
        values = [_instead(v, stand_ins) for v in table[name].to_pylist()]
        position = changed.schema.get_field_index(name)
        changed = changed.set_column(position, name, pa.array(values, pa.string()))
    if not changed.equals(table):
        write_export(company.raw, TABLE, changed)


def _instead(key: str | None, stand_ins: Mapping[str, str]) -> str | None:
    if key in stand_ins:
        return f"{key.partition(':')[0]}:{stand_ins[key]}"
    return key


def forget_decisions(company: Company, keys: Collection[str]) -> int:
    """Take the lines that name a person out of people's decisions on who is who."""
    path = company.reference / FILE
    if not path.is_file():
        return 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    kept = [
        line
        for line in lines
        if len(line) < 4 or not {f"{line[0]}:{line[1]}", f"{line[2]}:{line[3]}"} & set(keys)
    ]
    if len(kept) < len(lines):
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows(kept)
        files.replace(path, lambda aside: bool(aside.write_text(out.getvalue(), encoding="utf-8")))
    return len(lines) - len(kept)

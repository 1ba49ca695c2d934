"""Every byte and every cell of a folder, whatever it is packed in, to look for what may remain."""

import gzip
import sqlite3
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import zstandard

from orchestration.company import Company
from orchestration.vault import Vault


def places_of(company: Company, wanted: Iterable[str]) -> dict[str, list[str]]:
    """Per text that is found somewhere below the company's folder, but in keys: the files."""
    texts = {text: [text.encode(e) for e in ("utf-8", "cp932", "utf-16-le")] for text in wanted}
    found: dict[str, list[str]] = {}
    for path in sorted(company.folder.rglob("*")):
        if not path.is_file() or path.parent == company.keys:
            continue
        held = list(_contents(path, company))
        for text, spelt in texts.items():
            if any(one in content for content in held for one in spelt):
                found.setdefault(text, []).append(str(path.relative_to(company.folder)))
    return found


def _contents(path: Path, company: Company) -> Iterator[bytes]:
    content = path.read_bytes()
    yield content
    if content.startswith(b"\x1f\x8b"):
        yield gzip.decompress(content)
    elif content.startswith(b"\x28\xb5\x2f\xfd"):
        with path.open("rb") as file:
            yield zstandard.ZstdDecompressor().stream_reader(file).read()
    elif content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif content.startswith(b"PAR1"):
        yield _spelt(cell for column in pq.read_table(path).columns for cell in column.to_pylist())
    elif content.startswith(b"SQLite format 3\0"):
        yield _of_sqlite(path)
    elif path.suffix == ".duckdb":
        yield _of_duckdb(path, company)


def _spelt(cells: Iterable[object]) -> bytes:
    return "\n".join(str(cell) for cell in cells if cell is not None).encode(errors="replace")


def _of_sqlite(path: Path) -> bytes:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        tables = [t for (t,) in db.execute("select name from sqlite_master where type = 'table'")]
        return _spelt(c for t in tables for row in db.execute(f'select * from "{t}"') for c in row)


def _of_duckdb(path: Path, company: Company) -> bytes:
    with duckdb.connect() as db:
        if path == Vault(company).path:
            with Vault(company).opened(db):
                return _spelt(c for row in db.execute("from vault.kept").fetchall() for c in row)
        db.execute(f"attach '{path}' as held (read_only)")
        tables = db.execute(
            "select schema_name || '.' || table_name from duckdb_tables()"
            " where database_name = 'held'"
        ).fetchall()
        return _spelt(
            c for (t,) in tables for row in db.execute(f"from held.{t}").fetchall() for c in row
        )

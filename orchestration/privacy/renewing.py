"""Files made anew beside the old ones, with tokens of another key or a vault of another.

Raw tells by its contract where it has tokens. What repeats raw (versions, exports of the ledger)
has them in columns of other names, so there whatever is a token in raw counts as one.
"""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from functools import cached_property
from pathlib import Path

import duckdb

from orchestration import keys, publishing
from orchestration.company import Company
from orchestration.contract import Feed, load_contract, personal_columns
from orchestration.disk import digest, fsync
from orchestration.ingest import duck, tokens
from orchestration.ingest.tokens import TokenKey
from orchestration.ingest.writing import BATCH_ROWS, RawFile
from orchestration.keys import Kind
from orchestration.landing import INCOMING
from orchestration.ledger import EXPORTED, Ledger
from orchestration.privacy import traces
from orchestration.privacy.versions import copy_old, tables_of
from orchestration.steps import reach
from orchestration.vault import Keeper, Vault

ASIDE = ".rotating"  # ends the names of what is made anew and does not count yet
TOKEN = re.compile(rf"(?<![0-9a-f])[0-9a-f]{{{tokens.DIGITS}}}(?![0-9a-f])")


class Renewal:
    """Files made anew beside the old ones, and what the ledger is to know then."""

    def __init__(self, company: Company, ledger: Ledger, before: TokenKey, new: Mapping[Kind, str]):
        self.company, self.ledger, self.before, self.new = company, ledger, before, new
        key = new.get(keys.TOKENS)
        self.after = TokenKey.following(before, key) if key else before

    def everything(self) -> dict[str, int]:
        """How many files, or values, are anew, by place."""
        counts = {}
        if keys.TOKENS in self.new:
            traces.clear_work(self.company)
            shutil.rmtree(self.company.raw / INCOMING, ignore_errors=True)
            with closing(self.connection):
                counts["raw"] = sum(self._raw(path, feed) for path, feed in self._raw_files())
                told = self._in_words()
                self._know_tokens(told)
                counts["logs"] = self._scrub(told)
                exports = sorted((self.company.raw / "ledger").glob(f"*/{EXPORTED}/*.parquet"))
                counts["exports"] = sum(map(self._parquet, exports))
                counts["versions"] = sum(map(self._version, publishing.versions(self.company)))
        counts["vault"] = self._vault()
        for kind, key in self.new.items():
            if kind.new() is None:
                path = self.company.keys / kind.file
                keys.write_private(path.with_name(f".{path.name}{ASIDE}"), key)
                fsync(path.parent)
        return counts

    def renewed(self, old: list[str]) -> list[str]:
        """Tokens under the old key as they are under the new one."""
        return self.after.covered(self.before.uncovered(old))

    def tell(self, db: sqlite3.Connection) -> None:
        """Have the ledger know what is anew, as part of the caller's transaction."""
        hashes = [
            (digest(aside), path.parent.name.removeprefix("load_id="))
            for path, _ in self._raw_files()
            if (aside := aside_of(path)).is_file()
        ]
        db.executemany("update loads set raw_sha256 = ? where load_id = ?", hashes)
        for table, column in (("tombstones", "hash"), ("erasures", "request_hash")):
            held = f"select rowid, {column} from {table} where {column} is not null"
            rows = db.execute(held).fetchall()
            renewed = self.renewed([known for _, known in rows])
            db.executemany(
                f"update {table} set {column} = ? where rowid = ?",
                [(known, row) for (row, _), known in zip(rows, renewed, strict=True)],
            )
        for kind, key in self.new.items():
            wrapped = self.after.wrapped() if kind == keys.TOKENS else None
            known = (kind.name, keys.key_id(key), wrapped)
            db.execute("insert or replace into keys values (?, ?, ?)", known)

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        places = (self.company.raw, self.company.versions)
        connection = duck.connect(self.company.work / "privacy", *places)
        tokens.install_over(connection, "renewed", self.renewed)
        connection.create_function("renewed_cells", self._cells, ["VARCHAR"], "VARCHAR")
        return connection

    def _beside(self, path: Path, write: Callable[[Path], object]) -> int:
        aside = aside_of(path)
        write(aside)
        shutil.copymode(path, aside)
        fsync(aside)
        fsync(aside.parent)
        reach("file made anew")
        return 1

    # ---- raw

    def _raw_files(self) -> Iterator[tuple[Path, Feed]]:
        """Every file of raw that may hold tokens, also of a night that was killed."""
        for feed in load_contract():
            folder = self.company.raw / feed.source / feed.name
            for path in sorted(folder.glob("load_id=[0-9]*/*.parquet")):
                yield path, feed

    def _raw(self, path: Path, feed: Feed) -> int:
        source = _rows(path)
        held = self._columns(source)
        changed = {
            column.name: f"case when {_holds_token(column.name, column.plain_where)}"
            f" then renewed({column.name}) else {column.name} end"
            for column in feed.columns
            if column.is_token and column.name in held
        }
        if "extra_columns" in held:
            changed["extra_columns"] = "renewed_cells(extra_columns)"
        anew = ", ".join(f"{sql} as {name}" for name, sql in changed.items())

        def write(aside: Path) -> None:
            found = self.connection.execute(f"select * replace ({anew}) from {source}")
            with RawFile(aside) as out:
                for batch in found.to_arrow_reader(BATCH_ROWS):
                    out.write(batch)

        ((rows,),) = self.connection.execute(f"select count(*) from {source}").fetchall()
        return self._beside(path, write) if changed and rows else 0

    def _cells(self, cells: str | None) -> str | None:
        """Columns that the feed does not declare, as JSON; the personal ones are tokens."""
        for name, value in json.loads(cells or "{}").items():
            if name in personal_columns() and value and TOKEN.fullmatch(value):
                assert cells
                cells = cells.replace(value, self.renewed([value])[0])
        return cells

    def _columns(self, source: str) -> dict[str, str]:
        described = self.connection.execute(f"describe from {source}").fetchall()
        return {name: kind for name, kind, *_ in described}

    # ---- what repeats tokens of raw

    def _know_tokens(self, told: Collection[str]) -> None:
        """Which of all that looks like a token, in versions, exports and words, is one of raw."""
        self.connection.execute(
            "create temp table seen as select unnest(?::varchar[]) as token", [sorted(told)]
        )
        for version in publishing.versions(self.company):
            for path in sorted((version.folder / "parquet").glob("*.parquet")):
                self._see(path)
        for path in sorted((self.company.raw / "ledger").glob(f"*/{EXPORTED}/*.parquet")):
            self._see(path)
        held = [
            f"select {column.name} as token from {source} where"
            f" {_holds_token(column.name, column.plain_where)}"
            for path, feed in self._raw_files()
            for source in [_rows(path)]
            for held in [self._columns(source)]
            for column in feed.columns
            if column.is_token and column.name in held
        ]
        self.connection.execute("create temp table known (token varchar)")
        for sql in held:
            self.connection.execute(
                f"insert into known select distinct token from ({sql})"
                " semi join seen using (token) anti join known using (token)"
            )

    def _see(self, path: Path) -> None:
        source = _rows(path)
        for name, kind in self._columns(source).items():
            if kind == "VARCHAR":
                column = duck.name(name)
                self.connection.execute(
                    f"insert into seen select distinct {column} from {source}"
                    f" where {_holds_token(column)} and {column} not in (from seen)"
                )

    def _changed(self, source: str, columns: Mapping[str, str]) -> str | None:
        """SQL of a table with new tokens for old ones; None where it holds none."""
        changed = {}
        for name in (name for name, kind in columns.items() if kind == "VARCHAR"):
            column = duck.name(name)
            if name == "extra_columns":
                changed[name] = f"renewed_cells({column})"
                continue
            is_known = f"{column} in (from known)"
            if self.connection.execute(
                f"select 1 from {source} where {is_known} limit 1"
            ).fetchall():
                changed[name] = f"case when {is_known} then renewed({column}) else {column} end"
        anew = ", ".join(f"{sql} as {duck.name(name)}" for name, sql in changed.items())
        return f"select * replace ({anew}) from {source}" if changed else None

    def _parquet(self, path: Path) -> int:
        source = _rows(path)
        sql = self._changed(source, self._columns(source))
        how = "(format parquet, compression zstd)"
        return sql is not None and self._beside(
            path, lambda aside: self.connection.execute(f"copy ({sql}) to {duck.text(aside)} {how}")
        )

    def _database(self, path: Path) -> int:
        self.connection.execute(f"attach {duck.text(path)} as old (read_only)")
        try:
            changed = {
                table: sql
                for table, columns in tables_of(self.connection)
                if (sql := self._changed(f"old.marts.{duck.name(table)}", dict(columns)))
            }
            return bool(changed) and self._beside(
                path, lambda aside: copy_old(self.connection, aside, changed)
            )
        finally:
            self.connection.execute("detach old")

    def _version(self, version: publishing.Version) -> int:
        """Both DuckDB files, the Parquet files, and the manifest with the new hashes."""
        names = [
            name for name in version.manifest["files"] if name.endswith((".duckdb", ".parquet"))
        ]
        changed = [
            name
            for name in names
            if (self._database if name.endswith(".duckdb") else self._parquet)(
                version.folder / name
            )
        ]
        if changed:
            hashes = {name: digest(aside_of(version.folder / name)) for name in changed}
            manifest = {**version.manifest, "files": {**version.manifest["files"], **hashes}}
            text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
            path = version.folder / publishing.MANIFEST
            self._beside(path, lambda aside: aside.write_text(text, encoding="utf-8"))
        return len(changed)

    def _in_words(self) -> set[str]:
        """What looks like a token in logs, Dagster's history and what the ledger repeats."""
        seen = _Seen()
        traces.scrub(self.company, seen, dry=True)
        traces.scrub_ledger(self.ledger, seen, dry=True)
        return seen.found

    def _scrub(self, told: Collection[str]) -> int:
        """Words keep no token, neither of the old key nor of the new."""
        known = {token for (token,) in self.connection.execute("from known").fetchall()}
        if not (gone := sorted(known & set(told))):
            return 0
        wanted = re.compile("|".join(gone))
        count = sum(traces.scrub(self.company, wanted).values())
        return count + traces.scrub_ledger(self.ledger, wanted)

    # ---- vault

    def _vault(self) -> int:
        """The vault with the new tokens, under its new key, or the old one."""
        vault = Vault(self.company)
        if not vault.path.is_file():
            return 0
        key = self.new.get(keys.VAULT)
        anew = Vault(self.company, aside_of(vault.path), key or keys.read(self.company, keys.VAULT))
        with duck.connect(vault.work, self.company.vault) as connection:
            tokens.install_over(connection, "renewed", self.renewed)
            with vault.opened(connection):
                kept = connection.execute(
                    "select renewed(token) as token, value from vault.kept"
                ).to_arrow_table()

        def write(_: Path) -> None:
            keeper = Keeper(anew)
            keeper.keep(kept.to_reader())
            keeper.close()

        self._beside(vault.path, write)
        return len(kept)


class _Seen:
    """What stands where a pattern does, and keeps what looks like a token."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def subn(self, _: str, text: str) -> tuple[str, int]:
        self.found.update(TOKEN.findall(text))
        return text, 0


def aside_of(path: Path) -> Path:
    return path.with_name(f".{path.name}{ASIDE}")


def _rows(path: Path) -> str:
    return f"read_parquet({duck.path(path)}, hive_partitioning = false)"


def _holds_token(column: str, plain_where: str | None = None) -> str:
    """SQL: whether a row of raw has a token there."""
    holds = f"coalesce(regexp_full_match({column}, '[0-9a-f]{{{tokens.DIGITS}}}'), false)"
    return f"{holds} and not coalesce({plain_where}, false)" if plain_where else holds

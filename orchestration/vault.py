"""The vault: the one table that leads from tokens back to values, encrypted with a key of its own.

Raw, the warehouse and everything after them hold tokens; what must see a name to recognise a
person asks here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration import keys
from orchestration.company import Company
from orchestration.disk import fsync, make_folder
from orchestration.ingest import duck

FILE = "vault.duckdb"


class VaultError(Exception):
    """The vault cannot be opened; the message says which key does not fit."""


class Vault:
    """The vault of a company; `path` and `key` where it is to be made anew, aside."""

    def __init__(self, company: Company, path: Path | None = None, key: str | None = None):
        self.company, self.key = company, key
        self.path = path or company.vault / FILE
        self.work = company.work / "vault"

    @contextmanager
    def opened(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let a connection read `vault.kept` (token, value); empty where nothing was kept."""
        if self.path.is_file():
            self.attach(connection, ", read_only")
            try:
                yield
            finally:
                connection.execute("detach vault")
        else:
            connection.execute("create schema if not exists vault")
            connection.execute(
                "create table if not exists vault.kept (token varchar, value varchar)"
            )
            yield

    def attach(self, connection: duckdb.DuckDBPyConnection, how: str = "") -> None:
        """Raises WrongKey where the key is not the one in use, VaultError where it does not open
        the file.
        """
        key = self.key or keys.read(self.company, keys.VAULT)
        try:
            connection.execute(
                f"attach {duck.text(self.path)} as vault (encryption_key {duck.text(key)}{how})"
            )
        except duckdb.Error as error:
            where = keys.where(self.company, keys.VAULT)
            what = str(error).splitlines()[0].replace(key, "…")
            raise VaultError(f"{self.path}: not opened by the key of {where}: {what}") from None
        if self.key is None:
            keys.used(self.company, keys.VAULT, key)


class Keeper:
    """Who puts values into the vault, one process at a time, while a night lands its files."""

    def __init__(self, vault: Vault):
        make_folder(vault.path.parent, mode=0o700)
        # DuckDB encrypts with the OpenSSL of httpfs
        self.connection = duck.connect(vault.work, vault.path.parent, extensions=["httpfs"])
        vault.attach(self.connection)
        os.chmod(vault.path, 0o600)
        self.connection.execute(
            "create table if not exists vault.kept (token varchar, value varchar)"
        )
        fsync(vault.path.parent)

    def keep(self, found: pa.RecordBatchReader) -> None:
        """Remember values by their tokens, all or nothing; what is known already stays."""
        self.connection.register("found", found)
        self.connection.execute("""
            insert into vault.kept
            select token, any_value(value) from found
            anti join vault.kept using (token)
            group by token
        """)

    def close(self) -> None:
        self.connection.execute("checkpoint vault")
        self.connection.execute("detach vault")
        self.connection.close()

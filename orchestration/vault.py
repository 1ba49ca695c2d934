"""The vault: the one table that leads from tokens back to values, encrypted with a key of its own.

Raw, the warehouse and everything after them hold tokens; what must see a name to recognise a
person asks here.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb
import pyarrow as pa

from orchestration.company import Company
from orchestration.ingest import duck
from orchestration.ingest.tokens import kept_key
from orchestration.settings import vault_key

FILE = "vault.duckdb"
KEY_FILE = "vault.key"
VALUES = pa.schema({"token": pa.string(), "value": pa.string()})


class VaultError(Exception):
    """The vault cannot be opened; the message says which key does not fit."""


class Vault:
    """The vault of a company; one process at a time may keep something in it."""

    def __init__(self, company: Company):
        self.path = company.vault / FILE
        self.work = company.work / "vault"
        self.key_file = company.keys / KEY_FILE

    def keep(self, found: Iterable[pa.RecordBatch]) -> None:
        """Remember values by their tokens, all or nothing; what is known already stays."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with duck.connect(self.work) as connection:
            duck.load_extension(connection, "httpfs")  # DuckDB encrypts with its OpenSSL
            with self._attached(connection, ""):
                connection.execute(
                    "create table if not exists vault.kept (token varchar, value varchar)"
                )
                reader = pa.RecordBatchReader.from_batches(VALUES, found)
                connection.register("found", reader)
                connection.execute("""
                    insert into vault.kept
                    select token, any_value(value) from found
                    anti join vault.kept using (token)
                    group by token
                """)
                connection.execute("checkpoint vault")
        os.chmod(self.path, 0o600)

    @contextmanager
    def opened(self, connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Let a connection read `vault.kept` (token, value); empty where nothing was kept."""
        if self.path.is_file():
            with self._attached(connection, ", read_only"):
                yield
        else:
            connection.execute("create schema vault")
            connection.execute("create table vault.kept (token varchar, value varchar)")
            yield

    @contextmanager
    def _attached(self, connection: duckdb.DuckDBPyConnection, how: str) -> Iterator[None]:
        key = kept_key(vault_key(), "KIZUNA_VAULT_KEY", self.key_file)
        try:
            connection.execute(
                f"attach {duck.text(self.path)} as vault (encryption_key {duck.text(key)}{how})"
            )
        except duckdb.Error as error:
            where = "KIZUNA_VAULT_KEY" if vault_key() else self.key_file
            what = str(error).splitlines()[0].replace(key, "…")
            raise VaultError(f"{self.path}: not opened by the key of {where}: {what}") from None
        try:
            yield
        finally:
            connection.execute("detach vault")

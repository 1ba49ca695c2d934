"""How Dagster's history of runs, which is many small files of SQLite, is kept fast."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from sqlalchemy import create_engine, event
from sqlalchemy.engine import Connection, Engine


def hasten() -> None:
    """Have this process keep Dagster's files of events open, and not wait for the disk, through
    a run's thousand events.

    Dagster opens and closes them for each, at which SQLite clears its log away: that takes 10 s
    of a night, and waiting 25 s more. What a power failure can cost is Dagster's pages on past
    runs; what the nights themselves remember is in the ledger, which waits.
    """
    if not event.contains(Engine, "connect", _do_not_wait):
        event.listen(Engine, "connect", _do_not_wait)
        SqliteEventLogStorage._connect = _stay_connected
        SqliteEventLogStorage.dispose = _let_go


def _do_not_wait(connection: object, _: object) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("pragma synchronous = off")


_open: WeakKeyDictionary[SqliteEventLogStorage, dict[str, Engine]] = WeakKeyDictionary()
_dispose = SqliteEventLogStorage.dispose


@contextmanager
def _stay_connected(storage: SqliteEventLogStorage, shard: str) -> Iterator[Connection]:
    """In place of Dagster's own, which makes an engine for each connection."""
    with storage._db_lock:
        engines = _open.setdefault(storage, {})
        if shard not in engines:
            engines[shard] = create_engine(
                storage.conn_string_for_shard(shard),
                connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
            )
        if shard not in storage._initialized_dbs:
            storage._initdb(engines[shard])
            storage._initialized_dbs.add(shard)
        with engines[shard].begin() as connection:
            yield connection


def _let_go(storage: SqliteEventLogStorage) -> None:
    for engine in _open.pop(storage, {}).values():
        engine.dispose()
    _dispose(storage)

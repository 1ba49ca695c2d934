"""The marts in PostgreSQL: loaded aside into a new schema, then shown by one rename.

Readers see one version as long as their transaction lasts, from the first mart that they touch:
the swap waits until nobody reads, briefly and again and again, and gives up when time is up.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import psycopg
from psycopg import errors

from orchestration.company import Company
from orchestration.ingest.duck import name, text
from orchestration.live.postgres import connected
from orchestration.live.secrets import Secrets
from orchestration.live.watermark import SourceError
from orchestration.publishing import WHOLE, Version
from orchestration.serving.config import Server
from orchestration.serving.loading import load
from orchestration.serving.readers import READERS, admit, grant, refuse_excess

SHOWN = "marts"
VERSION = "served_version"
LOCK_SECONDS = 5
NAME = "kizuna serving"  # of its connections, as the server lists them
ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
LOCKED = (errors.LockNotAvailable, errors.QueryCanceled, errors.DeadlockDetected)

Connection = psycopg.Connection


@contextmanager
def opened(server: Server, secrets: Secrets, deadline: float) -> Iterator[Connection]:
    """A connection that is cut at the deadline, whatever the server does until then."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise SourceError(_late(server))
    limit = max(1000, int(left * 1000))
    options = (
        f"-c timezone=UTC -c datestyle=ISO -c search_path= -c lock_timeout={LOCK_SECONDS}s"
        f" -c statement_timeout={limit} -c idle_in_transaction_session_timeout={limit}"
    )
    keeping = {**ALIVE, "tcp_user_timeout": limit, "application_name": NAME}
    with connected(server, secrets, options=options, autocommit=True, **keeping) as connection:
        is_late = threading.Event()
        timer = threading.Timer(left, _cut, (connection, is_late))
        timer.daemon = True
        timer.start()
        try:
            yield connection
        except psycopg.OperationalError:
            if is_late.is_set():
                raise SourceError(_late(server)) from None
            raise
        finally:
            timer.cancel()


def _late(server: Server) -> str:
    return f"it took longer than {server.max_seconds:g} seconds"


def _cut(connection: Connection, is_late: threading.Event) -> None:
    """End the connection from here: a server that hangs keeps no other time limit."""
    is_late.set()
    with (
        suppress(OSError, psycopg.Error),
        socket.socket(fileno=os.dup(connection.fileno())) as wire,
    ):
        wire.shutdown(socket.SHUT_RDWR)


def shown(connection: Connection) -> tuple[str, str] | None:
    """The run whose marts are shown and the sha256 of the file that they were loaded from, which
    an erasure changes; None where there are none yet.
    """
    if connection.execute(f"select to_regclass('{SHOWN}.{VERSION}')").fetchone() != (None,):
        found = connection.execute(f"select run_id, file_sha256 from {SHOWN}.{VERSION}")
        return found.fetchone()
    strange = connection.execute(
        "select relname from pg_class where relnamespace = to_regnamespace(%s) limit 1", [SHOWN]
    ).fetchone()
    if strange:
        raise SourceError(
            f"its schema `{SHOWN}` holds `{strange[0]}` and is none that Kizuna made: name a"
            " database of its own"
        )
    return None


def wanted_of(version: Version) -> tuple[str, str]:
    """What is shown where a version is."""
    return version.run, version.manifest["files"][WHOLE]


class Brought(NamedTuple):
    """What was loaded to show a version, if it was not shown, and schemas that are still read."""

    rows: int | None
    left: list[str]


def bring(connection: Connection, company: Company, version: Version, deadline: float) -> Brought:
    """Show the version, unless it is shown."""
    _end_the_dead(connection)
    left = sweep(connection)
    wanted = wanted_of(version)
    if shown(connection) == wanted:
        return Brought(None, left)
    admit(connection, company.serving.postgres.reader_seconds)
    aside = _schema("new", version.run)
    with connection.transaction():
        connection.execute(f"create schema {name(aside)}")
        loaded = load(connection, name(aside), version, company.work / "serving")
        _describe(connection, name(aside), version, wanted[1])
    old = _schema("old", version.run)
    while old in left:  # the run was shown before, and somebody reads what was shown then
        old += "_0"
    _swap(connection, aside, old, loaded.person_free, deadline)
    with suppress(psycopg.Error):  # it is shown; what is left over goes the next time
        left = sweep(connection)
    return Brought(loaded.rows, left)


def _schema(kind: str, run: str) -> str:
    return f"{SHOWN}_{kind}_{run.replace('-', '_')}"


def _end_the_dead(connection: Connection) -> None:
    """End what a killed process still has running there: who holds the company's lock is alone."""
    connection.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s"
        " and usename = current_user and datname = current_database() and pid <> pg_backend_pid()",
        [NAME],
    )


def sweep(connection: Connection) -> list[str]:
    """Drop what was shown before and what a killed load left, but for what is still read."""
    found = _leftovers(connection)
    for schema in found:
        with suppress(*LOCKED), connection.transaction():
            connection.execute("set local lock_timeout = '50ms'")
            connection.execute(f"drop schema {name(schema)} cascade")
    left = _leftovers(connection)
    if left != found:
        _forget_dropped(connection)
    return left


def _leftovers(connection: Connection) -> list[str]:
    """The schemas of what was shown before and of killed loads."""
    found = connection.execute(
        "select nspname from pg_namespace where nspname ~ %s and pg_has_role(nspowner, 'usage')"
        " order by 1",
        [rf"^{SHOWN}_(new|old)_[0-9_]+$"],
    )
    return [schema for (schema,) in found.fetchall()]


def _forget_dropped(connection: Connection) -> None:
    """Have the server let go of what it keeps of dropped tables beside them.

    It plans by statistics with values in them, which in its file outlive the tables until that
    is written anew. Rows in its log go with segments that a checkpoint makes superfluous.
    """
    with suppress(psycopg.Error):
        connection.execute("set lock_timeout = '50ms'")
        connection.execute("vacuum (full) pg_catalog.pg_statistic")
    connection.execute("reset lock_timeout")
    ((may_end_log,),) = connection.execute(
        "select pg_has_role('pg_checkpoint', 'usage')"
        " and has_function_privilege('pg_switch_wal()', 'execute')"
    ).fetchall()
    if may_end_log:
        connection.execute("select pg_switch_wal()")
        connection.execute("checkpoint")


def _describe(connection: Connection, schema: str, version: Version, sha256: str) -> None:
    """Tell readers, and the next night, which version this is."""
    columns = "run_id text, as_of_date date, file_sha256 text"
    connection.execute(f"create table {schema}.{VERSION} ({columns})")
    with connection.cursor().copy(f"copy {schema}.{VERSION} from stdin (freeze)") as copy:
        copy.write_row((version.run, version.as_of, sha256))
    connection.execute(
        f"comment on table {schema}.{VERSION} is"
        " 'One row: the version of which every table of this schema is.'"
    )
    told = f"Kizuna: {version.run}, as of {version.as_of}"
    connection.execute(f"comment on schema {schema} is {text(told)}")


def _swap(
    connection: Connection, aside: str, old: str, person_free: frozenset[str], deadline: float
) -> None:
    """Show what was loaded aside, in one transaction, at a moment in which nobody reads.

    A transaction that has read one mart and wants another would wait for the swap while the
    swap waits for it. The server ends such a deadlock at the cost of either, but only looks for
    one after a while, and within a small part of that the swap has stepped back.
    """
    ((seconds,),) = connection.execute(
        "select setting::int / 1000.0 from pg_settings where name = 'deadlock_timeout'"
    ).fetchall()
    seconds = float(seconds) / 20
    while True:
        try:
            with connection.transaction():
                grant(connection, aside, person_free | {VERSION})
                refuse_excess(connection, aside, person_free | {VERSION})
                connection.execute(f"set local statement_timeout = {max(1, int(seconds * 1000))}")
                if relations := _relations(connection):
                    locked = ", ".join(relations)
                    connection.execute(f"lock table {locked} in access exclusive mode")
                connection.execute(f"set local statement_timeout = '{LOCK_SECONDS}s'")
                if connection.execute("select to_regnamespace(%s)", [SHOWN]).fetchone() != (None,):
                    connection.execute(f"alter schema {SHOWN} rename to {name(old)}")
                    connection.execute(f"revoke all on schema {name(old)} from {READERS}")
                connection.execute(f"alter schema {name(aside)} rename to {SHOWN}")
            return
        except LOCKED:
            if time.monotonic() + 1 > deadline:
                held = f"{', '.join(_holders(connection)) or 'somebody'} was reading all the time"
                raise SourceError(held) from None
            time.sleep(2 * seconds)  # in which readers that queued up go on


def _relations(connection: Connection) -> list[str]:
    """Tables and views; first what most hold, for they took it first and want others yet."""
    found = connection.execute(
        "select relname from pg_class left join pg_locks on relation = pg_class.oid"
        " where relnamespace = to_regnamespace(%s) and relkind in ('r', 'v')"
        " group by relname order by count(pid) desc, relname",
        [SHOWN],
    )
    return [f"{SHOWN}.{name(relation)}" for (relation,) in found.fetchall()]


def _holders(connection: Connection) -> list[str]:
    """Who reads what is shown."""
    found = connection.execute(
        "select distinct format('process %%s of %%s', pid, coalesce(usename, '?'))"
        " from pg_locks inner join pg_class on pg_class.oid = relation"
        " left join pg_stat_activity using (pid)"
        " where relnamespace = to_regnamespace(%s) and pid <> pg_backend_pid() order by 1",
        [SHOWN],
    )
    return [who for (who,) in found.fetchall()]

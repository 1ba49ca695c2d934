"""Rows of a PostgreSQL database, by psycopg, with a cursor on the server."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from orchestration.live.config import LOOPBACK, Place, Source, Table
from orchestration.live.databases import (
    BATCH,
    SECONDS,
    Batch,
    address,
    batch,
    position,
    refusal,
    statement,
)
from orchestration.live.secrets import Secrets

NUMBERS = (20, 21, 23, 26, 700, 701, 1700)  # type oids: integers, floats, numeric


@contextmanager
def connected(place: Place, secrets: Secrets, **more: Any) -> Iterator[Any]:
    """A connection; what goes wrong with it, or is refused by the server, is a SourceError.

    Of an error nothing is told but its first line: the others may quote a row.
    """
    import psycopg

    to = address(place, secrets)
    tls = {} if to.host in LOOPBACK else {"sslmode": "require"}
    try:
        with psycopg.connect(
            host=to.host,
            port=to.port or 5432,
            user=to.user,
            password=to.password,
            dbname=to.database,
            connect_timeout=SECONDS,
            client_encoding="utf8",
            **({"application_name": "kizuna"} | more | tls | to.parameters),
        ) as connection:
            yield connection
    except psycopg.Error as error:
        may_pass = isinstance(error, psycopg.OperationalError)
        raise refusal(place, error.diag.message_primary or str(error), may_pass) from None


@contextmanager
def _reading(source: Source, secrets: Secrets) -> Iterator[Any]:
    """A read-only connection that sees one moment, and in which every value is text."""
    import psycopg
    from psycopg.adapt import AdaptersMap
    from psycopg.types.numeric import IntDumper
    from psycopg.types.string import StrDumperUnknown, TextLoader

    plain = AdaptersMap()
    plain.register_loader(0, TextLoader)
    plain.register_dumper(str, StrDumperUnknown)
    plain.register_dumper(int, IntDumper)
    options = "-c timezone=UTC -c datestyle=ISO -c extra_float_digits=1"
    with connected(source, secrets, options=options, context=plain) as connection:
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield connection


def batches(
    source: Source, table: Table, secrets: Secrets, start: Decimal | str | None
) -> Iterator[Batch]:
    """The rows from `start` on, as far as the database sees them in one moment."""
    with _reading(source, secrets) as connection, connection.cursor("kizuna") as cursor:
        cursor.itersize = BATCH
        cursor.execute(statement(table, '"', start), None if start is None else [str(start)])
        names = [column.name for column in cursor.description]
        is_number = cursor.description[position(names, table.cursor)].type_code in NUMBERS
        yield batch([], names, table.cursor, is_number)
        while rows := cursor.fetchmany(BATCH):
            yield batch(rows, names, table.cursor, is_number)


def greet(source: Source, secrets: Secrets) -> None:
    """Connect, and no more."""
    with _reading(source, secrets):
        pass

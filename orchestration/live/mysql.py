"""Rows of a MySQL or MariaDB database, by PyMySQL, unbuffered."""

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from orchestration.live.config import LOOPBACK, Source, Table
from orchestration.live.databases import (
    BATCH,
    SECONDS,
    Address,
    Batch,
    address,
    batch,
    position,
    refusal,
    statement,
)
from orchestration.live.secrets import Secrets
from orchestration.live.watermark import SourceError

READ_SECONDS = 600  # for the first rows of a slow query
NUMBERS = (0, 1, 2, 3, 4, 5, 8, 9, 246)  # types of the protocol: integers, floats, decimals
TIMESTAMP, BIT = 7, 16
REFUSED = (1044, 1045, 1049)  # no such user, password, database: asking again is of no use


@contextmanager
def _connected(source: Source, secrets: Secrets) -> Iterator[Any]:
    """A read-only connection that sees one moment, and in which every value is text."""
    import pymysql
    from pymysql.converters import conversions
    from pymysql.cursors import SSCursor

    to = address(source, secrets)
    connection = None
    try:
        connection = pymysql.connect(
            host=to.host,
            port=to.port or 3306,
            user=to.user,
            password=to.password or "",
            database=to.database,
            charset="utf8mb4",
            cursorclass=SSCursor,
            conv={kind: to for kind, to in conversions.items() if not isinstance(kind, int)},
            connect_timeout=SECONDS,
            read_timeout=READ_SECONDS,
            init_command="set time_zone = '+00:00'",
            ssl=_tls(to, source),
            ssl_disabled=_is_off(to),
        )
        with connection.cursor() as cursor:
            cursor.execute("start transaction with consistent snapshot, read only")
        yield connection
    except (pymysql.OperationalError, pymysql.InterfaceError) as error:
        raise refusal(source, _words(error), error.args[0] not in REFUSED) from None
    except pymysql.MySQLError as error:
        raise SourceError(_words(error)) from None
    except OSError as error:
        raise SourceError(str(error), may_pass=True) from None
    finally:
        if connection is not None:
            _hang_up(connection)


def _hang_up(connection: Any) -> None:
    """Close without reading the rest of the rows first, which is PyMySQL's way."""
    if connection._result is not None:
        connection._result.unbuffered_active = False
    connection._result = None
    connection._force_close()


def _is_off(to: Address) -> bool:
    return to.parameters.get("ssl_disabled") == "true"


def _tls(to: Address, source: Source) -> ssl.SSLContext | None:
    """Encrypted; and of a known server, where `ssl_ca` says who signs for it.

    None where nothing is said of a server on this machine: PyMySQL takes TLS then if it is there.
    """
    authority, own, key = (to.parameters.get(name) for name in source.certificates)
    if to.host in LOOPBACK and not (authority or own):
        return None
    try:
        context = ssl.create_default_context(cafile=authority)
        if own:
            context.load_cert_chain(own, key, password="")  # else it would ask for one, and wait
    except ssl.SSLError as error:
        raise SourceError(f"no certificates, or no key, in {_files(to, source)}: {error}") from None
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # MySQL's own certificates are not as strict
    if authority is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _files(to: Address, source: Source) -> str:
    given = [name for name in source.certificates if name in to.parameters]
    return ", ".join(f"`{name}` ({to.parameters[name]})" for name in given)


def _words(error: Exception) -> str:
    return " ".join(str(part) for part in error.args)


def batches(
    source: Source, table: Table, secrets: Secrets, start: Decimal | str | None
) -> Iterator[Batch]:
    """The rows from `start` on, as far as the database sees them in one moment."""
    asked = start.removesuffix("Z") if isinstance(start, str) else start  # the session is in UTC
    with _connected(source, secrets) as connection:
        cursor = connection.cursor()
        cursor.execute(statement(table, "`", start), None if start is None else [asked])
        names = [column[0] for column in cursor.description]
        kinds = [column[1] for column in cursor.description]
        is_number = kinds[position(names, table.cursor)] in NUMBERS
        yield batch([], names, table.cursor, is_number)
        while rows := cursor.fetchmany(BATCH):
            yield batch([_plain(row, kinds) for row in rows], names, table.cursor, is_number)


def _plain(row: Sequence[Any], kinds: Sequence[int]) -> list[Any]:
    """A row whose instants say that they are in UTC, and whose bits are numbers."""
    plain = list(row)
    for at, kind in enumerate(kinds):
        if plain[at] is None:
            continue
        if kind == TIMESTAMP:
            plain[at] += "Z"
        elif kind == BIT:
            plain[at] = str(int.from_bytes(plain[at]))
    return plain


def greet(source: Source, secrets: Secrets) -> None:
    """Connect, and no more."""
    with _connected(source, secrets):
        pass

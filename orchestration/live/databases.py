"""Rows of a database, in batches, as the text in which the database itself writes its values."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from orchestration.live.config import Place, Table
from orchestration.live.secrets import Secrets
from orchestration.live.watermark import SourceError

BATCH = 2_000  # rows: more of them take more memory and no less time
SECONDS = 15  # for a connection to be made

# What is said where the server, or who asks, is not who they should be, and what to do about it:
# asking again is of no use.
_NAME = "write the host into `url` as the certificate of the server has it"
_WITHOUT = "who runs it can switch TLS on; in a network that you trust, `?{}` goes without"
ADVICE = {
    "does not match host name": _NAME,
    "mismatch, certificate is not valid": _NAME,
    "certificate verify failed": (
        "`{authority}` must name the certificate of the authority that signs for the server: ask"
        " who runs it"
    ),
    "root certificate file": "name in `{authority}` the authority that signs for the server",
    "server does not support SSL": _WITHOUT.format("sslmode=disable"),
    "the server doesn't support it": _WITHOUT.format("ssl_disabled=true"),
    "unknown ca": "the server knows no authority that signed `{own}`: ask who runs it for another",
    "valid client certificate": "it asks for yours: `{own}` and `{key}` name its files",
    "password authentication failed": "",
    "(using password": "if that is right, it asks for a certificate too: `{own}` and `{key}`",
}


@dataclass(frozen=True)
class Batch:
    """Rows of text, and of each row the cursor: a number, a text or None."""

    names: Sequence[str]
    rows: Sequence[Sequence[str | None]]
    cursors: Sequence[Decimal | str | None]


@dataclass(frozen=True)
class Address:
    """Where a database is and who asks, secrets filled in."""

    host: str
    port: int | None
    user: str | None
    password: str | None
    database: str
    parameters: dict[str, str]

    def __repr__(self) -> str:
        return f"Address({self.host})"


def address(place: Place, secrets: Secrets) -> Address:
    parts = urlsplit(place.url)

    def plain(value: str | None) -> str | None:
        return None if value is None else secrets.fill(unquote(value))

    parameters = {name: secrets.fill(value) for name, value in parse_qsl(parts.query)}
    for name in place.certificates:
        if name in parameters and not Path(parameters[name]).is_file():
            raise SourceError(f"`{name}`: there is no file {parameters[name]}")
    database = plain(parts.path.strip("/")) or ""
    return Address(
        secrets.fill(place.host),
        parts.port,
        plain(parts.username),
        plain(parts.password),
        database,
        parameters,
    )


def refusal(place: Place, said: str, may_pass: bool) -> SourceError:
    """What a driver said, in its first line, and what to do about it."""
    said = said.strip().splitlines()[0]
    authority, own, key = place.certificates
    for words, advice in ADVICE.items():
        if words in said:
            told = advice.format(authority=authority, own=own, key=key)
            return SourceError(f"{said}; {told}" if told else said)
    return SourceError(said, may_pass)


def statement(table: Table, quote: str, start: Any) -> str:
    """The SELECT; with a start, the one parameter that it then takes is the cursor."""

    def name(value: str) -> str:
        return quote + value.replace(quote, quote * 2) + quote

    if table.table:
        what = ".".join(name(part) for part in table.table.split("."))
    else:
        what = f"({(table.query or '').strip().rstrip(';')}\n) as asked"
    sql = f"select * from {what}"
    if start is None:
        return sql
    cursor = name(table.cursor or "")
    return f"{sql.replace('%', '%%')} where {cursor} >= %s or {cursor} is null"


def batch(
    rows: Sequence[Sequence[Any]], names: Sequence[str], cursor: str | None, is_number: bool
) -> Batch:
    """A batch of what a driver gave."""
    texts = [[_text(value) for value in row] for row in rows]
    if cursor is None:
        return Batch(names, texts, [None] * len(texts))
    at = names.index(cursor)
    found = [row[at] for row in texts]
    return Batch(names, texts, [_number(v) for v in found] if is_number else found)


def position(names: Sequence[str], cursor: str | None) -> int:
    """Where the cursor stands among the columns."""
    if cursor is not None and cursor not in names:
        raise SourceError(f"has no column `{cursor}`, its cursor; it has {', '.join(names)}")
    return names.index(cursor) if cursor is not None else 0


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return value


def _number(value: str | None) -> Decimal | None:
    number = Decimal(value) if value is not None else None
    return number if number is None or number.is_finite() else None

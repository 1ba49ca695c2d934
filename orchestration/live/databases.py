"""Rows of a database, in batches, as the text in which the database itself writes its values."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from orchestration.live.config import Place, Table
from orchestration.live.secrets import Secrets
from orchestration.live.watermark import SourceError

BATCH = 2_000  # rows: more of them take more memory and no less time
SECONDS = 15  # for a connection to be made


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
    database = plain(parts.path.strip("/")) or ""
    return Address(
        secrets.fill(place.host),
        parts.port,
        plain(parts.username),
        plain(parts.password),
        database,
        parameters,
    )


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

"""Watermarks: how far a source was read, and what of it near that line was read already."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any

MOST = 10_000  # rows near the line that are remembered; where there are more, they come again
LATE = timedelta(minutes=10)  # within which a transaction is committed, unless said otherwise


class SourceError(Exception):
    """Something cannot be fetched; `may_pass` where another attempt could succeed."""

    def __init__(self, message: str, may_pass: bool = False, attempts: int | None = None):
        super().__init__(message)
        self.may_pass = may_pass
        self.attempts = attempts  # where it was tried again already


class Watermark:
    """The greatest cursor so far. Cursors are numbers, or the texts of times and dates.

    What is asked for again tonight, because its cursor is the last one, lies shortly before it
    or is missing, is told from what is new by a hash of the row.
    """

    def __init__(self, state: Mapping[str, Any], cursor: str, overlap: int | None):
        self.cursor = cursor
        self.text: str | None = state.get("cursor")
        self._is_number = bool(state.get("is_number"))
        self._overlap = overlap
        self._seen = frozenset(state.get("seen", ()))
        self._near: dict[str, Decimal | datetime | None] | None = {}
        self._greatest: Decimal | datetime | None = None
        self._greatest = self._compared(self._typed())
        self.news = 0
        self.rows = 0

    @property
    def has_news(self) -> bool:
        return self.news > 0

    @property
    def start(self) -> Decimal | str | None:
        """The cursor to ask from, included; None: from the beginning."""
        if self._greatest is None:
            return None
        line = self._line()
        if isinstance(line, Decimal):
            return line
        if self.text and len(self.text) == len("2026-01-31"):
            return line.date().isoformat()
        spelt = line.replace(tzinfo=None).isoformat()
        return spelt + "Z" if datetime.fromisoformat(self.text or "").tzinfo else spelt

    def admit(self, cursor: Any, content: bytes) -> bool:
        """Whether a row, of that cursor and content, was not read before."""
        self.rows += 1
        value = self._compared(cursor)
        if value is not None and (self._greatest is None or value > self._greatest):
            self._greatest, self.text = value, str(cursor)
            self._is_number = isinstance(value, Decimal)
        digest = blake2b(content, digest_size=12).hexdigest()
        if self._near is not None:
            self._near[digest] = value
            if len(self._near) > 2 * MOST:
                self._forget()
        is_new = digest not in self._seen
        self.news += is_new
        return is_new

    def state(self) -> dict[str, Any]:
        """What the next night must know."""
        if self.rows and self._greatest is None:
            raise SourceError(
                f"the cursor `{self.cursor}` holds neither numbers nor times: name another"
                " column, or none to have all of it fetched every night"
            )
        self._forget()
        return {"cursor": self.text, "is_number": self._is_number, "seen": sorted(self._near or ())}

    def _typed(self) -> Decimal | str | None:
        return Decimal(self.text) if self._is_number and self.text else self.text

    def _line(self) -> Any:
        """The value from which on rows are read again."""
        if isinstance(self._greatest, datetime):
            late = LATE if self._overlap is None else timedelta(seconds=self._overlap)
            return self._greatest - late
        return self._greatest - (self._overlap or 0) if self._greatest is not None else None

    def _forget(self) -> None:
        line = self._line()
        if self._near is not None and line is not None:
            self._near = {d: v for d, v in self._near.items() if v is None or v >= line}
        if self._near is not None and len(self._near) > MOST:
            self._near = None

    def _compared(self, cursor: Any) -> Decimal | datetime | None:
        """A cursor as what can be compared; None where it is missing or endless."""
        if cursor is None or isinstance(cursor, bool):
            return None
        if isinstance(cursor, int | Decimal):
            value: Decimal | datetime = Decimal(cursor)
        else:
            try:
                value = datetime.fromisoformat(str(cursor))
            except ValueError:
                return None
            value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        if self._greatest is not None and type(self._greatest) is not type(value):
            raise SourceError(f"the cursor `{self.cursor}` holds numbers and times, mixed")
        return value


class Whole:
    """Of what is fetched whole: whether it is what it was the last time, in any order."""

    start = None

    def __init__(self, state: Mapping[str, Any]):
        self._before = state.get("content")
        self._sum = 0
        self.rows = 0

    @property
    def news(self) -> int:
        return self.rows

    @property
    def has_news(self) -> bool:
        return self._content() != self._before

    def admit(self, cursor: Any, content: bytes) -> bool:
        self.rows += 1
        self._sum += int.from_bytes(blake2b(content, digest_size=12).digest())
        return True

    def state(self) -> dict[str, Any]:
        return {"content": self._content()}

    def _content(self) -> str:
        return f"{self.rows}-{self._sum:x}"


Mark = Watermark | Whole

"""Records of a delimited text file, one by one: for headers, and for files that DuckDB refuses."""

import csv
import io
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from orchestration.ingest.unpacking import RejectedError

MAX_LINE = 2_000_000  # bytes, which is also DuckDB's own limit
REPEATED_HEADER = "the header, repeated"
BLANK = " \t\r\n\ufeff\x1a"  # space, a mark of UTF-8 within a file, and the end that DOS wrote
MAX_RECORD_LINES = 1_000  # a value does not hold more line breaks; a stray quote would

csv.field_size_limit(MAX_LINE)


@dataclass(frozen=True)
class Dialect:
    """How values are told apart. `quote` empty: quotes mean nothing."""

    delimiter: str = ","
    quote: str = '"'

    def split(self, text: str) -> list[str] | None:
        """The values of one record; None where the text is no whole record."""
        if not self.quote or self.quote not in text:
            return text.split(self.delimiter)
        # lines end with \n alone: a form feed or a line separator stands within a value
        reader = csv.reader(
            io.StringIO(text, newline="\n"),
            delimiter=self.delimiter,
            quotechar=self.quote,
            strict=True,
        )
        try:
            values = next(reader)
            return values if next(reader, None) is None else None
        except csv.Error:
            return None


@dataclass(frozen=True)
class BadLine:
    """A line that is no row."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True)
class Record:
    """A record: the line on which it begins, how many it takes, its values."""

    line: int
    lines: int
    values: Sequence[str]


class Lines:
    """The lines of a file, decoded one by one, some of which can be put back."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.number = 0
        self.byte = 0
        self.waiting: deque[str] = deque()

    def next(self) -> str | None:
        if self.waiting:
            self.number += 1
            return self.waiting.popleft()
        raw = self.file.readline(MAX_LINE + 1)
        if not raw:
            return None
        self.number += 1
        if len(raw) > MAX_LINE:
            raise RejectedError(
                f"line {self.number}, byte {self.byte}: longer than {MAX_LINE:,} bytes"
            )
        try:
            text = raw.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise RejectedError(
                f"line {self.number}, byte {self.byte + error.start}: not UTF-8"
                f" ({error.reason}); if it is CP932 (or EUC-JP), say `encoding: cp932`"
                " (or `euc-jp`) in its mapping"
            ) from None
        self.byte += len(raw)
        return text

    def put_back(self, lines: Sequence[str]) -> None:
        self.waiting.extendleft(reversed(lines))
        self.number -= len(lines)


def records(
    file: BinaryIO, dialect: Dialect, width: int | None = None
) -> Iterator[Record | BadLine]:
    """Every record, and every line that is none; blank lines are passed over.

    A record of another width than `width` is bad; empty values behind its last are left away, as
    DuckDB does. After a bad line the next one is tried, so
    that a stray quote costs one line and not the rest of the file. Raises RejectedError where
    the file was cut in the middle of its last record.
    """
    lines = Lines(file)
    while (first := lines.next()) is not None:
        if not first.strip(BLANK):
            continue
        number = lines.number
        taken = [first]
        values = _values(lines, taken, dialect)
        if values and width is not None and not any(values[width:]):
            values = values[:width]
        text = "".join(taken)
        cut = not taken[-1].endswith("\n") and not lines.waiting
        if "\0" in text:
            reason = "holds a NUL byte"
        elif values is None:
            reason = "a quote that does not close, or text behind a closing quote"
        elif width is not None and len(values) != width:
            reason = f"{len(values)} columns where the header has {width}"
        else:
            yield Record(number, len(taken), values)
            continue
        short = len(values) < (width or 0) if values else not _is_stray(taken, dialect, width)
        if cut and short:
            raise RejectedError(f"line {number}: the file ends in the middle of a row")
        lines.put_back(taken[1:])
        yield BadLine(number, first.rstrip("\r\n"), reason)


def _values(lines: Lines, taken: list[str], dialect: Dialect) -> list[str] | None:
    """The values of the record that begins with the line taken; takes more as quotes demand."""
    if (whole := dialect.split(taken[0].rstrip("\r\n"))) is not None:
        return whole  # a quote within a value opens nothing
    quotes = taken[0].count(dialect.quote) if dialect.quote else 0
    size = len(taken[0])
    while quotes % 2 == 1:
        following = lines.next() if len(taken) < MAX_RECORD_LINES and size < MAX_LINE else None
        if following is None:
            return None
        taken.append(following)
        quotes += following.count(dialect.quote)
        size += len(following)
    return dialect.split("".join(taken).rstrip("\r\n"))


def _is_stray(taken: Sequence[str], dialect: Dialect, width: int | None) -> bool:
    """Whether the lines behind an open quote are rows of their own."""
    return len(taken) > 1 and all(
        len(dialect.split(line.rstrip("\r\n")) or ()) == width for line in taken[1:]
    )


def top_records(path: Path, dialect: Dialect, count: int) -> list[Sequence[str]]:
    """The values of a file's first records; of a line that is none, none."""
    with path.open("rb") as file:
        found = islice(records(file, dialect), count)
        return [() if isinstance(record, BadLine) else record.values for record in found]


def read_header(
    path: Path, dialect: Dialect, row: int, more: int
) -> tuple[list[str], list[str], int, int, bool]:
    """The names in record `row` (from 1) of a file, the record below them, where it is above the
    first row of data, and what lies above that.

    That is all records up to `row` and `more` of them: how many records and how many lines, and
    whether they are the same, that is: none is blank or spans lines.
    """
    names: list[str] = []
    below: list[str] = []
    count, lines = 0, 0
    with path.open("rb") as file:
        for record in records(file, dialect):
            if isinstance(record, BadLine):
                raise RejectedError(f"line {record.line}: {record.reason}")
            count += 1
            lines = record.line + record.lines - 1
            if count == row:
                names = list(record.values)
            if count == row + 1:
                below = list(record.values)
            if count == row + more:
                break
    if count < row:
        raise RejectedError(f"has {count} rows, so no header in row {row}")
    return names, below, count, lines, count == lines


def rewrite(
    path: Path, dialect: Dialect, above: int, names: Sequence[str], to: Path
) -> list[BadLine]:
    """Write the sound records below line `above` as a plain CSV, each behind its line number.

    Returns the lines that are no rows.
    """
    bad: list[BadLine] = []
    header = [name.strip(BLANK) for name in names]
    with path.open("rb") as file, to.open("w", encoding="utf-8", newline="") as out:
        write = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        for record in records(file, dialect, len(names)):
            if record.line <= above:
                continue
            if isinstance(record, BadLine):
                bad.append(record)
            elif [value.strip(BLANK) for value in record.values] == header:
                bad.append(BadLine(record.line, dialect.delimiter.join(names), REPEATED_HEADER))
            else:
                write((record.line, *record.values))
    return bad

"""Delivered files written anew in their own format: some rows edited, every other as it was.

A row keeps its place, so that what raw says of lines stays true.
"""

import codecs
import csv
import gzip
import io
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from orchestration.ingest import reading, unpacking
from orchestration.ingest.reading import Layout
from orchestration.ingest.records import BadLine, Dialect, records
from orchestration.ingest.unpacking import Form, RejectedError

Cells = list[str | None]
# The cells of the row in a place, as they are to be; None where they stay.
Edit = Callable[[int, Cells], Cells | None]
# Whether a line that is no row has to go.
Suspect = Callable[[str], bool]
BOMS = {codec: mark for mark, codec in unpacking.MARKS.items()}


@dataclass(frozen=True)
class Delivered:
    """A file as it came, and how it is read; `columns` are those of its table."""

    path: Path
    form: Form
    layout: Layout
    columns: tuple[str, ...]
    max_ratio: int


def rewrite(file: Delivered, edit: Edit, suspect: Suspect, folder: Path, to: Path) -> int:
    """Write the file to `to`; how many rows are another than before."""
    codec, plain = _plain(file, folder)
    if file.form.format == "parquet":
        return _parquet(plain, edit, to)
    if file.form.format == "xlsx":
        return _xlsx(plain, file.layout, edit, to)
    plain = unpacking.free_of_old_newlines(plain, folder)
    counter = Counter()
    if file.form.format == "jsonl":
        lines = _json_lines(plain, file.columns, edit, suspect, counter)
    else:
        lines = _delimited(plain, file, edit, suspect, counter)
    _pack(_encoded(lines, codec), file.form.compression, to)
    return counter.count


@dataclass
class Counter:
    count: int = 0


def _plain(file: Delivered, folder: Path) -> tuple[str | None, Path]:
    """The codec of a text file, where it is another than UTF-8, and its plain content."""
    encodings = file.layout.encodings
    plain = unpacking.unpack(file.path, file.form, encodings, folder, file.max_ratio)
    if file.form.format not in unpacking.TEXT_FORMATS:
        return None, plain
    unpacked = folder / "unpacked" if file.form.compression else file.path
    for encoding in encodings[:-1]:
        codec = unpacking.codec_of(unpacked, encoding)
        if _is_valid(unpacked, codec or encoding):
            return codec or _marked(unpacked), plain
    return unpacking.codec_of(unpacked, encodings[-1] if encodings else None), plain


def _is_valid(path: Path, codec: str) -> bool:
    try:
        deque(unpacking.decoded_chunks(path, codec), maxlen=0)
    except RejectedError:
        return False
    return True


def _marked(path: Path) -> str | None:
    """UTF-8 with its mark, which decoding takes away."""
    with path.open("rb") as file:
        return "utf-8" if file.read(3) == codecs.BOM_UTF8 else None


# ---- text


def _delimited(
    path: Path, file: Delivered, edit: Edit, suspect: Suspect, counter: Counter
) -> Iterator[bytes]:
    dialect = reading.dialect_of(path, file.form, file.layout)
    with path.open("rb") as original, path.open("rb") as read:
        at = 1
        for record in records(read, dialect, len(file.columns)):
            while at < record.line:
                yield original.readline()
                at += 1
            count = 1 if isinstance(record, BadLine) else record.lines
            taken = [original.readline() for _ in range(count)]
            at += count
            end = b"\r\n" if taken[-1].endswith(b"\r\n") else b"\n"
            end = end if taken[-1].endswith(b"\n") else b""
            if isinstance(record, BadLine):
                if suspect(record.text):
                    counter.count += 1
                    taken = [end]
            elif (cells := edit(record.line, list(record.values))) is not None:
                counter.count += 1
                # empty lines keep the places of the rows below
                taken = [_line(cells, dialect).encode() + end, *([end or b"\n"] * (count - 1))]
            yield from taken
        yield from original


def _line(cells: Cells, dialect: Dialect) -> str:
    texts = ["" if cell is None else cell for cell in cells]
    if not dialect.quote:
        return dialect.delimiter.join(texts)
    out = io.StringIO()
    csv.writer(
        out, delimiter=dialect.delimiter, quotechar=dialect.quote, lineterminator=""
    ).writerow(texts)
    return out.getvalue()


def _json_lines(
    path: Path, keys: Sequence[str], edit: Edit, suspect: Suspect, counter: Counter
) -> Iterator[bytes]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.decode("utf-8", errors="replace")
            try:
                held = json.loads(text.removeprefix("\ufeff"))
            except ValueError:
                held = None
            if not isinstance(held, dict):
                is_gone = bool(text.strip()) and suspect(text)
                counter.count += is_gone
                yield b"\n" if is_gone else line
                continue
            before = [_text(held.get(key)) for key in keys]
            cells = edit(number, list(before))
            if cells is None:
                yield line
                continue
            counter.count += 1
            for key, old, new in zip(keys, before, cells, strict=True):
                if old != new and key in held:
                    held[key] = new or None
            yield json.dumps(held, ensure_ascii=False).encode() + b"\n"


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _encoded(lines: Iterator[bytes], codec: str | None) -> Iterator[bytes]:
    if codec is None:
        yield from lines
        return
    yield BOMS.get(codec, b"")
    for line in lines:
        yield line.decode("utf-8").encode(codec)


def _pack(chunks: Iterator[bytes], compression: str | None, to: Path) -> None:
    """Without a time in it, so that equal content is an equal file."""
    with to.open("wb") as file:
        if compression == "gz":
            with gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
                packed.writelines(chunks)
        elif compression == "zst":
            with zstandard.ZstdCompressor().stream_writer(file, closefd=False) as packed:
                for chunk in chunks:
                    packed.write(chunk)
        else:
            file.writelines(chunks)


# ---- Parquet and XLSX


def _parquet(path: Path, edit: Edit, to: Path) -> int:
    table = pq.read_table(path)
    columns = [column.to_pylist() for column in table.columns]
    changed: dict[int, dict[int, str | None]] = {}
    count = 0
    for row, values in enumerate(zip(*columns, strict=True)):
        before = [_plain_text(value) for value in values]
        cells = edit(row + 1, list(before))
        if cells is not None:
            count += 1
            for position, (old, new) in enumerate(zip(before, cells, strict=True)):
                if old != new:
                    changed.setdefault(position, {})[row] = new or None
    for position, news in changed.items():
        field = table.schema.field(position)
        values = columns[position]
        is_text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        if any(news.values()) and not is_text:  # a stand-in is no number
            values, field = [_plain_text(value) for value in values], field.with_type(pa.string())
        for row, new in news.items():
            values[row] = new
        table = table.set_column(position, field, pa.array(values, field.type))
    pq.write_table(table, to)
    return count


def _plain_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _xlsx(path: Path, layout: Layout, edit: Edit, to: Path) -> int:
    import openpyxl

    # values, and not formulas: what a formula came to is all that is ever read of it
    book = openpyxl.load_workbook(path, data_only=True)
    name = unpacking_sheet(path, layout)
    sheet, count = book[name], 0
    for row in sheet.iter_rows():
        before = [_plain_text(cell.value) for cell in row]
        cells = edit(row[0].row, list(before))
        if cells is not None:
            count += 1
            for cell, old, new in zip(row, before, cells, strict=True):
                if old != new:
                    cell.value = new or None
                    cell.hyperlink = None
                    cell.comment = None
    book.save(to)
    return count


def unpacking_sheet(path: Path, layout: Layout) -> str:
    from orchestration.ingest.workbooks import choose_sheet

    return choose_sheet(path, layout.sheet, unpacking.MAX_UNPACKING).name

"""A workbook before it is read: which sheet holds the rows, and what of it cannot be told."""

import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from orchestration.ingest.unpacking import CHUNK, RejectedError, refuse_bomb

BOOK = "xl/workbook.xml"
LINKS = "xl/_rels/workbook.xml.rels"
ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
UNCOUNTED = re.compile(
    rb'<c [^>]*?\br="([A-Z]+[0-9]+)"[^>]*>\s*<f(?:[^>]*/>|[^>]*>[^<]*</f>)\s*</c>', re.S
)
COLUMN = re.compile(rb'<c [^>]*?\br="([A-Z]+)[0-9]+"')
ROW = re.compile(rb'<row [^>]*?\br="([0-9]+)"')


@dataclass(frozen=True)
class Sheet:
    """The sheet to read, and words on those that are not."""

    name: str
    last_cell: (
        str | None
    )  # of the rightmost column and the lowest row; none where cells have no place
    notes: tuple[str, ...] = ()


def choose_sheet(path: Path, named: str | None, max_ratio: int) -> Sheet:
    """The sheet of that name, else the first that is not hidden.

    Raises RejectedError where the workbook is broken, a bomb, or holds a formula whose value was
    never worked out.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            refuse_bomb(path, sum(info.file_size for info in archive.infolist()), max_ratio)
            parts = dict(_parts(archive))
            hidden = {name for name, (_, is_hidden) in parts.items() if is_hidden}
            shown = [name for name in parts if name not in hidden] or list(parts)
            name = named or next(iter(shown), None)
            if name not in parts:
                has = ", ".join(parts) or "none"
                raise RejectedError(f"has no sheet `{name}`; its sheets are {has}")
            last_cell = _last_cell(archive, parts[name][0], name)
    except (zipfile.BadZipFile, zlib.error, ElementTree.ParseError, KeyError, EOFError) as error:
        raise RejectedError(f"not readable as XLSX: {error}") from None
    others = [other for other in shown if other != name]
    if named or not others:
        return Sheet(name, last_cell)
    return Sheet(name, last_cell, (f"read is sheet {name}, and not {', '.join(others)}",))


def _parts(archive: zipfile.ZipFile) -> Iterator[tuple[str, tuple[str, bool]]]:
    """Each sheet's name, with its part of the archive and whether it is hidden."""
    links = {
        link.get("Id"): link.get("Target", "")
        for link in ElementTree.fromstring(archive.read(LINKS))
    }
    for node in ElementTree.fromstring(archive.read(BOOK)).iter():
        if node.tag.endswith("}sheet"):
            target = links[node.get(ID)]
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            yield (
                node.get("name", ""),
                (
                    PurePosixPath(part).as_posix(),
                    node.get("state", "visible") != "visible",
                ),
            )


def _last_cell(archive: zipfile.ZipFile, part: str, sheet: str) -> str | None:
    """Where a sheet's cells end; raises RejectedError at the first formula without a value."""
    rest, columns, row = b"", {b""}, 0
    with archive.open(part) as file:
        while chunk := file.read(CHUNK):
            rest += chunk
            if found := UNCOUNTED.search(rest):
                raise RejectedError(
                    f"sheet {sheet}, cell {found[1].decode()}: a formula whose value was never"
                    " worked out: open the workbook, save it, and deliver it again"
                )
            columns |= set(COLUMN.findall(rest))
            row = max([row, *map(int, ROW.findall(rest))])
            rest = rest[rest.rfind(b"<c ") :] if b"<c " in rest else rest[-CHUNK:]
    column = max(columns, key=lambda letters: (len(letters), letters)).decode()
    return f"{column}{row}" if column and row else None

"""Recognition: of which vendor's export, or of which feed, a file is, told by its header."""

from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from orchestration.configuration import ConfigError
from orchestration.contract import load_contract
from orchestration.ingest import duck
from orchestration.ingest.language import Files, Mapping
from orchestration.ingest.mapping import read_mapping
from orchestration.ingest.reading import Layout, extensions_of, read_table
from orchestration.ingest.unpacking import TEXT_FORMATS, Form, RejectedError, form_of, unpack
from orchestration.settings import VENDORS

HEAD = 1 << 18  # bytes of a text in which its header stands
KNOWN_SHARE = 0.8  # of a file's columns that are a feed's own, where it is canonical


@dataclass(frozen=True)
class Recognised:
    """What a file was known as: a kind of file of a mapping that ships, or a canonical feed."""

    name: str  # as people call it
    mapping: str | None  # file name; none for a canonical feed
    entry: str  # of the mapping's `files`, or the feed
    by: tuple[str, ...]  # the columns that told
    together: bool = False  # with others of its folder, it is one delivery
    in_folder: bool = False  # whose name tells of it

    @property
    def stem(self) -> str:
        return Path(self.mapping).stem if self.mapping else self.entry


def recognise(path: Path, folder: Path, mappings: Path | None = None) -> list[Recognised]:
    """What a file can be, by the most columns that tell; several only where these are as many.

    A company's own `mappings` come before those of the same name that ship. Unpacks to `folder`.
    Raises RejectedError where the file cannot be read at all, ConfigError for a wrong mapping.
    """
    head = _head(path, form_of(path.name), folder)
    own, wrong = _own(mappings) if mappings else ({}, [])
    found = [*_of_mappings(head, {**shipped(), **own}), *_canonical(head)]
    if not found and wrong:
        raise wrong[0]
    most = max((len(one.by) for one in found), default=0)
    return [one for one in found if len(one.by) == most]


def _own(folder: Path) -> tuple[dict[str, Mapping], list[ConfigError]]:
    """A company's mappings, and what is wrong with those that cannot be used."""
    own, wrong = {}, []
    for path in sorted(folder.glob("*.yml")):
        try:
            own[path.name] = read_mapping(path)
        except ConfigError as error:
            wrong.append(error)
    return own, wrong


@dataclass(frozen=True)
class _Head:
    """The beginning of a file, unpacked, and a place to read it."""

    path: Path
    form: Form
    folder: Path

    def columns(self, layout: Layout) -> tuple[str, ...]:
        extensions = extensions_of(self.form)
        with duck.connect(self.folder, self.path.resolve(), extensions=extensions) as connection:
            return read_table(connection, self.path, self.form, self.folder, layout).columns


def _head(path: Path, form: Form, folder: Path) -> _Head:
    folder.mkdir(parents=True, exist_ok=True)
    if form.format not in TEXT_FORMATS:
        return _Head(path, form, folder)
    plain = unpack(path, Form("parquet", form.compression), (), folder)
    head = folder / f"head.{form.format}"
    with plain.open("rb") as file:
        start = file.read(HEAD)
    whole = start if len(start) < HEAD else start[: start.rfind(b"\n") + 1]
    head.write_bytes(whole)
    return _Head(head, Form(form.format), folder)


def _of_mappings(head: _Head, known: Map[str, Mapping]) -> Iterator[Recognised]:
    for name, mapping in known.items():
        for entry, files in mapping.files.items():
            columns = _columns(head, files)
            if files.recognised_by and set(files.recognised_by) <= columns:
                yield Recognised(
                    mapping.title or name,
                    name,
                    entry,
                    tuple(files.recognised_by),
                    mapping.together,
                    files.in_folder,
                )


def _columns(head: _Head, files: Files) -> set[str]:
    if files.format and files.format != head.form.format:
        return set()
    try:
        columns = head.columns(files.layout)
    except RejectedError:
        return set()
    return set(files.called(columns))


def _canonical(head: _Head) -> Iterator[Recognised]:
    try:
        columns = {name.lower() for name in head.columns(Layout())}
    except RejectedError:
        return
    for feed in load_contract():
        needed = {c.name for c in feed.columns if c.required} | set(feed.key)
        known = columns & {c.name for c in feed.columns}
        if needed <= columns and len(known) >= KNOWN_SHARE * len(columns):
            yield Recognised(f"feed {feed.name}", None, feed.name, tuple(sorted(known)))


@cache
def shipped() -> dict[str, Mapping]:
    """The mappings that come with Kizuna, by the names of their files."""
    return {path.name: read_mapping(path) for path in sorted(VENDORS.glob("*.yml"))}

"""What lies in landing/: which files are new, and as which feeds they are to be read."""

import difflib
import os
from collections.abc import Iterator
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import groupby
from pathlib import Path, PurePosixPath

from orchestration.company import Company
from orchestration.contract import Feed, feeds_by_name
from orchestration.disk import digest
from orchestration.ingest.language import Mapping
from orchestration.ingest.mapped import DeliveredFile
from orchestration.ingest.mapping import mapping_of
from orchestration.ingest.unpacking import RejectedError, form_of

Hashes = dict[str, tuple[int, str, str]]


@dataclass(frozen=True)
class Delivery:
    """A file, or the files that a mapping reads together, and the feeds that they hold."""

    system: str
    name: str  # below landing/: of the file, or of the folder
    sha256: str
    files: tuple[DeliveredFile, ...]
    feeds: tuple[Feed, ...] = ()
    mapping: Mapping | None = None
    entries: Map[str, tuple[DeliveredFile, ...]] = field(default_factory=dict)
    rejected: str | None = None  # why no feed can be made of it

    @property
    def mtime(self) -> float:
        return max(file.path.stat().st_mtime for file in self.files)


@dataclass(frozen=True)
class Arrivals:
    """All deliveries in landing/, in the order of their names, and the hashes of their files."""

    deliveries: tuple[Delivery, ...]
    hashes: Hashes


def read_landing(company: Company, known: Hashes) -> Arrivals:
    """Look through landing/. A file whose size and times are known is not hashed again.

    Raises ConfigError where a mapping is wrong.
    """
    hashes: Hashes = {}
    found: dict[str, list[tuple[str, Path]]] = {}
    for name, path in _files(company.landing):
        size, stamp = size_and_stamp(path)
        before = known.get(name)
        if before and before[:2] == (size, stamp):
            hashes[name] = before
        else:
            hashes[name] = (size, stamp, digest(path))
        found.setdefault(name.split("/")[0], []).append((name, path))
    deliveries: list[Delivery] = []
    for system in sorted({*found, *company.systems}):
        mapping = mapping_of(company, system)
        deliveries += _of_system(system, mapping, found.get(system, []), hashes)
    return Arrivals(tuple(deliveries), hashes)


def check_unchanged(delivery: Delivery, hashes: Hashes) -> None:
    """Raise RejectedError where a file is not any more what was hashed."""
    for file in delivery.files:
        if not file.path.exists() or size_and_stamp(file.path) != hashes[file.name][:2]:
            raise RejectedError(
                f"{file.name} changed while it was read: have it written under another name"
                " that begins with a dot, and renamed when it is whole"
            )


def size_and_stamp(path: Path) -> tuple[int, str]:
    status = path.stat()
    return status.st_size, f"{status.st_mtime_ns}/{status.st_ctime_ns}/{status.st_ino}"


def _files(landing: Path) -> Iterator[tuple[str, Path]]:
    """Every file that is meant as a delivery, by its path below landing/."""
    for folder, folders, names in os.walk(landing):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith((".", "~$")) and path.exists():
                yield path.relative_to(landing).as_posix(), path


def _of_system(
    system: str,
    mapping: Mapping | None,
    files: list[tuple[str, Path]],
    hashes: Hashes,
) -> Iterator[Delivery]:
    mapped: list[tuple[str, DeliveredFile]] = []
    for name, path in files:
        below = name.partition("/")[2]
        try:
            if not below:
                raise RejectedError("lies in no system's folder: landing/<system>/<feed>/<file>")
            if not path.resolve().is_relative_to(path.parents[name.count("/")].resolve()):
                raise RejectedError("a link that leads out of landing/")
            entry = mapping.entry_of(below) if mapping else None
            declared = mapping.files[entry].format if mapping and entry else None
            feed = None if entry else _canonical_feed(below, mapping is not None)
            file = DeliveredFile(path, name, form_of(path.name, declared))
        except RejectedError as error:
            yield _rejected(system, name, path, hashes, str(error))
            continue
        if entry:
            mapped.append((entry, file))
        elif feed:
            yield Delivery(system, name, hashes[name][2], (file,), (feed,))
    if mapping:
        yield from _mapped(system, mapping, mapped, hashes)


def _rejected(system: str, name: str, path: Path, hashes: Hashes, why: str) -> Delivery:
    """A file that cannot be read; of a feed where it lies in a feed's folder."""
    parts = PurePosixPath(name).parts
    feed = feeds_by_name().get(parts[1]) if len(parts) > 2 else None
    file = DeliveredFile(path, name, form_of("rejected", "csv"))
    feeds = (feed,) if feed else ()
    return Delivery(system, name, hashes[name][2], (file,), feeds, rejected=why)


def _canonical_feed(below: str, has_mapping: bool) -> Feed:
    """The feed in whose folder a file lies."""
    parts = PurePosixPath(below).parts
    contract = feeds_by_name()
    if len(parts) > 1 and parts[0] in contract:
        return contract[parts[0]]
    near = difflib.get_close_matches(parts[0], contract, 1) if len(parts) > 1 else []
    hint = f"; did you mean `{near[0]}`?" if near else ""
    if has_mapping:
        raise RejectedError(f"no pattern of the system's mapping matches it{hint}")
    raise RejectedError(f"lies in no feed's folder, and its system has no mapping{hint}")


def _mapped(
    system: str,
    mapping: Mapping,
    files: list[tuple[str, DeliveredFile]],
    hashes: Hashes,
) -> Iterator[Delivery]:
    contract = feeds_by_name()

    def folder(item: tuple[str, DeliveredFile]) -> str:
        entry, path = item[0], PurePosixPath(item[1].name)
        if not mapping.together:
            return path.as_posix()
        in_its_own = path.parent.name == entry and len(path.parts) > 2
        return (path.parent.parent if in_its_own else path.parent).as_posix()

    for name, group in groupby(sorted(files, key=lambda f: (folder(f), f[1].name)), folder):
        entries: dict[str, tuple[DeliveredFile, ...]] = {}
        for entry, file in group:
            entries[entry] = (*entries.get(entry, ()), file)
        members = tuple(file for held in entries.values() for file in held)
        feeds = tuple(contract[feed] for feed in mapping.feeds_of(frozenset(entries)))
        lacking = {entry for feed in feeds for entry in mapping.lacking(feed.name, entries)}
        unusable = [mapping.files[entry].unusable for entry in entries]
        why = next((reason for reason in unusable if reason), None)
        if lacking:
            patterns = ", ".join(p for e in sorted(lacking) for p in mapping.files[e].match)
            why = f"incomplete: no file in the folder matches {patterns}"
        hashed = [hashes[file.name][2] for file in members]
        identity = hashed[0] if len(hashed) == 1 else sha256("".join(hashed).encode()).hexdigest()
        yield Delivery(system, name, identity, members, feeds, mapping, entries, why)

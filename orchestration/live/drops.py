"""Files of a drop folder: those that are new or changed come into landing/ as they are."""

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from orchestration.disk import rename_in
from orchestration.live.config import Files
from orchestration.live.memory import ASIDE, Fetched, Memory

WILD = re.compile(r"[*?]")
LONGEST = 255  # bytes of a name on the disk


@dataclass(frozen=True)
class Remote:
    """A file over there: its path below the source's folder, and how one tells that it changed."""

    path: str
    size: int
    stamp: str
    modified_at: float


class Drop(Protocol):
    """A place where files lie."""

    def files(self, below: str, is_deep: bool) -> Iterator[Remote]: ...

    def get(self, remote: Remote, to: BinaryIO) -> None: ...

    def is_as_it_was(self, remote: Remote) -> bool: ...


def bring_files(
    opened: AbstractContextManager[Drop], folder: Files, memory: Memory, report: Fetched
) -> None:
    """Bring what matches and is not here yet; what was brought stands, whatever happens then."""
    known = memory.content.setdefault("files", {})
    root, pattern = fixed(folder.path), expression(folder.path)
    aside = memory.folder / ASIDE
    try:
        with opened as drop:
            is_deep = "/" in folder.path.removeprefix(root).strip("/")
            for remote in sorted(drop.files(root, is_deep), key=lambda r: r.path):
                is_known = known.get(remote.path) == [remote.size, remote.stamp]
                if is_known or not pattern.fullmatch(remote.path):
                    continue
                name = remote.path.removeprefix(root).lstrip("/")
                if _is_for_us(name, report) and _is_brought(drop, remote, aside, report):
                    path = memory.folder / name
                    if not _is_placed(aside, path, report):
                        continue
                    known[remote.path] = [remote.size, remote.stamp]
                    report.files.append(name)
    finally:
        aside.unlink(missing_ok=True)


def _is_placed(aside: Path, path: Path, report: Fetched) -> bool:
    """Give the file its name here; a bucket may hold both `a` and `a/b`, which no folder can."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        rename_in(aside, path)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        report.warnings.append(f"{path}: is a file and a folder over there: rename one of them")
        return False
    return True


def _is_for_us(name: str, report: Fetched) -> bool:
    """Whether a name stays below the folder, and is not hidden as an upload that goes on is."""
    parts = name.split("/")
    if any(part in ("", "..") or len(part.encode()) > LONGEST for part in parts):
        report.warnings.append(f"`{name}` cannot be the name of a file here")
        return False
    return not any(part.startswith(".") for part in parts)


def _is_brought(drop: Drop, remote: Remote, aside: Path, report: Fetched) -> bool:
    """Write the file aside; whether it is whole."""
    with aside.open("wb") as file:
        drop.get(remote, file)
    if not drop.is_as_it_was(remote):
        report.warnings.append(f"{remote.path} is still being written: left for later")
        return False
    os.utime(aside, (remote.modified_at, remote.modified_at))
    return True


def fixed(pattern: str) -> str:
    """The folder that a pattern names before its first wildcard; "" where it begins with one."""
    parts = PurePosixPath(pattern).parts
    until = next((i for i, part in enumerate(parts[:-1]) if WILD.search(part)), len(parts) - 1)
    return "/".join(parts[:until])


def expression(pattern: str) -> re.Pattern[str]:
    """`*` and `?` stand for signs other than /, `**` for any number of folders."""
    parts = []
    for part in PurePosixPath(pattern).parts:
        if part == "**":
            parts.append("(?:[^/]+/)*")
        else:
            parts.append(re.escape(part).replace(r"\*", "[^/]*").replace(r"\?", "[^/]") + "/")
    return re.compile("".join(parts).removesuffix("/"))

"""The one mechanism: a file is written anew without something, aside, and renamed in."""

import shutil
from collections.abc import Callable
from pathlib import Path

from orchestration.disk import rename_in

ASIDE = ".erasing"  # what an ending of a name says that is swept, and never read as data


class CannotRewrite(Exception):
    """A file cannot be looked into, or not be written; the message names it and what to do."""


def replace(path: Path, write: Callable[[Path], bool]) -> bool:
    """Have `write` make the file anew at the path that it is given; where it says that nothing
    changed the file stays as it is. Whoever has the old one open keeps it until they close it.
    """
    aside = path.with_name(f".{path.name}{ASIDE}")
    aside.unlink(missing_ok=True)
    try:
        if not write(aside):
            return False
        shutil.copymode(path, aside)
        rename_in(aside, path)
        return True
    finally:
        aside.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove what a killed erasure left half written."""
    for path in folder.rglob(f".*{ASIDE}"):
        path.unlink()

"""The disk: what is written stays written after a power failure, and what goes is gone at once."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".tmp"  # ends the names of what is half written or half removed


def fsync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk before going on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rename_in(aside: Path, path: Path) -> None:
    """Have a file that was written aside under its name, whole, whatever happens."""
    fsync(aside)
    os.replace(aside, path)
    fsync(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have a full disk and the like told with the path, which who writes leaves out."""
    try:
        yield
    except OSError as error:
        if error.filename:
            raise
        raise OSError(error.errno or 0, error.strerror or str(error), str(path)) from error


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder, and those above it, with every new name on the disk before going on."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode, exist_ok=True)
        fsync(path.parent)


def discard(path: Path) -> None:
    """Remove a file or a folder. A folder is whole or gone, also where this is killed, and nobody
    who still writes into it can put anything under its name.
    """
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
        return
    if path.suffix != UNFINISHED:
        going = path.with_name(f"{path.name}{UNFINISHED}")
        discard(going)
        path = path.replace(going)
        fsync(path.parent)
    shutil.rmtree(path)


def digest(path: Path) -> str:
    """A file's identity: the sha256 of its bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

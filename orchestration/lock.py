"""One writer: a lock file that says who writes, and is free as soon as that process is gone."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.disk import make_folder, naming

GRACE = 0.5  # seconds: who only looks who holds the lock holds it for a moment


class LockHeld(Exception):
    """Another night is running; the message names its process and run."""


def holder(path: Path) -> str:
    """Who holds the lock, in words; empty when nobody does."""
    if not path.exists():
        return ""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _named(path)
    return ""


@contextmanager
def only_writer(
    path: Path,
    wait_seconds: float = 0,
    waiting: Callable[[str], None] = lambda holder: None,
) -> Iterator[Callable[[str], None]]:
    """Hold the lock while the block runs, or raise LockHeld after `wait_seconds`.

    Yields what writes the run's name into the lock. The kernel frees the lock of a process
    that died, so what a dead holder left behind is taken over at once. `waiting` is told
    once whom one waits for.
    """
    make_folder(path.parent)
    deadline = time.monotonic() + max(wait_seconds, GRACE)
    told = False
    with path.open("ab", buffering=0) as file:
        while not _take(file):
            if time.monotonic() >= deadline:
                raise LockHeld(
                    f"{path} is held by {_named(path)}: wait until it is done, or stop it"
                )
            if wait_seconds and not told:
                waiting(_named(path))
                told = True
            time.sleep(GRACE / 5)

        def name(run: str) -> None:
            file.truncate(0)
            with naming(path):
                file.write(json.dumps({"pid": os.getpid(), "run": run}).encode())

        name("not yet named")
        try:
            yield name
        finally:
            file.truncate(0)


def _take(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _named(path: Path) -> str:
    try:
        held = json.loads(path.read_text())
        return f"process {held['pid']} (run {held['run']})"
    except (ValueError, KeyError):
        return "a process that has just taken it"

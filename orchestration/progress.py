"""Progress: what the night says while it works; who runs it decides where that goes."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DONE, DOING, WARNING = "done", "doing", "warning"
Listener = Callable[[str, str], None]  # what is said, and which of the three it is


# Controls but tab and line end, and what turns the direction of writing.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Text as a terminal may show it: what would steer it, as in a file's name, is spelt out."""
    return STEERING.sub(lambda sign: sign[0].encode("unicode_escape").decode(), text)


def _nobody(text: str, kind: str) -> None:
    pass


_listener: Listener = _nobody


def done(text: str) -> None:
    """Something is finished: a line that stays."""
    _listener(text, DONE)


def doing(text: str) -> None:
    """Something is under way: replaced by whatever is said next."""
    _listener(text, DOING)


def warn(text: str) -> None:
    """Something that does not stop the night, and that a person should know of."""
    _listener(text, WARNING)


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Send what is said in the block to `listener`."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before

"""Progress: what the night says while it works; who runs it decides where that goes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Listener = Callable[[str, bool], None]


def _nobody(text: str, lasting: bool) -> None:
    pass


_listener: Listener = _nobody


def done(text: str) -> None:
    """Something is finished: a line that stays."""
    _listener(text, True)


def doing(text: str) -> None:
    """Something is under way: replaced by whatever is said next."""
    _listener(text, False)


@contextmanager
def told_to(listener: Listener) -> Iterator[None]:
    """Send what is said in the block to `listener(text, lasting)`."""
    global _listener
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before

"""Secrets: named in company.yml, read from the environment, and taken out of whatever is said."""

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus

NAMED = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def named_in(value: Any) -> Iterator[str]:
    """The names of all variables in a text, or in the texts of a structure."""
    if isinstance(value, str):
        yield from NAMED.findall(value)
    elif isinstance(value, Mapping):
        for held in value.values():
            yield from named_in(held)
    elif isinstance(value, list | tuple):
        for held in value:
            yield from named_in(held)


def _spellings(value: str) -> set[str]:
    """How a value may stand in a message: as it is, in an address, as a text of Python's."""
    plain = {value, value.strip(), " ".join(value.split())}
    quotes = (partial(way, safe=safe) for way in (quote, quote_plus) for safe in ("", "/"))
    ways = (str, lambda one: repr(one)[1:-1], *quotes)
    return {way(one) for one in plain for way in ways} - {""}


class Secrets:
    """The values of the variables that a source names."""

    def __init__(self, values: Mapping[str, str]):
        self._values = dict(values)

    def fill(self, value: Any) -> Any:
        """A text, or a structure of texts, with the values in place of the names."""
        if isinstance(value, str):
            return NAMED.sub(lambda found: self._values[found[1]], value)
        if isinstance(value, Mapping):
            return {key: self.fill(held) for key, held in value.items()}
        return [self.fill(held) for held in value] if isinstance(value, list) else value

    def hide(self, text: str) -> str:
        """A message of a driver or a server, without any of the values."""
        spelt = {s: name for name, value in self._values.items() for s in _spellings(value)}
        for one in sorted(spelt, key=len, reverse=True):
            text = text.replace(one, f"${{{spelt[one]}}}")
        return text

    def __repr__(self) -> str:
        return f"Secrets({', '.join(self._values)})"

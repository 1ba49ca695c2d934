"""Which columns of a canonical file are which of its feed's, by their names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from orchestration.contract import Feed
from orchestration.ingest import duck
from orchestration.ingest.reading import Table

VALUE = re.compile(r"@|\d{4}|^\d|^$")  # in a header, the sign of a row that is taken for one


@dataclass(frozen=True)
class Matched:
    """A table, the SQL of each of the feed's columns in it, and of what it has beyond."""

    table: Table
    texts: dict[str, str]
    unknown: dict[str, str]

    @property
    def has_no_header(self) -> bool:
        """Whether its first line is rather a row: none of the feed's names, but values."""
        return not self.texts and any(VALUE.search(label) for label in self.table.columns)


def match_columns(table: Table, feed: Feed) -> Matched:
    """The table as the feed's columns; one that stands twice holds what either says, and a row
    in which the two say different things is none.
    """
    names = {column.name for column in feed.columns}
    found: dict[str, list[str]] = {}
    unknown: dict[str, str] = {}
    for position, label in enumerate(table.columns):
        name = (table.labels or table.columns)[position].strip().lower()
        if name in names:
            found.setdefault(name, []).append(f"c{position}")
        else:
            unknown[label] = f"c{position}"
    texts = {
        name: cells[0] if len(cells) == 1 else f"coalesce({', '.join(_cleaned(cells))})"
        for name, cells in found.items()
    }
    twice = {name: cells for name, cells in found.items() if len(cells) > 1}
    return Matched(_judged(table, twice) if twice else table, texts, unknown)


def _judged(table: Table, twice: dict[str, list[str]]) -> Table:
    cases = " ".join(
        f"when len(list_distinct([{', '.join(_cleaned(cells))}])) > 1"
        f" then {duck.text(f'the column `{name}` stands twice, with different values')}"
        for name, cells in twice.items()
    )
    sql = f"select * replace (case when _why is not null then _why {cases} end as _why) from"
    repair = table.repair
    return replace(
        table,
        sql=f"{sql} ({table.sql})",
        repair=repair and (lambda: _judged(repair(), twice)),
    )


def _cleaned(cells: Sequence[str]) -> list[str]:
    return [f"clean({cell})" for cell in cells]

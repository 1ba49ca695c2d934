"""What is edited of a delivered row: which cells of whose rows become empty, or a stand-in."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from orchestration.contract import Feed
from orchestration.ingest.arrivals import Delivery
from orchestration.ingest.language import Mapping as Mapped
from orchestration.ingest.reading import Table
from orchestration.privacy.forgotten import (
    KEPT_OF_A_PERSON,
    STAND_IN,
    Edits,
    Forgotten,
    id_columns,
)
from orchestration.privacy.formats import Cells, Edit


@dataclass
class Rows:
    """The rows of a file that are to be changed: of a feed, and the stand-ins of whose own."""

    edits: dict[int, dict[str, str | None]] = field(default_factory=dict)
    own: dict[int, str] = field(default_factory=dict)

    def add(self, lines: Sequence[int], edits: Edits, own: Mapping[int, str]) -> None:
        for row, changed in edits.items():
            # what is emptied is told by whose own the row is; tokens are raw's alone
            named = {n: v for n, v in changed.items() if v and STAND_IN in str(v)}
            if named:
                self.edits.setdefault(lines[row], {}).update(named)
        for row, stand_in in own.items():
            self.own[lines[row]] = stand_in


def canonical_edit(feed: Feed, table: Table, rows: Rows) -> Edit:
    """Of a file whose columns are those of its feed."""
    labels = [label.strip().lower() for label in (table.labels or table.columns)]
    columns = {column.name: column for column in feed.columns}

    def edit(line: int, cells: Cells) -> Cells | None:
        changed, own = rows.edits.get(line, {}), rows.own.get(line)
        if not changed and own is None:
            return None
        before = list(cells)
        for position, label in enumerate(labels):
            column = columns.get(label)
            if label in changed:
                cells[position] = changed[label]
            elif own is None or not cells[position] or label in id_columns(feed):
                continue
            elif column is None or (column.pii and not column.required):
                cells[position] = ""
            elif column.pii:
                cells[position] = own or STAND_IN.rstrip("-")
            elif feed.name == "customers" and label not in KEPT_OF_A_PERSON:
                cells[position] = ""
        return cells if cells != before else None

    return edit


class MappedEdit:
    """Of a file that a mapping reads: what more than a personal column needs stays."""

    def __init__(
        self,
        mapping: Mapped,
        entry: str,
        table: Table,
        rows: Rows,
        spelt: Mapping[str, str],
        delivery: Delivery,
        known: Forgotten,
    ):
        self.called = mapping.files[entry].called(table.columns)
        self.kept, self.ids = columns_kept(mapping, self.called, delivery.feeds)
        # what a step makes of a column cannot be seen: it may be an id
        self.of_steps = mentioned(self.called, list(mapping.steps.values()))
        self.keys = columns_of_keys(mapping, self.called, delivery.feeds)
        self.rows, self.spelt, self.known = rows, spelt, known
        self.feeds, self.system = delivery.feeds, delivery.system
        self.own: dict[tuple[str, ...], str] = {}  # things of persons, by the cells of their keys

    def look(self, line: int, cells: Cells) -> None:
        """See a row before any is edited: what else belongs to its order is the person's too."""
        key = self._key(cells)
        if key and (stand_in := self._whose(line, cells)) is not None:
            self.own[key] = stand_in

    def __call__(self, line: int, cells: Cells) -> Cells | None:
        own = self._whose(line, cells)
        own = self.own.get(self._key(cells)) if own is None else own
        if own is None:
            return None
        before = list(cells)
        for position, name in enumerate(self.called):
            value = (cells[position] or "").strip()
            if not value:
                continue
            if name in self.ids:
                cells[position] = self._stand_in(value) or own or ("" if "@" in value else value)
            elif name in self.of_steps and (stand_in := self._stand_in(value)):
                cells[position] = stand_in
            elif name not in self.kept or "@" in value or value in self.spelt:
                cells[position] = ""
        return cells if cells != before else None

    def _whose(self, line: int, cells: Cells) -> str | None:
        """The stand-in of whose a row is, empty for a guest; None where it is nobody's of them."""
        if line in self.rows.own:
            return self.rows.own[line]
        values = [(cell or "").strip() for cell in cells]
        named = [v for v, name in zip(values, self.called, strict=False) if name in self.ids and v]
        if found := next(filter(None, map(self._stand_in, named)), None):
            return found
        is_others = bool(named) and not any(value in self.spelt for value in named)
        return None if is_others else next((self.spelt[v] for v in values if v in self.spelt), None)

    def _stand_in(self, value: str) -> str | None:
        if value.startswith(STAND_IN):
            return value
        found = (self.known.person_id(feed, self.system, value) for feed in self.feeds)
        return next(filter(None, found), None)

    def _key(self, cells: Cells) -> tuple[str, ...]:
        key = tuple(
            (cell or "").strip()
            for cell, name in zip(cells, self.called, strict=False)
            if name in self.keys
        )
        return key if any(key) else ()


def columns_of_keys(
    mapping: Mapped, called: Sequence[str], feeds: Iterable[Feed]
) -> frozenset[str]:
    """The columns that name the thing which a person's row is about."""
    texts = [
        part.columns[name].model_dump_json(exclude_none=True)
        for feed in feeds
        if "customer_id" in id_columns(feed)
        for part in mapping.feeds[feed.name]
        for name in feed.key
        if name in part.columns and name not in id_columns(feed)
    ]
    return frozenset(mentioned(called, texts))


def columns_kept(
    mapping: Mapped, called: Sequence[str], feeds: Iterable[Feed]
) -> tuple[frozenset[str], frozenset[str]]:
    """The columns of a file that something else than a person needs, and those of customer ids."""
    needed, personal, ids = [], [], []
    needed += [json.dumps(mapping.steps, ensure_ascii=False)]
    for feed in feeds:
        declared = {column.name: column for column in feed.columns}
        for part in mapping.feeds[feed.name]:
            needed += [part.where or "", *part.group_by]
            if part.unpivot:
                needed.append(part.unpivot.model_dump_json())
            for name, sourced in part.columns.items():
                text = sourced.model_dump_json(exclude_none=True)
                is_id = name in id_columns(feed)
                (ids if is_id else personal if declared[name].pii else needed).append(text)
    personal_names = mentioned(called, personal)
    id_names = mentioned(called, ids)
    return frozenset(mentioned(called, needed) - personal_names - id_names), frozenset(id_names)


def mentioned(names: Sequence[str], texts: Sequence[str]) -> set[str]:
    """The names that stand in texts, each only where it is no part of a longer one."""
    text, found = "\n".join(texts).replace('\\"', '"'), set()
    for name in sorted(set(names), key=lambda name: (-len(name), name)):
        pattern = re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")
        if pattern.search(text):
            found.add(name)
            text = pattern.sub(" ", text)
    return found

"""Files in landing/ without whom the company forgot, each in its own format and place."""

import contextlib
import json
import re
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import duckdb

from orchestration.company import Company
from orchestration.contract import Feed
from orchestration.disk import digest
from orchestration.ingest import duck, tokens
from orchestration.ingest.arrivals import Delivery, size_and_stamp
from orchestration.ingest.judging import FeedReport
from orchestration.ingest.language import Mapping as Mapped
from orchestration.ingest.mapped import DeliveredFile
from orchestration.ingest.reading import Layout, MiscountError, Table, read_table
from orchestration.ingest.unpacking import RejectedError
from orchestration.ingest.writing import BATCH_ROWS, places_of
from orchestration.landing import Landing
from orchestration.ledger import Load
from orchestration.privacy import files, formats
from orchestration.privacy.forgotten import (
    KEPT_OF_A_PERSON,
    STAND_IN,
    Edits,
    Forgotten,
    id_columns,
    is_about_persons,
)
from orchestration.privacy.formats import Cells, Delivered, Edit
from orchestration.privacy.journal import Journal
from orchestration.privacy.raw import Suspects

RUN = "erasing"
ARCHIVES = (b"PK\x03\x04", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ", b"\xd0\xcf\x11\xe0")
PHONE = r"\+?\d[\d ().-]{8,}"


class CannotRewrite(Exception):
    """A file in landing/ cannot be looked into, or not be written; the message names it."""


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


class Deliveries:
    """What lies in landing/, read as a night would read it."""

    def __init__(self, company: Company, as_of: date, known: Forgotten):
        self.company, self.known = company, known
        self.landing = Landing(company, as_of, RUN, is_rehearsal=True)
        self.journal = Journal(self.landing.ledger)
        self.suspects = Suspects(company, known)

    def close(self) -> None:
        self.suspects.close()
        self.landing.release()
        shutil.rmtree(self.landing.work, ignore_errors=True)

    def forget(
        self, wanted: re.Pattern[str] | None, *, only: Collection[str] | None = None,
        dry: bool = False,
    ) -> dict[str, int]:  # fmt: skip
        """Forget persons in every file, or in those of some deliveries; the rows, by file.

        `wanted` is looked for in files of which nothing can be read. Raises CannotRewrite before
        a single file is touched.
        """
        chosen = [d for d in self.landing.arrivals.deliveries if only is None or d.name in only]
        found = [(delivery, self._rows(delivery, wanted)) for delivery in chosen]
        changed: dict[str, int] = {}
        for delivery, by_file in found:
            for file in delivery.files:
                rows = by_file.get(file.name, Rows())
                count = self._rewrite(delivery, file, rows, dry)
                if count:
                    changed[file.name] = count
            if changed.keys() & {file.name for file in delivery.files} and not dry:
                self._rename_delivery(delivery)
        return changed

    # ---- finding

    def _rows(self, delivery: Delivery, wanted: re.Pattern[str] | None) -> dict[str, Rows]:
        found: dict[str, Rows] = {}
        for feed in delivery.feeds:
            if not is_about_persons(feed):
                continue
            try:
                self._find(delivery, feed, found)
            except (RejectedError, MiscountError, duckdb.Error) as error:
                self._refuse_if_suspect(delivery, wanted, str(error))
        if not delivery.feeds or delivery.rejected:
            self._refuse_if_suspect(delivery, wanted, delivery.rejected or "of no feed")
        return found

    def _refuse_if_suspect(
        self, delivery: Delivery, wanted: re.Pattern[str] | None, why: str
    ) -> None:
        """Raise CannotRewrite where a file that no night could read may hold a person."""
        for file in delivery.files:
            content = file.path.read_bytes()
            texts = (content.decode(e, errors="ignore") for e in ("utf-8", "cp932", "utf-16"))
            packed = content.startswith((*ARCHIVES, b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"))
            if packed or (wanted and any(wanted.search(text) for text in texts)):
                raise CannotRewrite(
                    f"{self.company.landing / file.name}: cannot be read ({why}), so nobody can"
                    " take a person out of it: take the file away, then erase"
                )

    def _load(self, delivery: Delivery, feed: Feed) -> Load:
        return Load(
            number=0,
            load_id=f"{RUN}-{feed.name}-{sha256(delivery.name.encode()).hexdigest()[:12]}",
            system=delivery.system,
            source=feed.source,
            feed=feed.name,
            file=delivery.name,
            sha256=delivery.sha256,
            recipe="",
            delivered_at=self.landing.delivered_at,
        )

    def _find(self, delivery: Delivery, feed: Feed, found: dict[str, Rows]) -> None:
        cast, table = self.landing.table(
            delivery, feed, self._load(delivery, feed), FeedReport(feed.name)
        )
        carried = ["_file"] if delivery.mapping else []

        def look(table: Table) -> list[tuple[str, Sequence[int], Edits, dict[int, str]]]:
            seen, counted = [], 0
            reader = self.landing.connection.execute(cast.stream(table.sql, carried))
            for batch in reader.to_arrow_reader(BATCH_ROWS):
                lines, more = places_of(batch, table.first_row + counted)
                counted += more
                edits, own = self.known.edits(feed, batch, delivery.system)
                names = batch["_file"].to_pylist() if carried else [delivery.name] * len(batch)
                for name in set(names):
                    rows = {row for row in {*edits, *own} if names[row] == name}
                    if rows:
                        seen.append((
                            name, lines.to_pylist(),
                            {r: e for r, e in edits.items() if r in rows},
                            {r: s for r, s in own.items() if r in rows},
                        ))  # fmt: skip
            table.check_count(counted)
            return seen

        try:
            seen = look(table)
        except (MiscountError, duckdb.InvalidInputException):
            if table.repair is None:
                raise
            seen = look(table.repair())
        for name, lines, edits, own in seen:
            found.setdefault(name, Rows()).add(lines, edits, own)

    def plain(self) -> dict[tuple[str, str, int], dict[str, str]]:
        """What persons' own rows hold, as it was delivered: by feed, file and line."""
        held: dict[tuple[str, str, int], dict[str, str]] = {}
        for delivery in self.landing.arrivals.deliveries:
            for feed in filter(is_about_persons, delivery.feeds):
                found: dict[str, Rows] = {}
                with contextlib.suppress(RejectedError, MiscountError, duckdb.Error):
                    self._find(delivery, feed, found)
                    if any(rows.own for rows in found.values()):
                        held |= self._texts(delivery, feed, found)
        return held

    def _texts(
        self, delivery: Delivery, feed: Feed, found: Mapping[str, Rows]
    ) -> dict[tuple[str, str, int], dict[str, str]]:
        cast, table = self.landing.table(
            delivery, feed, self._load(delivery, feed), FeedReport(feed.name)
        )
        cells = {**cast.texts, **cast.unknown}
        listed = ", ".join(f"{sql} as {duck.name(name)}" for name, sql in cells.items())
        carried = ", _file" if delivery.mapping else ""
        held, counted = {}, 0
        reader = self.landing.connection.execute(
            f"select {listed}, _row, _newlines{carried} from ({table.sql})"
        )
        for batch in reader.to_arrow_reader(BATCH_ROWS):
            lines, more = places_of(batch, table.first_row + counted)
            counted += more
            for line, row in zip(lines.to_pylist(), batch.to_pylist(), strict=True):
                file = row.get("_file") or delivery.name
                if file in found and line in found[file].own:
                    texts = {name: row[name] for name in cells if row[name] is not None}
                    held[feed.name, file, line] = texts
        return held

    # ---- rewriting

    def _rewrite(self, delivery: Delivery, file: DeliveredFile, rows: Rows, dry: bool) -> int:
        """Write one file anew, as a try where `dry`; how many of its rows change."""
        if not (rows.edits or rows.own or delivery.mapping or self._has_bad_lines(delivery)):
            return 0
        folder = self.landing.work / RUN
        entry = next((e for e, held in delivery.entries.items() if file in held), None)
        layout = delivery.mapping.files[entry].layout if delivery.mapping and entry else Layout()
        ratio = self.company.settings.max_unpacking_ratio
        try:
            db = self.landing.connection
            table = read_table(db, file.path, file.form, folder, layout, ratio)
            edit = self._edit(delivery, entry, table, rows)
        except (RejectedError, duckdb.Error):  # nothing was found in it, or it would be refused
            return 0
        if edit is None:
            return 0
        delivered = Delivered(file.path, file.form, layout, table.columns, ratio)
        old, count = digest(file.path), 0

        def suspect(text: str) -> bool:
            return self.suspects.is_of(None, delivery.system, text)

        def write(aside: Path) -> bool:
            nonlocal count
            if isinstance(edit, MappedEdit):
                formats.rewrite(delivered, edit.look, lambda _: False, folder, aside)
            try:
                count = formats.rewrite(delivered, edit, suspect, folder, aside)
            except UnicodeEncodeError as error:
                raise CannotRewrite(f"{file.path}: cannot be written anew: {error}") from None
            if count and not dry:
                self.journal.rewriting(file.name, old, digest(aside))
            return bool(count) and not dry

        if files.replace(file.path, write):
            self.journal.rewritten(file.name, (*size_and_stamp(file.path), digest(file.path)), old)
        shutil.rmtree(folder, ignore_errors=True)
        return count

    def _edit(self, delivery: Delivery, entry: str | None, table: Table, rows: Rows) -> Edit | None:
        if not delivery.mapping or not entry:
            return canonical_edit(delivery.feeds[0], table, rows)
        spelt = self._addresses(delivery, table)
        if not (rows.edits or rows.own or spelt or self._has_bad_lines(delivery)):
            return None
        return MappedEdit(delivery.mapping, entry, table, rows, spelt, delivery, self.known)

    def _addresses(self, delivery: Delivery, table: Table) -> dict[str, str]:
        """The addresses of forgotten persons in a file's cells, as they are spelt in it."""
        cells = ", ".join(f"c{i}" for i in range(len(table.columns)))
        token = tokens.normalised("recipient", "v")
        found = self.landing.connection.execute(
            f"select v, hmac_token({token}) from (select distinct unnest([{cells}]) as v"
            f" from ({table.sql}))"
            f" where contains(v, '@') or regexp_full_match(v, {duck.text(PHONE)})"
        ).fetchall()
        feed = delivery.feeds[0]
        held = {v: self.known.address(feed, delivery.system, t) for v, t in found}
        return {value.strip(): stand_in for value, stand_in in held.items() if stand_in is not None}

    def _has_bad_lines(self, delivery: Delivery) -> bool:
        """Whether something of it was set aside, which may be lines that are no rows."""
        return delivery.name in self._set_aside

    @cached_property
    def _set_aside(self) -> set[str]:
        return {load.file for load in self.landing.ledger.loads() if load.rows_quarantined}

    def _rename_delivery(self, delivery: Delivery) -> None:
        """Files that are read together are known by the hashes of all of them."""
        if len(delivery.files) > 1:
            hashed = "".join(digest(file.path) for file in delivery.files)
            anew = sha256(hashed.encode()).hexdigest()
            self.journal.rewriting(delivery.name, delivery.sha256, anew)
            self.journal.renamed(delivery.name, delivery.sha256, anew)


# ---- what is edited of a row


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
            elif name not in self.kept or "@" in value or re.fullmatch(PHONE, value):
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

"""Files in landing/ without whom the company forgot, each in its own format and place."""

import contextlib
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
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
from orchestration.ingest.mapped import DeliveredFile
from orchestration.ingest.reading import Layout, MiscountError, Table, read_table
from orchestration.ingest.unpacking import RejectedError
from orchestration.ingest.writing import BATCH_ROWS, places_of
from orchestration.landing import Landing
from orchestration.ledger import Load
from orchestration.privacy import files, formats
from orchestration.privacy.edits import MappedEdit, Rows, canonical_edit
from orchestration.privacy.files import CannotRewrite
from orchestration.privacy.forgotten import (
    Edits,
    Forgotten,
    is_about_persons,
)
from orchestration.privacy.formats import Delivered, Edit
from orchestration.privacy.journal import Journal
from orchestration.privacy.raw import Suspects

RUN = "erasing"
PHONE = r"\+?\d[\d ().-]{8,}"
ARCHIVES = (b"PK\x03\x04", b"7z\xbc\xaf", b"Rar!", b"BZh", b"\xfd7zXZ", b"\xd0\xcf\x11\xe0")


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

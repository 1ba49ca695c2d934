"""Landing: one night's arrivals, feed by feed, from landing/ to raw Parquet and the ledger."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.company import Company
from orchestration.contract import Feed, load_contract
from orchestration.disk import digest, fsync, make_folder
from orchestration.ingest import drift, duck, spellings, tokens
from orchestration.ingest.arrivals import Delivery, check_unchanged, read_landing
from orchestration.ingest.casting import Cast
from orchestration.ingest.drift import Compared
from orchestration.ingest.judging import (
    SHOWN,
    FeedReport,
    LandingError,
    compare_with_past,
    stop_if_too_bad,
)
from orchestration.ingest.mapped import MappedDelivery, map_delivery
from orchestration.ingest.matching import Matched, match_columns
from orchestration.ingest.planning import Planned, make_plan, owners_of_ids, standing
from orchestration.ingest.reading import MiscountError, Table, extensions_of, first_line, read_table
from orchestration.ingest.unpacking import RejectedError
from orchestration.ingest.writing import BATCH_ROWS, Origin, Written, write_table
from orchestration.ledger import (
    RAW_FILE,
    Ledger,
    Load,
    Quarantined,
    raw_folder,
    replace_parquet,
)
from orchestration.privacy.forgotten import Forgotten
from orchestration.privacy.journal import Journal
from orchestration.privacy.raw import forget_landed
from orchestration.restating import lay_down_published
from orchestration.steps import reach
from orchestration.vault import Keeper, Vault

__all__ = ["FeedReport", "Landing", "LandingError"]

INCOMING = ".incoming"
WORK = "landing-"
EVENT_TOLERANCE = timedelta(days=1)  # of a clock that runs ahead, or a zone mistaken


class Landing:
    """The arrivals of one night; made by looking through landing/ and into the ledger.

    A rehearsal plans to read again whatever something is in quarantine of. Raises ConfigError
    where a mapping is wrong, before anything is touched.
    """

    def __init__(self, company: Company, as_of: date, run_id: str, is_rehearsal: bool = False):
        self.company = company
        self.as_of = as_of
        self.run_id = run_id
        self.feeds: tuple[Feed, ...] = load_contract()
        self.ledger = Ledger(company.ledger)
        self._known_files = self.ledger.hashes()
        arrivals = read_landing(company, self._known_files)
        # files of which erasure made others, delivered again as they were
        journal = Journal(self.ledger)
        self.returned, self.arrivals = journal.recognised(arrivals)
        self.returned |= journal.returned()
        self.ledger.discard_open_nights()
        self._sweep()
        self._past = self.ledger.loads()
        self.delivered_at = self._time_of_delivery()
        known = [
            replace(load, recipe="") if load.rows_quarantined or load.is_rejected else load
            for load in self._past
        ]
        past = known if is_rehearsal else self._past
        self._plan = make_plan(
            company, self.feeds, self.arrivals, past, self.delivered_at, self._known_files
        )
        self._is_rehearsal = False
        self._reports: dict[str, FeedReport] = {}
        self._headers: dict[str, Sequence[str]] = {}  # of files that were refused
        self.compared: dict[str, list[Compared]] = {}  # by feed: its files with those before
        self._mapped: dict[str, MappedDelivery | RejectedError] = {}
        self._erased_again: dict[str, int] = {}  # by load: rows of persons who were erased
        if self._plan.planned and not is_rehearsal:
            self.ledger.open_night(self.delivered_at, as_of, run_id)

    # ---- before the night

    def _sweep(self) -> None:
        """Remove what a killed night left: raw without a row in the ledger, and work files."""
        known = {load.load_id for load in self.ledger.loads()} | {"none", "ledger"}
        for folder in self.company.raw.glob("*/*/load_id=*"):
            if folder.name.removeprefix("load_id=") not in known:
                shutil.rmtree(folder)
        shutil.rmtree(self.company.raw / INCOMING, ignore_errors=True)
        for folder in self.company.work.glob(f"{WORK}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def _time_of_delivery(self) -> datetime:
        """The end of the as-of date in UTC, or a second after the latest delivery, if later."""
        end = self.company.start_of(self.as_of + timedelta(days=1))
        last = self.ledger.last_delivered_at()
        return end if last is None or end > last else last + timedelta(seconds=1)

    # ---- the night

    @cached_property
    def work(self) -> Path:
        return self.company.work / f"{WORK}{self.run_id}"

    @cached_property
    def connection(self) -> duckdb.DuckDBPyConnection:
        key = tokens.read_key(self.company)
        forms = [file.form for one in self.arrivals.deliveries for file in one.files]
        places = (self.work, self.company.landing, self.company.raw, self.company.quarantine)
        connection = duck.connect(*places, extensions=extensions_of(*forms))
        spellings.install(connection)
        tokens.install(connection, key)
        connection.execute("create temp table cancelled_parents (id varchar)")
        return connection

    @cached_property
    def _forgotten(self) -> Forgotten:
        owners = self.id_systems().get("customer_id", {})
        return Forgotten.of(self.company, self.ledger, owners)

    @cached_property
    def _vault(self) -> Keeper:
        return Keeper(Vault(self.company))

    def load(self, feed: Feed) -> FeedReport:
        """Read what is new of a feed, and put it into raw and the ledger: all of it or nothing.

        Raises LandingError where too much of it is bad, or a full export lacks too much.
        """
        if feed.name not in self._reports:
            if feed.negative_where_parent:
                self.load(self._parent_of(feed))
            self._reports[feed.name] = self._load(feed)
        return self._reports[feed.name]

    def rehearse(self) -> Iterator[tuple[Load, Load, str | None]]:
        """Each delivery that was loaded or refused before, as it stands, as it would be read now,
        and why it would be refused; leaves no trace.
        """
        self._is_rehearsal = True
        for planned in self._plan.planned:
            before = next(standing(self._past, planned.delivery, planned.feed), None)
            if before is not None:
                report = FeedReport(before.feed)
                after, _ = self._read(planned, report)
                shutil.rmtree(self.company.raw / INCOMING / after.load_id, ignore_errors=True)
                yield before, after, next(iter(report.rejected.values()), None)
        self._clear()

    def _load(self, feed: Feed) -> FeedReport:
        report = FeedReport(feed.name)
        self.compared[feed.name] = report.compared
        done: list[tuple[Load, list[Quarantined]]] = []
        for planned in (p for p in self._plan.planned if p.feed == feed):
            load, aside = self._read(planned, report)
            self._compare(planned, load, aside, report)
            done.append((load, aside))
        self._count_again(feed, report)
        compare_with_past(self.company, feed, [load for load, _ in done], self._past, report)
        stop_if_too_bad(self.company, report, self.company.quarantine / self.run_id)
        self._commit(done)
        return report

    def _read(self, planned: Planned, report: FeedReport) -> tuple[Load, list[Quarantined]]:
        """Write one delivery's rows aside; a file that cannot be read is rejected, no more."""
        delivery, feed, load = planned.delivery, planned.feed, planned.load
        folder = self.company.raw / INCOMING / load.load_id
        report.files.append(delivery.name)
        try:
            if delivery.rejected or not feed:
                raise RejectedError(delivery.rejected or "of no feed")
            cast, table = self.table(delivery, feed, load, report)
            written = self._write(cast, table, load, delivery, folder)
            check_unchanged(delivery, self.arrivals.hashes)
        except RejectedError as error:
            shutil.rmtree(folder, ignore_errors=True)
            self._headers.setdefault(load.load_id, error.header)
            report.rejected[delivery.name] = str(error)
            report.reasons["", "file rejected"] += 1
            report.warnings.append(f"{delivery.name}: rejected: {error}")
            why = Quarantined(None, None, None, f"file rejected: {error}")
            return replace(load, is_rejected=True), [why]
        if not written.rows_loaded:
            replace_parquet(_no_rows(feed), folder / RAW_FILE)
        reach("file read")
        self._add_up(report, delivery.name, written)
        if again := self._erased_again.get(load.load_id):
            report.warnings.append(
                f"{delivery.name}: {again:,} rows of persons who were erased came again: they"
                " count without them"
            )
        load = replace(
            load,
            rows_in=written.rows_in,
            rows_loaded=written.rows_loaded,
            rows_quarantined=written.rows_quarantined,
            header="\n".join(self._headers[load.load_id]),
            unknown_columns=", ".join(cast.unknown) or None,
            raw_sha256=digest(folder / RAW_FILE),
        )
        return load, [_without_personal_data(feed, q) for q in written.quarantined]

    def _compare(
        self,
        planned: Planned,
        load: Load,
        aside: Sequence[Quarantined],
        report: FeedReport,
    ) -> None:
        """Say what of a file's columns is not as in the delivery before."""
        header = load.header or "\n".join(self._headers.get(load.load_id, ()))
        load = replace(load, header=header)
        before = drift.predecessor(load, self._past)
        if planned.feed is None or before is None:
            return
        new, old = (drift.filled(self._folder_of(one)) for one in (load, before))
        compared = drift.compare(
            planned.feed,
            drift.Arrived(load, aside, new),
            drift.Arrived(before, filled=old),
            is_mapped=planned.delivery.mapping is not None,
        )
        report.compared.append(compared)
        if compared.drifts:
            report.warnings.append(f"{load.file}: columns since {before.file}: {compared}")

    def _folder_of(self, load: Load) -> Path:
        """Where a load's raw rows lie: aside as long as it is of tonight."""
        aside = self.company.raw / INCOMING / load.load_id
        return aside if aside.is_dir() else raw_folder(self.company.raw, load)

    def table(
        self, delivery: Delivery, feed: Feed, load: Load, report: FeedReport
    ) -> tuple[Cast, Table]:
        """The delivery as text, and how that becomes the feed."""
        unknown: dict[str, str] = {}
        if delivery.mapping:
            mapped = self._map(delivery, load)
            made = mapped.feeds[feed.name]
            notes, header = mapped.notes, mapped.header
            table, texts = made.table, made.texts
            if feed == delivery.feeds[0]:
                table = replace(table, bad=tuple(mapped.bad))
                report.unknown_columns += mapped.unnamed
                report.warnings += [
                    f"{delivery.name}: {what}: {', '.join(names)}"
                    for what, names in (
                        ("columns that company.yml does not name", mapped.unnamed),
                        ("lacks columns that company.yml names", mapped.absent),
                    )
                    if names
                ]
            report.ignored += made.ignored
            if made.ignored:
                most = [f"{what} × {count:,}" for what, count in made.ignored.most_common(SHOWN)]
                more = len(made.ignored) - len(most)
                report.warnings.append(
                    f"{delivery.name}: {made.ignored.total():,} rows left out as the mapping says:"
                    f" {', '.join(most)}" + (f" and {more} more kinds" if more else "")
                )
        else:
            matched = self._match(delivery, feed, load)
            table, texts, unknown = matched.table, matched.texts, matched.unknown
            notes, header = [*table.notes], [*table.columns]
        if texts:  # else it may be a row
            self._headers[load.load_id] = header
        report.warnings += [f"{delivery.name}: {note}" for note in notes]
        cast = Cast(
            feed=feed,
            texts=texts,
            zone=self.company.time_zone(delivery.system),
            business_zone=self.company.settings.business_timezone,
            latest=self._latest_event(delivery, load),
            unknown=unknown,
            has_serial_dates=table.has_serial_dates,
            is_typed=table.is_typed,
        )
        if missing := cast.missing():
            named = ", ".join(f"`{name}`" for name in missing)
            has = ", ".join(table.columns) or "none"
            shown = has if texts else f"{len(table.columns)}, of which it names none"
            other = next((s for s in ";\t|" if len(table.columns) == 1 and s in has), None)
            raise RejectedError(
                f"lacks the required column{'s' if len(missing) > 1 else ''} {named};"
                + (f" is its delimiter {other!r}? Say so in a mapping;" if other else "")
                + f" it has {shown}"
            )
        if unknown:
            fresh = [name for name in unknown if name not in report.unknown_columns]
            report.unknown_columns += fresh
            report.warnings.append(f"{delivery.name}: unknown columns {', '.join(unknown)}")
        return cast, table

    def _match(self, delivery: Delivery, feed: Feed, load: Load) -> Matched:
        """A canonical file's columns; raises RejectedError where it names none."""
        file = delivery.files[0]
        ratio = self.company.settings.max_unpacking_ratio
        folder = self.work / load.load_id
        table = read_table(self.connection, file.path, file.form, folder, max_ratio=ratio)
        matched = match_columns(table, feed)
        if matched.has_no_header:
            raise RejectedError(
                f"its first line names no column of {feed.name} and looks like a row: has it no"
                " header? Say `header_row: 0` and its `columns` in a mapping"
            )
        return matched

    def _map(self, delivery: Delivery, load: Load) -> MappedDelivery:
        """A delivery's rows by feed; read once, however many feeds it yields."""
        if delivery.name not in self._mapped:
            assert delivery.mapping
            folder = self.work / f"mapped-{len(self._mapped)}"
            try:
                self._mapped[delivery.name] = map_delivery(
                    delivery.mapping,
                    delivery.entries,
                    delivery.feeds,
                    self.company.settings.business_timezone,
                    self._day_of(load),
                    folder,
                    max_ratio=self.company.settings.max_unpacking_ratio,
                )
            except RejectedError as error:
                self._mapped[delivery.name] = error
        mapped = self._mapped[delivery.name]
        if isinstance(mapped, RejectedError):
            raise mapped
        return mapped

    def _write(
        self, cast: Cast, table: Table, load: Load, delivery: Delivery, folder: Path
    ) -> Written:
        origin = Origin(load.system, load.file, load.delivered_at, bool(delivery.mapping))
        quarantine = self.company.quarantine / self.run_id / f"{load.load_id}-{load.feed}.parquet"
        self._find_cancelled_parents(cast.feed, load.system)
        work = self.work / load.load_id

        def write(table: Table) -> Written:
            work.mkdir(parents=True, exist_ok=True)
            written = write_table(self.connection, cast, table, origin, folder, quarantine, work)
            if self._forgotten:
                self._forget(cast.feed, load, delivery, folder, quarantine, written)
            kept = cast.kept(table.sql, folder) if written.rows_loaded else None
            if kept and not self._is_rehearsal:
                values = self.connection.execute(kept)
                self._vault.keep(values.to_arrow_reader(BATCH_ROWS))
            return written

        try:
            try:
                return write(table)
            except (MiscountError, duckdb.InvalidInputException):
                if table.repair is None:
                    raise
                return write(table.repair())
        except duckdb.OutOfMemoryException as error:
            raise LandingError(f"{load.file}: out of memory: {first_line(error)}") from error
        except duckdb.Error as error:
            if "No space left" in str(error):
                raise
            raise RejectedError(f"not readable: {first_line(error)}") from None
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _day_of(self, load: Load) -> date:
        """The business date with whose end a load arrived."""
        before = load.delivered_at - timedelta(microseconds=1)
        return before.replace(tzinfo=UTC).astimezone(self.company.zone).date()

    def _forget(
        self,
        feed: Feed,
        load: Load,
        delivery: Delivery,
        folder: Path,
        quarantine: Path,
        written: Written,
    ) -> None:
        """Take persons who were erased out of rows that bring them back; the file is remembered,
        to be written anew as well.
        """
        rows, lines = forget_landed(
            folder, quarantine, feed, load.system, self._forgotten, self.company
        )
        if rows or lines:
            self.returned.add(delivery.name)
            self._erased_again[load.load_id] = rows + len(lines)
        written.quarantined = [
            replace(q, value=None) if q.line in lines else q for q in written.quarantined
        ]

    def _latest_event(self, delivery: Delivery, load: Load) -> datetime:
        modified = datetime.fromtimestamp(delivery.mtime, UTC).replace(tzinfo=None)
        return max(load.delivered_at, modified.replace(microsecond=0)) + EVENT_TOLERANCE

    # ---- parents that let their children be negative

    def _parent_of(self, feed: Feed) -> Feed:
        target = feed.column(feed.parent or "").id_of
        return self._feed(target or "")

    def _find_cancelled_parents(self, feed: Feed, system: str) -> None:
        if not feed.negative_where_parent:
            return
        parent = self._parent_of(feed)
        owner = self.id_systems().get(parent.own_id or "", {}).get(system, system)
        self.connection.execute("delete from cancelled_parents")
        raw = self.company.raw / parent.source / parent.name
        if next(raw.glob("load_id=[0-9]*/*.parquet"), None):
            files = f"{duck.path(raw)} || '/load_id=[0-9]*/*.parquet'"
            self.connection.execute(f"""
                insert into cancelled_parents
                select distinct {parent.own_id} from read_parquet({files}, union_by_name = true)
                where system = {duck.text(owner)} and {feed.negative_where_parent}
            """)

    # ---- what is said of it

    def _add_up(self, report: FeedReport, name: str, written: Written) -> None:
        report.rows_in += written.rows_in
        report.rows_loaded += written.rows_loaded
        report.rows_quarantined += written.rows_quarantined
        report.reasons += written.reasons
        report.warnings += [
            f"{name}: {column}: {count:,} × `{value}` became `other`"
            for column, value, count in written.others
        ]
        if not written.rows_in:
            report.warnings.append(f"{name}: has a header and no rows")

    def _count_again(self, feed: Feed, report: FeedReport) -> None:
        for name, known in self._plan.again.get(feed.name, []):
            rows = known.rows_in if known else 0
            report.rows_duplicate += rows
            as_what = f" as {known.file}" if known else " under another name"
            report.warnings.append(f"{name}: the same content was loaded before{as_what}")

    # ---- into raw and the ledger

    def _commit(self, done: Sequence[tuple[Load, list[Quarantined]]]) -> None:
        """Rename what was written into its place, then write it down."""
        if not done:
            return
        parents = set()
        for load, _ in done:
            if load.is_rejected:
                continue
            folder = raw_folder(self.company.raw, load)
            make_folder(folder.parent)
            fsync(self.company.raw / INCOMING / load.load_id)
            os.rename(self.company.raw / INCOMING / load.load_id, folder)
            parents.add(folder.parent)
        for parent in parents:
            fsync(parent)
        if any(load.rows_quarantined for load, _ in done):
            fsync(self.company.quarantine / self.run_id)
        reach("raw renamed")
        returned = [load.file for load, _ in done if load.load_id in self._erased_again]
        self.ledger.record_loads(self.delivered_at, self.run_id, done, returned)
        reach("load recorded")

    def release(self) -> None:
        """Close what is open, as a night that stops must too; the vault has one user at a time."""
        for opened in {"connection", "_vault"} & self.__dict__.keys():
            self.__dict__.pop(opened).close()

    def close(self) -> None:
        """Give every feed its empty Parquet, export for dbt the ledger and what was published last,
        and end the night.
        """
        rejected = FeedReport("")
        self._commit([self._read(p, rejected) for p in self._plan.planned if p.feed is None])
        for feed in self.feeds:
            empty = self.company.raw / feed.source / feed.name / "load_id=none" / "empty.parquet"
            make_folder(empty.parent)
            if not empty.exists() or not pq.read_schema(empty).equals(_no_rows(feed).schema):
                replace_parquet(_no_rows(feed), empty)
        self.ledger.close_night(self.delivered_at)
        self.ledger.remember_hashes(self.arrivals.hashes)
        reach("landing closed")
        self.ledger.export(self.company.raw)
        lay_down_published(self.company, self.as_of)
        self._clear()
        self._reports[""] = rejected

    def _clear(self) -> None:
        self.release()
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.rmtree(self.company.raw / INCOMING, ignore_errors=True)

    @property
    def rejected(self) -> dict[str, str]:
        """Files that belong to no feed, and why: known once the night is closed."""
        return self._reports[""].rejected if "" in self._reports else {}

    def id_systems(self) -> dict[str, dict[str, str]]:
        """Per id column: the system that the ids of a system are of, where it is another one.

        What is yet to be loaded tonight counts as delivered, unless it turns out unreadable.
        """
        known = self.ledger.loads()
        read = {load.load_id for load in known}
        yet = [p.load for p in self._plan.planned if p.load.load_id not in read]
        return owners_of_ids(self.company, self.feeds, [*known, *yet])

    def _feed(self, name: str) -> Feed:
        return next(feed for feed in self.feeds if feed.name == name)


def _without_personal_data(feed: Feed, row: Quarantined) -> Quarantined:
    """What the warehouse may know of a bad row: no whole lines, no personal values."""
    names = {column.name for column in feed.columns if not column.pii}
    return row if row.column_name in names else replace(row, value=None)


def _no_rows(feed: Feed) -> pa.Table:
    kinds = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "DECIMAL(18,4)": pa.decimal128(18, 4),
        "BOOLEAN": pa.bool_(),
        "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us"),
    }
    schema = pa.schema({name: kinds[kind] for name, kind in feed.schema.items()})
    return schema.empty_table()

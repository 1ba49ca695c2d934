"""Landing: one night's arrivals, feed by feed, from landing/ to raw Parquet and the ledger."""

import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.company import Company
from orchestration.contract import Feed, load_contract
from orchestration.ingest import casting, duck, tokens
from orchestration.ingest.arrivals import Delivery, check_unchanged, read_landing
from orchestration.ingest.casting import Cast
from orchestration.ingest.mapped import MappedDelivery, map_delivery
from orchestration.ingest.reading import MiscountError, Table, first_line, read_table
from orchestration.ingest.unpacking import RejectedError
from orchestration.ingest.writing import Origin, Written, write_table
from orchestration.ledger import Ledger, Load, Quarantined, fsync, replace_parquet

INCOMING = ".incoming"
WORK = "landing-"
SHOWN = 3  # reasons in a message
USUAL_VOLUME = 10  # times as many rows as usual, or as few, are worth a word
EVENT_TOLERANCE = timedelta(days=1)  # the contract of the night


class LandingError(Exception):
    """The night cannot go on with what was delivered; the message says which feed and why."""


@dataclass
class FeedReport:
    """What became of a feed's deliveries in one night."""

    feed: str
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0  # of files whose content was loaded before
    files: list[str] = field(default_factory=list)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # of (column, reason)
    ignored: Counter[str] = field(default_factory=Counter)  # left out as the mapping says
    unknown_columns: list[str] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)  # file -> why
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Planned:
    """A delivery that is to be loaded as a feed."""

    delivery: Delivery
    feed: Feed | None
    load: Load


class Landing:
    """The arrivals of one night; made by looking through landing/ and into the ledger.

    Raises ConfigError where a mapping is wrong, before anything is touched.
    """

    def __init__(self, company: Company, as_of: date, run_id: str):
        self.company = company
        self.as_of = as_of
        self.run_id = run_id
        self.feeds: tuple[Feed, ...] = load_contract()
        self.ledger = Ledger(company.ledger)
        self._known_files = self.ledger.hashes()
        self._arrivals = read_landing(company, self._known_files)
        self.ledger.discard_open_nights()
        self._sweep()
        self._past = self.ledger.loads()
        self.delivered_at = self._time_of_delivery()
        self._again: dict[str, list[tuple[str, Load | None]]] = {}
        self._planned = self._plan()
        self._reports: dict[str, FeedReport] = {}
        self._mapped: dict[str, MappedDelivery | RejectedError] = {}
        if self._planned:
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
        midnight = datetime.combine(self.as_of + timedelta(days=1), datetime.min.time())
        end = midnight.replace(tzinfo=self.company.zone).astimezone(UTC).replace(tzinfo=None)
        last = self.ledger.last_delivered_at()
        return end if last is None or end > last else last + timedelta(seconds=1)

    def _plan(self) -> list[_Planned]:
        """What is to be loaded tonight, numbered in the order of feeds and names."""
        order: dict[str, int] = {feed.name: i for i, feed in enumerate(self.feeds)}
        wanted = [
            (delivery, feed)
            for delivery in self._arrivals.deliveries
            for feed in (delivery.feeds or (None,))
        ]
        wanted.sort(key=lambda w: (order[w[1].name] if w[1] else -1, w[0].system, w[0].name))
        number = max((load.number for load in self._past), default=0)
        planned: list[_Planned] = []
        tonight: set[tuple[str, str, str]] = set()
        for delivery, feed in wanted:
            recipe = self._recipe(delivery, feed)
            known = self._known(delivery, feed, recipe)
            content = (delivery.system, feed.name if feed else delivery.name, delivery.sha256)
            if known or content in tonight:
                if feed and delivery.name not in self._known_files:
                    self._again.setdefault(feed.name, []).append((delivery.name, known))
                continue
            tonight.add(content)
            number += 1
            planned.append(_Planned(delivery, feed, self._new_load(number, delivery, feed, recipe)))
        return planned

    def _recipe(self, delivery: Delivery, feed: Feed | None) -> str:
        """A fingerprint of all that decides how a file is read: another one reads it anew."""
        parts = [
            feed.fingerprint if feed else "",
            delivery.mapping.fingerprint if delivery.mapping else "",
            self.company.time_zone(delivery.system),
            self.company.settings.business_timezone,
        ]
        return casting.fingerprint(parts)

    def _same(self, delivery: Delivery, feed: Feed | None) -> Iterator[Load]:
        """Earlier loads of the same content that still stand, the latest first."""
        for load in reversed(self._past):
            is_it = (load.system, load.feed, load.sha256) == (
                delivery.system,
                feed.name if feed else "",
                delivery.sha256,
            )
            if is_it and not load.is_superseded:
                yield load

    def _known(self, delivery: Delivery, feed: Feed | None, recipe: str) -> Load | None:
        for load in self._same(delivery, feed):
            if load.recipe == recipe and (not load.is_rejected or load.file == delivery.name):
                return load
        return None

    def _new_load(self, number: int, delivery: Delivery, feed: Feed | None, recipe: str) -> Load:
        load_id = f"{number:06d}-{delivery.sha256[:8]}"
        # A file that is read anew, its mapping mended, arrived when it arrived.
        replayed = next(self._same(delivery, feed), None)
        return Load(
            number=number,
            load_id=load_id,
            system=delivery.system,
            source=feed.source if feed else "",
            feed=feed.name if feed else "",
            file=delivery.name,
            sha256=delivery.sha256,
            recipe=recipe,
            delivered_at=replayed.delivered_at if replayed else self.delivered_at,
            is_full=bool(feed) and self.company.delivers_in_full(delivery.system, feed.name),
            delivery=load_id,
        )

    # ---- the night

    @cached_property
    def work(self) -> Path:
        return self.company.work / f"{WORK}{self.run_id}"

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        key = tokens.read_key(self.company.keys)
        connection = duck.connect(self.work / "temp")
        casting.install(connection)
        tokens.install(connection, key)
        connection.execute("create temp table cancelled_parents (id varchar)")
        return connection

    def load(self, feed: Feed) -> FeedReport:
        """Read what is new of a feed, and put it into raw and the ledger: all of it or nothing.

        Raises LandingError where too much of it is bad, or a full export lacks too much.
        """
        if feed.name not in self._reports:
            if feed.negative_where_parent:
                self.load(self._parent_of(feed))
            self._reports[feed.name] = self._load(feed)
        return self._reports[feed.name]

    def _load(self, feed: Feed) -> FeedReport:
        report = FeedReport(feed.name)
        done: list[tuple[Load, list[Quarantined]]] = []
        for planned in (p for p in self._planned if p.feed == feed):
            done.append(self._read(planned, report))
        self._count_again(feed, report)
        self._compare_with_past(feed, [load for load, _ in done], report)
        self._stop_if_too_bad(feed, report)
        self._commit(done)
        return report

    def _read(self, planned: _Planned, report: FeedReport) -> tuple[Load, list[Quarantined]]:
        """Write one delivery's rows aside; a file that cannot be read is rejected, no more."""
        delivery, feed, load = planned.delivery, planned.feed, planned.load
        folder = self.company.raw / INCOMING / load.load_id
        report.files.append(delivery.name)
        try:
            if delivery.rejected or not feed:
                raise RejectedError(delivery.rejected or "of no feed")
            cast, table = self._table(delivery, feed, load, report)
            written = self._write(cast, table, load, delivery, folder)
            check_unchanged(delivery, self._arrivals.hashes)
        except RejectedError as error:
            shutil.rmtree(folder, ignore_errors=True)
            report.rejected[delivery.name] = str(error)
            report.reasons["", "file rejected"] += 1
            report.warnings.append(f"{delivery.name}: rejected: {error}")
            why = Quarantined(None, None, None, f"file rejected: {error}")
            return replace(load, is_rejected=True), [why]
        if not written.rows_loaded:
            replace_parquet(_no_rows(feed), folder / "part-0.parquet")
        self._add_up(report, delivery.name, written)
        header = "\n".join(table.columns)
        load = replace(
            load,
            rows_in=written.rows_in,
            rows_loaded=written.rows_loaded,
            rows_quarantined=written.rows_quarantined,
            header=header,
            unknown_columns=", ".join(cast.unknown) or None,
        )
        return load, [_without_personal_data(feed, q) for q in written.quarantined]

    def _table(
        self, delivery: Delivery, feed: Feed, load: Load, report: FeedReport
    ) -> tuple[Cast, Table]:
        """The delivery as text, and how that becomes the feed."""
        unknown: dict[str, str] = {}
        if delivery.mapping:
            mapped = self._map(delivery)
            made = mapped.feeds[feed.name]
            table, texts = made.table, made.texts
            if feed == delivery.feeds[0]:
                table = replace(table, bad=tuple(mapped.bad))
            report.ignored += made.ignored
            if made.ignored:
                most = [f"{what} × {count:,}" for what, count in made.ignored.most_common(SHOWN)]
                more = len(made.ignored) - len(most)
                report.warnings.append(
                    f"{delivery.name}: {made.ignored.total():,} rows left out as the mapping says:"
                    f" {', '.join(most)}" + (f" and {more} more kinds" if more else "")
                )
        else:
            file = delivery.files[0]
            table = read_table(self._connection, file.path, file.form, self.work / load.load_id)
            names = {column.name for column in feed.columns}
            texts = {}
            for position, label in enumerate(table.columns):
                if label.lower() in names and label.lower() not in texts:
                    texts[label.lower()] = f"c{position}"
                else:
                    unknown[label] = f"c{position}"
        cast = Cast(
            feed=feed,
            texts=texts,
            zone=self.company.time_zone(delivery.system),
            business_zone=self.company.settings.business_timezone,
            latest=self._latest_event(delivery, load),
            unknown=unknown,
            has_serial_dates=table.has_serial_dates,
        )
        if missing := cast.missing():
            named = ", ".join(f"`{name}`" for name in missing)
            has = ", ".join(table.columns) or "none"
            other = next((s for s in ";\t|" if len(table.columns) == 1 and s in has), None)
            raise RejectedError(
                f"lacks the required column{'s' if len(missing) > 1 else ''} {named};"
                + (f" is its delimiter {other!r}? Say so in a mapping;" if other else "")
                + f" it has {has}"
            )
        if unknown:
            fresh = [name for name in unknown if name not in report.unknown_columns]
            report.unknown_columns += fresh
            report.warnings.append(f"{delivery.name}: unknown columns {', '.join(unknown)}")
        return cast, table

    def _map(self, delivery: Delivery) -> MappedDelivery:
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
                    folder,
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
            return write_table(self._connection, cast, table, origin, folder, quarantine, work)

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
        self._connection.execute("delete from cancelled_parents")
        raw = self.company.raw / parent.source / parent.name
        if next(raw.glob("load_id=[0-9]*/*.parquet"), None):
            files = f"{duck.path(raw)} || '/load_id=[0-9]*/*.parquet'"
            self._connection.execute(f"""
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
        for name, known in self._again.get(feed.name, []):
            rows = known.rows_in if known else 0
            report.rows_duplicate += rows
            as_what = f" as {known.file}" if known else " under another name"
            report.warnings.append(f"{name}: the same content was loaded before{as_what}")

    def _compare_with_past(self, feed: Feed, loads: Sequence[Load], report: FeedReport) -> None:
        """Words on new columns and unusual volumes; raise LandingError for a shrunken export."""
        for system in sorted({load.system for load in loads if not load.is_rejected}):
            new = [x for x in loads if x.system == system and not x.is_rejected]
            old = [
                x
                for x in self._past
                if (x.system, x.feed) == (system, feed.name)
                and not x.is_rejected
                and x.sha256 not in {n.sha256 for n in new}
            ]
            if not old:
                continue
            report.warnings += _changes(old[-1], new[-1])
            rows = sum(load.rows_in for load in new)
            usual = sum(load.rows_in for load in old) / len({load.delivered_at for load in old})
            if rows > USUAL_VOLUME * usual or rows * USUAL_VOLUME < usual:
                report.warnings.append(f"{system}: {rows:,} rows where {usual:,.0f} are usual")
            if new[-1].is_full:
                self._stop_if_shrunken(feed, system, old, rows)

    def _stop_if_shrunken(self, feed: Feed, system: str, old: Sequence[Load], rows: int) -> None:
        latest = max((x.delivered_at for x in old if x.is_full), default=None)
        before = sum(x.rows_in for x in old if x.is_full and x.delivered_at == latest)
        ceiling = self.company.settings.max_shrink_share
        if before and (before - rows) / before > ceiling:
            raise LandingError(
                f"{system}/{feed.name}: the full export has {rows:,} rows, the one before it had"
                f" {before:,}: it lost {(before - rows) / before:.1%}, more than the"
                f" {ceiling:.1%} of max_shrink_share. Nothing was loaded. Deliver the whole"
                " export, or raise max_shrink_share in company.yml if it is right"
            )

    def _stop_if_too_bad(self, feed: Feed, report: FeedReport) -> None:
        ceiling = self.company.settings.quarantine_ceiling(feed.name)
        if not report.rows_in or report.rows_quarantined / report.rows_in <= ceiling:
            return
        reasons = "; ".join(
            f"{count:,} × {column + ': ' if column else ''}{reason}"
            for (column, reason), count in report.reasons.most_common(SHOWN)
        )
        raise LandingError(
            f"{feed.name}: {report.rows_quarantined:,} of {report.rows_in:,} rows are bad"
            f" ({report.rows_quarantined / report.rows_in:.2%}), more than the {ceiling:.2%} of"
            f" max_quarantined_share: {reasons}. Nothing of {', '.join(report.files)} was loaded;"
            f" the rows and their reasons lie in {self.company.quarantine / self.run_id}"
        )

    # ---- into raw and the ledger

    def _commit(self, done: Sequence[tuple[Load, list[Quarantined]]]) -> None:
        """Rename what was written into its place, then write it down."""
        if not done:
            return
        parents = set()
        for load, _ in done:
            if load.is_rejected:
                continue
            folder = self.company.raw / load.source / load.feed / f"load_id={load.load_id}"
            folder.parent.mkdir(parents=True, exist_ok=True)
            fsync(self.company.raw / INCOMING / load.load_id)
            os.rename(self.company.raw / INCOMING / load.load_id, folder)
            parents.add(folder.parent)
        for parent in parents:
            fsync(parent)
        self.ledger.record_loads(self.delivered_at, self.run_id, done)

    def close(self) -> None:
        """Give every feed its empty Parquet, export the ledger for dbt, and end the night."""
        rejected = FeedReport("")
        self._commit([self._read(p, rejected) for p in self._planned if p.feed is None])
        for feed in self.feeds:
            empty = self.company.raw / feed.source / feed.name / "load_id=none" / "empty.parquet"
            empty.parent.mkdir(parents=True, exist_ok=True)
            if not empty.exists() or not pq.read_schema(empty).equals(_no_rows(feed).schema):
                replace_parquet(_no_rows(feed), empty, durable=False)
        self.ledger.close_night(self.delivered_at)
        self.ledger.remember_hashes(self._arrivals.hashes)
        self.ledger.export(self.company.raw)
        if "_connection" in self.__dict__:
            self._connection.close()
        shutil.rmtree(self.work, ignore_errors=True)
        shutil.rmtree(self.company.raw / INCOMING, ignore_errors=True)
        self._reports[""] = rejected

    @property
    def rejected(self) -> dict[str, str]:
        """Files that belong to no feed, and why: known once the night is closed."""
        return self._reports[""].rejected if "" in self._reports else {}

    def id_systems(self) -> dict[str, dict[str, str]]:
        """Per id column: the system that the ids of a system are of, where it is another one.

        An id is of the one system that delivers its feed; where none or several do, of its own
        system; and always of the one that company.yml names in `ids_of`. What is yet to be
        loaded tonight counts as delivered, unless it turns out unreadable.
        """
        delivering: dict[str, set[str]] = {}
        known = self.ledger.loads()
        read = {load.load_id for load in known}
        yet = [p.load for p in self._planned if p.load.load_id not in read]
        for load in (*known, *yet):
            if not load.is_rejected and load.feed:
                delivering.setdefault(load.feed, set()).add(load.system)
        owners: dict[str, dict[str, str]] = {}
        for feed in (f for f in self.feeds if f.own_id):
            holders = sorted(delivering.get(feed.name, ()))
            referring = set().union(
                *(held for name, held in delivering.items() if self._feed(name).refers_to(feed))
            )
            for system in sorted(referring | {*self.company.systems}):
                named = self.company.system(system).ids_of.get(feed.own_id)
                only = holders[0] if len(holders) == 1 and system in referring else None
                if (owner := named or only) and owner != system:
                    owners.setdefault(feed.own_id, {}).setdefault(system, owner)
        return owners

    def _feed(self, name: str) -> Feed:
        return next(feed for feed in self.feeds if feed.name == name)


def _without_personal_data(feed: Feed, row: Quarantined) -> Quarantined:
    """What the warehouse may know of a bad row: no whole lines, no personal values."""
    names = {column.name for column in feed.columns if not column.pii}
    return row if row.column_name in names else replace(row, value=None)


def _changes(before: Load, after: Load) -> Iterator[str]:
    """Words on columns that came or went since the last delivery."""
    old, new = (set((x.header or "").split("\n")) for x in (before, after))
    if before.header is None or old == new:
        return
    for what, names in (("gone", old - new), ("new", new - old)):
        if names:
            yield f"{after.file}: columns {what} since {before.file}: {', '.join(sorted(names))}"


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

"""Writes feeds into landing/ as systems would export them, with late rows, faults and doubles."""

from __future__ import annotations

import gzip
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any
from zlib import crc32

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from orchestration.contract import feeds_by_name
from orchestration.sample import world as w
from orchestration.sample.columns import Bools, Ints

Columns = dict[str, pa.Array | np.ndarray]

# system -> feed -> form of its files
FORMS: dict[str, dict[str, str]] = {
    "crm": {
        "customers": "csv.gz",
        "accounts": "csv",
        "identities": "csv.gz",
        "consents": "csv.gz",
        "erasure_requests": "csv",
        "subscriptions": "csv.gz",
        "subscription_changes": "csv.gz",
        "campaigns": "csv",
        "experiment_assignments": "csv.gz",
        "referrals": "csv",
        "action_outcomes": "csv",
    },
    "desk": {"support_tickets": "jsonl.zst", "feedback_items": "jsonl.zst"},
    "community": {"community_events": "jsonl.zst"},
    "shop": {"orders": "csv.gz", "order_items": "parquet", "refunds": "csv.gz", "products": "csv"},
    "pos": {"customers": "csv.gz", "orders": "parquet", "order_items": "parquet"},
    "mail": {"message_events": "parquet"},
    "line": {"message_events": "parquet", "message_stats_daily": "csv"},
    "survey": {
        "surveys": "csv",
        "invitations": "csv.gz",
        "responses": "csv.gz",
        "answers": "parquet",
    },
    "sns": {
        "accounts_daily": "csv.gz",
        "posts": "csv.gz",
        "post_metrics_daily": "parquet",
        "mentions": "jsonl.zst",
    },
    "web": {"web_events": "parquet"},
    "ads": {"ads_daily": "csv.gz"},
    "search": {"search_daily": "csv.gz"},
}


@dataclass(frozen=True)
class Fault:
    """A row that must end in quarantine: one column of a copied row is made bad."""

    kind: str
    column: str
    value: Any
    also: tuple[tuple[str, Any], ...] = ()


NO_DAY = "2026-02-30 10:00:00"
FAR = 2099  # a year that no delivery reaches
FAULTS: dict[str, tuple[Fault, ...]] = {
    "customers": (
        Fault("impossible_date", "created_at", NO_DAY),
        Fault("impossible_date", "birth_date", "1988-02-30"),
    ),
    "consents": (
        Fault("unknown_value", "purpose", "marketing_fax"),
        Fault("missing", "granted", None),
    ),
    "identities": (Fault("missing", "identity_value", None),),
    "subscriptions": (Fault("negative", "amount", -1980.0),),
    "subscription_changes": (Fault("unknown_value", "change_type", "paused"),),
    "support_tickets": (
        Fault("impossible_date", "opened_at", NO_DAY),
        Fault("negative", "reopened_count", -1),
    ),
    "message_events": (
        Fault("missing", "event_type", None),
        Fault("after_delivery", "occurred_at", FAR),
    ),
    "experiment_assignments": (Fault("missing", "variant", None),),
    "community_events": (Fault("impossible_date", "occurred_at", NO_DAY),),
    "orders": (
        Fault("unknown_value", "status", "delivering"),
        Fault("negative", "total", -1200.0, (("status", "completed"),)),
        Fault("impossible_date", "ordered_at", NO_DAY),
    ),
    "order_items": (Fault("negative", "quantity", -1), Fault("missing", "product_id", None)),
    "invitations": (Fault("impossible_date", "sent_at", NO_DAY),),
    "responses": (
        Fault("unknown_value", "respondent_type", "robot"),
        Fault("impossible_date", "responded_at", NO_DAY),
    ),
    "answers": (
        Fault("off_scale", "numeric_value", 11.0, (("question_code", "nps"),)),
        Fault("fractional", "numeric_value", 7.5, (("question_code", "nps"),)),
        Fault("off_scale", "numeric_value", 6.0, (("question_code", "csat"),)),
    ),
    "accounts_daily": (Fault("negative", "followers", -1),),
    "post_metrics_daily": (Fault("negative", "likes", -3),),
    "mentions": (Fault("off_scale", "rating", 6.0),),
    "web_events": (
        Fault("missing", "anonymous_id", None),
        Fault("after_delivery", "occurred_at", FAR),
    ),
    "ads_daily": (Fault("negative", "clicks", -5),),
    "search_daily": (Fault("impossible_date", "date", "2025-02-29"),),
}
# delivered again under the same key with another content: column and value of the other
CONFLICTS: dict[str, tuple[str, Any]] = {
    "consents": ("granted", False),
    "message_events": ("flow_id", "resend"),
    "community_events": ("channel", "forum"),
    "invitations": ("channel", "sms"),
    "orders": ("campaign_id", "CP001"),
    "web_events": ("utm_source", "other"),
    "mentions": ("is_ugc", True),
}
CHILDREN = {"order_items": "order_id", "answers": "response_id"}
BAD_SHARE, TWICE_SHARE, CONFLICT_SHARE = 0.003, 0.002, 0.001
LATE_EVERY, LATE_OFFSET = 211, 5
LATE_BLOCK_AT = 0.62  # where in time the block of late rows lies


@dataclass
class Landing:
    """The landing folder of a sample that is being written, and what went into it."""

    folder: Path
    world: w.World
    counts: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    pending: list[Future[None]] = field(default_factory=list)
    writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))

    def write(
        self,
        system: str,
        feed: str,
        columns: Columns,
        *,
        chunk: int | None = None,
        late: Bools | None = None,
        again: Columns | None = None,
    ) -> None:
        """Write one feed of one system.

        `late` marks the rows of the late file (parents whole), `again` are newer versions in it.
        """
        form = FORMS[system][feed]
        table = typed(feed, columns, form)
        if not len(table):
            return
        is_late = _late(len(table)) if late is None else late
        main, later, counts = _spoil(self.world, feed, table, is_late, chunk)
        if again:
            newer = typed(feed, again, form)
            later = pa.concat_tables([later, newer])
            counts |= {"rows": counts["rows"] + len(newer), "delivered_again": len(newer)}
        self._count(system, feed, counts)
        folder = self.folder / system / feed
        folder.mkdir(parents=True, exist_ok=True)
        stem = feed if chunk is None else f"{feed}_{chunk + 1:04d}"
        self._later(folder / f"{stem}.{form}", main)
        if len(later):
            self._later(folder / f"{stem}_late.{form}", later)

    def _later(self, path: Path, table: pa.Table) -> None:
        """Write beside the making of what comes next; compressing takes as long as that."""
        self.pending.append(self.writer.submit(self._file, path, table))

    def flush(self) -> None:
        """Wait until everything is on disk; raises what a write raised."""
        for write in self.pending:
            write.result()
        self.pending.clear()

    def _file(self, path: Path, table: pa.Table) -> None:
        if path.name.endswith(".parquet"):
            # without a dictionary, sorted ids are kept as differences
            keyed = [f.name for f in table.schema if _is_sequence(table, f.name)]
            pq.write_table(
                table, path, compression="zstd",
                compression_level=9 if self.world.is_small else 1,
                use_dictionary=[f.name for f in table.schema if f.name not in keyed],
                column_encoding=dict.fromkeys(keyed, "DELTA_BYTE_ARRAY") or None,
                write_statistics=not self.world.is_small, store_schema=False,
            )  # fmt: skip
        elif path.name.endswith(".jsonl.zst"):
            _write_json(path, table)
        elif path.name.endswith(".csv.gz"):
            level = 9 if self.world.is_small else 1
            with path.open("wb") as raw, gzip.GzipFile("", "wb", level, raw, mtime=0) as packed:
                _write_csv(table, packed)
        else:
            with path.open("wb") as plain:
                _write_csv(table, plain)

    def _count(self, system: str, feed: str, new: dict[str, Any]) -> None:
        total = self.counts.setdefault(system, {}).setdefault(
            feed, {"rows": 0, "late": 0, "delivered_twice": 0, "conflicting": 0, "bad": {}}
        )
        for key in ("rows", "late", "delivered_twice", "conflicting", "delivered_again"):
            if key in new:
                total[key] = total.get(key, 0) + new[key]
        for kind, count in new["bad"].items():
            total["bad"][kind] = total["bad"].get(kind, 0) + count


def typed(feed: str, columns: Columns, form: str) -> pa.Table:
    """The columns in the contract's order and, for the file's form, the contract's types."""
    declared = {column.name: column.type for column in feeds_by_name()[feed].columns}
    unknown = set(columns) - set(declared)
    if unknown:
        raise ValueError(f"{feed}: the contract has no column {sorted(unknown)}")
    names = [name for name in declared if name in columns]
    arrays = [_cast(columns[name], declared[name], form) for name in names]
    return pa.table(arrays, names=names)


def _cast(values: pa.Array | np.ndarray, data_type: str, form: str) -> pa.Array:
    array = values if isinstance(values, pa.Array) else pa.array(values, from_pandas=True)
    if data_type == "date":
        day = array.cast(pa.date32())
        return day if form == "parquet" else day.cast(pa.string())
    if data_type == "timestamp":
        return _moments(array, form)
    if data_type == "integer":
        return array.cast(pa.int64())
    if data_type == "decimal" and form == "parquet":
        return array.cast(pa.float64()).cast(pa.decimal128(18, 4))
    if data_type == "decimal":
        return array.cast(pa.float64())
    return array.cast(pa.bool_() if data_type == "boolean" else pa.string())


def _moments(local: pa.Array, form: str) -> pa.Array:
    """Parquet holds instants; text holds the wall clock of Tokyo, with its offset in JSON."""
    if form == "parquet":
        seconds = pc.subtract(local.cast(pa.timestamp("s")).cast(pa.int64()), 9 * 3600)
        return seconds.cast(pa.timestamp("s")).cast(pa.timestamp("us", "UTC"))
    text = local.cast(pa.timestamp("s")).cast(pa.string())
    if form.startswith("jsonl"):
        return pc.binary_join_element_wise(pc.replace_substring(text, " ", "T"), "+09:00", "")
    return text


def _is_sequence(table: pa.Table, name: str) -> bool:
    return pa.types.is_string(table.schema.field(name).type) and name in (
        "event_id", "message_id", "session_id", "order_item_id", "order_id", "response_id",
    )  # fmt: skip


def _write_csv(table: pa.Table, target: Any) -> None:
    pa_csv.write_csv(table, target, pa_csv.WriteOptions(quoting_style="needed"))


def _write_json(path: Path, table: pa.Table) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("export", table)
        target = str(path).replace("'", "''")
        connection.execute(f"copy export to '{target}' (format json, compression zstd)")


# ---- late rows, doubles and faults
def _late(rows: int) -> slice:
    """Some days' rows in one block: what a system sends when it could not send in time."""
    start = int(rows * LATE_BLOCK_AT)
    return slice(start, start + rows // LATE_EVERY)


def _parted(table: pa.Table, is_late: Bools | slice) -> tuple[pa.Table, pa.Table]:
    """What comes in time and what comes late; a block is cut out without copying the rest."""
    if isinstance(is_late, slice):
        before, after = table.slice(0, is_late.start), table.slice(is_late.stop)
        return pa.concat_tables([before, after]), table.slice(
            is_late.start, is_late.stop - is_late.start
        )
    return table.filter(pa.array(~is_late)), table.filter(pa.array(is_late))


def _spoil(
    world: w.World, feed: str, table: pa.Table, is_late: Bools | slice, chunk: int | None
) -> tuple[pa.Table, pa.Table, dict[str, Any]]:
    """The main and the late file: rows twice, rows in conflict and bad rows put among the good."""
    rng = world.rng(w.SPOILING + 100 * crc32(feed.encode()), -1 if chunk is None else chunk)
    n = len(table)
    twice = rng.choice(n, int(n * TWICE_SHARE), replace=False)
    conflicting = rng.choice(n, int(n * CONFLICT_SHARE) if feed in CONFLICTS else 0, replace=False)
    bad, kinds = _bad_rows(feed, table, rng, int(n * BAD_SHARE) if feed in FAULTS else 0, chunk)
    other = table.take(pa.array(np.sort(conflicting)))
    if feed in CONFLICTS:
        column, value = CONFLICTS[feed]
        other = _set(other, column, value)
        # the same content is no conflict
        changed = ~np.asarray(_same(other, table.take(pa.array(np.sort(conflicting))), column))
        other = other.filter(pa.array(changed))
    again = table.take(pa.array(np.sort(twice)))
    main, later = _parted(table, is_late)
    late = len(later)
    if feed in CHILDREN and not isinstance(is_late, slice):
        # a parent is delivered whole: its double lies in the same file
        again_late = is_late[np.sort(twice)]
        main = pa.concat_tables([main, again.filter(pa.array(~again_late)), bad])
        later = pa.concat_tables([later, again.filter(pa.array(again_late))])
    else:
        main, later = pa.concat_tables([main, bad]), pa.concat_tables([later, again, other])
    counts = {
        "rows": len(main) + len(later), "late": late, "delivered_twice": len(again),
        "conflicting": len(other), "bad": kinds,
    }  # fmt: skip
    return main, later, counts


def _same(left: pa.Table, right: pa.Table, column: str) -> pa.Array:
    a, b = left[column].combine_chunks(), right[column].combine_chunks()
    return pc.fill_null(pc.equal(a, b), False)


def _bad_rows(
    feed: str, table: pa.Table, rng: np.random.Generator, count: int, chunk: int | None
) -> tuple[pa.Table, dict[str, int]]:
    faults = [f for f in FAULTS.get(feed, ()) if f.column in table.column_names and _fits(f, table)]
    if not count or not faults:
        return table.slice(0, 0), {}
    rows = table.take(pa.array(np.sort(rng.choice(len(table), count, replace=False))))
    parts, kinds = [], {}
    for index, fault in enumerate(faults):
        own = rows.filter(pa.array(np.arange(count) % len(faults) == index))
        own = _rekeyed(feed, own, f"{chunk or 0}-{index}")
        own = _set(own, fault.column, fault.value)
        for column, value in fault.also:
            own = _set(own, column, value)
        parts.append(own)
        if len(own):
            kinds[fault.kind] = kinds.get(fault.kind, 0) + len(own)
    return pa.concat_tables(parts), kinds


def _fits(fault: Fault, table: pa.Table) -> bool:
    """A day that does not exist can only be written as text."""
    return fault.kind != "impossible_date" or pa.types.is_string(
        table.schema.field(fault.column).type
    )


def _rekeyed(feed: str, rows: pa.Table, mark: str) -> pa.Table:
    """Bad rows have keys of their own, so that they stand beside the good rows and not for them."""
    key = next(k for k in feeds_by_name()[feed].key if k.endswith("_id") or k == "query")
    values = pa.array([f"BAD-{mark}-{i + 1}" for i in range(len(rows))], pa.string())
    return rows.set_column(rows.column_names.index(key), key, values)


def _set(rows: pa.Table, column: str, value: Any) -> pa.Table:
    field_ = rows.schema.field(column)
    if value == FAR and pa.types.is_timestamp(field_.type):
        value = date(FAR, 1, 1)
        filled = (
            pa.array([value] * len(rows), pa.date32()).cast(pa.timestamp("us")).cast(field_.type)
        )
    elif value == FAR:
        filled = pa.array([f"{FAR}-01-01 10:00:00"] * len(rows), pa.string())
    elif pa.types.is_decimal(field_.type):
        filled = pa.array([value] * len(rows), pa.float64()).cast(field_.type)
    else:
        filled = pa.array([value] * len(rows), field_.type)
    return rows.set_column(rows.column_names.index(column), field_.name, filled)


def late_numbers(numbers: Ints) -> Bools:
    """Which parents, by their running number, come in the late file with all their children."""
    return numbers % LATE_EVERY == LATE_OFFSET

"""The feed contract: what every feed holds, read from the source YAML of the dbt project."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from orchestration.configuration import ConfigError, read_yaml, unknown
from orchestration.settings import DBT_PROJECT

STAGING = DBT_PROJECT / "models" / "staging"
OTHER = "other"

DUCKDB_TYPES = {
    "string": "VARCHAR",
    "text": "VARCHAR",
    "integer": "BIGINT",
    "decimal": "DECIMAL(18,4)",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}
# How the deliveries of a feed add up.
LOADS = {
    "upsert": "per key the newest row counts",
    "children": "the newest delivery of a parent replaces all its rows",
    "append": "an event; the same key again is the same event",
    "snapshot": "a reading per key and date; the newest counts",
}
# What every raw row carries beside its feed's columns.
ORIGIN_TYPES = {
    "system": "VARCHAR",
    "source_file": "VARCHAR",
    "source_row": "BIGINT",
    "delivered_at": "TIMESTAMP",
    "extra_columns": "VARCHAR",
}


@dataclass(frozen=True)
class Column:
    """One column of a feed."""

    name: str
    type: str
    required: bool = False
    pii: bool = False
    vault: bool = False  # the value is kept in the vault, for persons to be recognised by it
    plain_where: str | None = None  # the rows whose value is no personal data after all
    enum: tuple[str, ...] = ()
    min: int | None = None
    lower: bool = False
    id_of: str | None = None

    @property
    def duckdb_type(self) -> str:
        return DUCKDB_TYPES[self.type]

    @property
    def is_id(self) -> bool:
        return self.name.endswith("_id")

    @property
    def is_token(self) -> bool:
        """Whether raw holds a token in place of the value."""
        return self.pii and self.type in ("string", "text")


@dataclass(frozen=True)
class RowRule:
    """What must hold of a row's typed columns, else `column` is to blame for `reason`."""

    column: str
    holds: str
    reason: str


@dataclass(frozen=True)
class Feed:
    """One feed: its columns in declared order, and how its deliveries add up."""

    source: str
    name: str
    load: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]  # `updated_at`, which every feed accepts, comes last
    parent: str | None = None
    event_at: str | None = None
    may_lie_ahead: bool = False
    negative_where: str | None = None
    negative_where_parent: str | None = None
    rows: tuple[RowRule, ...] = ()

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    @property
    def own_id(self) -> str | None:
        """The id column that names this feed's rows, for other feeds to refer to."""
        ids = (self.column(name) for name in self.key if name.endswith("_id"))
        return next((column.name for column in ids if not column.id_of), None)

    @property
    def ages(self) -> bool:
        """Whether its rows have personal columns that can be emptied, and a time of their own or
        of their parent's.
        """
        is_dated = bool(self.event_at or self.parent)
        return is_dated and any(c.pii and not c.required for c in self.columns)

    def refers_to(self, other: "Feed") -> bool:
        return any(column.id_of == other.name for column in self.columns)

    @property
    def schema(self) -> dict[str, str]:
        """Every column of the feed's raw Parquet, with its DuckDB type."""
        return {column.name: column.duckdb_type for column in self.columns} | ORIGIN_TYPES

    @property
    def fingerprint(self) -> str:
        return sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()


NODE_KEYS = ("name", "description", "columns", "data_type", "config")
FEED_KEYS = [f.name for f in fields(Feed) if f.name not in ("source", "name", "columns")]
COLUMN_KEYS = [f.name for f in fields(Column) if f.name not in ("name", "type")]


@cache
def load_contract(folder: Path = STAGING) -> tuple[Feed, ...]:
    """All feeds, in the order in which the YAML declares them, source by source; raises ConfigError
    for a key or a value that is not known.
    """
    return tuple(_feeds(folder))


def feeds_by_name() -> dict[str, Feed]:
    return {feed.name: feed for feed in load_contract()}


def consent_purposes() -> tuple[str, ...]:
    """What a person can allow or refuse."""
    return feeds_by_name()["consents"].column("purpose").enum


@cache
def personal_columns() -> frozenset[str]:
    """Names of columns that hold personal data in one feed or another."""
    return frozenset(c.name for feed in load_contract() for c in feed.columns if c.pii)


def _feeds(folder: Path) -> Iterator[Feed]:
    for path in sorted(folder.glob("*/_*.yml")):
        for source in read_yaml(path)[0].get("sources", []):
            for table in source["tables"]:
                if "columns" in table:
                    yield _feed(f"{path}: {table['name']}", source["name"], table)


def _feed(where: str, source: str, table: dict[str, Any]) -> Feed:
    declared = tuple(_column(f"{where}.{column['name']}", column) for column in table["columns"])
    meta = _meta(where, table, FEED_KEYS)
    for key in ("load", "key"):
        if key not in meta:
            raise ConfigError(f"{where}: `{key}` is missing; docs/how-to.md has what it can be")
    _refuse_unknown(where, "load", [meta["load"]], LOADS)
    rules = meta.pop("rows", ())
    for rule in rules:
        _refuse_unknown(where, "key of `rows`", rule, ("column", "holds", "otherwise"))
    return Feed(
        source=source,
        name=table["name"],
        columns=(*declared, Column("updated_at", "timestamp")),
        rows=tuple(RowRule(rule["column"], rule["holds"], rule["otherwise"]) for rule in rules),
        **meta,
    )


def _column(where: str, column: dict[str, Any]) -> Column:
    if "data_type" not in column:
        raise ConfigError(
            f"{where}: `data_type` is missing; it is one of {', '.join(DUCKDB_TYPES)}"
        )
    _refuse_unknown(where, "data_type", [column["data_type"]], DUCKDB_TYPES)
    return Column(column["name"], column["data_type"], **_meta(where, column, COLUMN_KEYS))


def _meta(where: str, node: dict[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """What is said of a feed or a column: a key that is misspelt would be of no effect, and with
    `pii` a person's data in plain.
    """
    _refuse_unknown(where, "key", node, NODE_KEYS)
    config = node.get("config", {})
    _refuse_unknown(where, "key of `config`", config, ("meta",))
    meta = config.get("meta", {})
    _refuse_unknown(where, "key", meta, known)
    return {key: tuple(value) if isinstance(value, list) else value for key, value in meta.items()}


def _refuse_unknown(where: str, kind: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise ConfigError(f"{where}: {unknown(kind, name, list(known))}")

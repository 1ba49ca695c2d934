"""The feed contract: what every feed holds, read from the source YAML of the dbt project."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

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


@cache
def load_contract(folder: Path = STAGING) -> tuple[Feed, ...]:
    """All feeds, in the order in which the YAML declares them, source by source."""
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
        for source in yaml.safe_load(path.read_text(encoding="utf-8")).get("sources", []):
            for table in source["tables"]:
                if "columns" in table and "load" in _meta(table):
                    yield _feed(source["name"], table)


def _meta(node: dict[str, Any]) -> dict[str, Any]:
    return node.get("config", {}).get("meta", {})


def _feed(source: str, table: dict[str, Any]) -> Feed:
    meta = _meta(table)
    declared = tuple(_column(column) for column in table["columns"])
    return Feed(
        source=source,
        name=table["name"],
        load=meta["load"],
        key=tuple(meta["key"]),
        columns=(*declared, Column("updated_at", "timestamp")),
        parent=meta.get("parent"),
        event_at=meta.get("event_at"),
        may_lie_ahead=meta.get("may_lie_ahead", False),
        negative_where=meta.get("negative_where"),
        negative_where_parent=meta.get("negative_where_parent"),
        rows=tuple(RowRule(r["column"], r["holds"], r["otherwise"]) for r in meta.get("rows", [])),
    )


def _column(column: dict[str, Any]) -> Column:
    meta = _meta(column)
    return Column(
        name=column["name"],
        type=column["data_type"],
        required=meta.get("required", False),
        pii=meta.get("pii", False),
        vault=meta.get("vault", False),
        plain_where=meta.get("plain_where"),
        enum=tuple(meta.get("enum", ())),
        min=meta.get("min"),
        lower=meta.get("lower", False),
        id_of=meta.get("id_of"),
    )

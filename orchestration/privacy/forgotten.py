"""Whom the company forgot: known again by hashes alone, in rows as raw holds them.

Nobody's row is taken away. What names the person gives way to a stand-in that leads to nobody,
what is personal becomes empty, and the order, the ticket or the answer goes on to count.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.company import Company
from orchestration.contract import Feed, feeds_by_name
from orchestration.ingest import tokens
from orchestration.ingest.planning import owners_of_ids
from orchestration.ledger import Ledger
from orchestration.privacy.journal import Journal

STAND_IN = "erased-"
ID, ADDRESS, HANDLE, BROWSER, RESPONSE = "customer_id", "address", "handle", "browser", "response"
TOLD_BY_TOKEN = (ADDRESS, HANDLE)
ADDRESSES = ("email", "requester_email", "recipient")  # columns by which a row finds its person
ANYWHERE = "*"
# What is kept of a person's own row, for the day on which they came to be counts.
KEPT_OF_A_PERSON = ("customer_id", "created_at", "updated_at", "deleted_at")

Edits = dict[int, dict[str, Any]]  # by row: columns to their new values


@dataclass(frozen=True)
class Forgotten:
    """The tombstones of a company, and what is needed to hold a row against them."""

    key: tokens.TokenKey
    stones: dict[tuple[str, str], str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)  # whose customer ids a system's are

    @classmethod
    def of(
        cls, company: Company, ledger: Ledger, owners: Mapping[str, str] | None = None
    ) -> "Forgotten":
        """What the ledger remembers; `owners` where they are not those of all past loads."""
        if owners is None:
            feeds = tuple(feeds_by_name().values())
            owners = owners_of_ids(company, feeds, ledger.loads()).get("customer_id", {})
        return cls(tokens.read_key(company), Journal(ledger).tombstones(), owners)

    def __bool__(self) -> bool:
        return bool(self.stones)

    def edits(self, feed: Feed, batch: pa.RecordBatch, system: str) -> tuple[Edits, dict[int, str]]:
        """What is to be changed in a batch of a feed's rows as raw holds them, and whose rows are
        a forgotten person's own, by their place in the batch.
        """
        return edits_of(feed, batch, system, self)

    def hash(self, kind: str, place: str, value: str) -> str:
        """What a tombstone keeps of a value: no token that any table ever held. Of a token it is
        the one under the first key, so that a tombstone outlives a change of keys.
        """
        if kind in TOLD_BY_TOKEN:
            (value,) = self.key.uncovered([value])
        return self.key.hashed(f"tombstone\x1f{kind}\x1f{place}:{value}")

    def token(self, value: str) -> str:
        """The token of a value that needs no folding."""
        return self.key.hashed(value)

    def stand_in(self, kind: str, place: str, value: str) -> str | None:
        """What stands for a value of a place: a system, or a platform; None where it is known."""
        return self.stones.get((kind, self.hash(kind, place, value)))

    def owner(self, feed: Feed, system: str) -> str:
        """Whose the customer ids in a feed of a system are."""
        return system if feed.name == "customers" else self.owners.get(system, system)

    def person_id(self, feed: Feed, system: str, value: str) -> str | None:
        return self.stand_in(ID, self.owner(feed, system), value)

    def address(self, feed: Feed, system: str, token: str) -> str | None:
        """The id to put beside an address, empty where the person had none of that system."""
        owned = self.stand_in(ADDRESS, self.owner(feed, system), token)
        return self.stand_in(ADDRESS, ANYWHERE, token) if owned is None else owned


@cache
def id_columns(feed: Feed) -> tuple[str, ...]:
    """The columns of a feed that name a person."""
    names = [column.name for column in feed.columns]
    return tuple(n for n in names if n == "customer_id" or n.endswith("_customer_id"))


@cache
def is_about_persons(feed: Feed) -> bool:
    """Whether a row of the feed can hold anything of a person."""
    return bool(id_columns(feed)) or any(column.pii for column in feed.columns)


def edits_of(
    feed: Feed, batch: pa.RecordBatch, system: str, known: Forgotten
) -> tuple[Edits, dict[int, str]]:
    edits: Edits = {}
    own: dict[int, str] = {}
    held = set(batch.schema.names)
    for name in id_columns(feed):
        if name in held:
            for row, stand_in in _hits(batch[name], lambda v: known.person_id(feed, system, v)):
                edits.setdefault(row, {})[name] = stand_in
                if name == "customer_id":
                    own[row] = stand_in
    named = batch["customer_id"] if "customer_id" in held else None
    for name in (n for n in ADDRESSES if n in held and feed.name != "customers"):
        for row, stand_in in _hits(batch[name], lambda v: known.address(feed, system, v)):
            if named is None or not named[row].is_valid:
                own.setdefault(row, stand_in)
                if stand_in:
                    edits.setdefault(row, {})["customer_id"] = stand_in
    if feed.name == "mentions":
        own |= _of_handles(batch, known)
    if feed.name == "web_events":
        _browsers(batch, system, known, edits, own)
    if feed.name == "answers":
        own |= dict(_hits(batch["response_id"], lambda v: known.stand_in(RESPONSE, system, v)))
    for row, stand_in in own.items():
        empty(feed, batch, row, stand_in, system, known, edits.setdefault(row, {}))
    return {row: changed for row, changed in edits.items() if changed}, own


def applied(batch: pa.RecordBatch, edits: Edits) -> pa.RecordBatch:
    """The batch with those changes."""
    for name in sorted({name for changed in edits.values() for name in changed}):
        column = batch[name]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        places = [row for row, changed in edits.items() if name in changed]
        mask = np.zeros(len(batch), dtype=bool)
        mask[places] = True
        values = [edits[row][name] for row in sorted(places)]
        changed = pc.replace_with_mask(column, pa.array(mask), pa.array(values, column.type))
        position = batch.schema.get_field_index(name)
        batch = batch.set_column(
            position, batch.schema.field(name).with_type(changed.type), changed
        )
    return batch


def _hits(column: pa.Array, of: Callable[[str], str | None]) -> list[tuple[int, str]]:
    """The rows whose value is known, with what stands for it; each value is looked up once."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    found = {v: of(v) for v in pc.unique(column).to_pylist() if v is not None}
    found = {value: stand_in for value, stand_in in found.items() if stand_in is not None}
    if not found:
        return []
    rows = np.flatnonzero(
        pc.is_in(column, pa.array(list(found), column.type)).to_numpy(zero_copy_only=False)
    )
    return [(int(row), found[column[int(row)].as_py()]) for row in rows]


def _of_handles(batch: pa.RecordBatch, known: Forgotten) -> dict[int, str]:
    platforms = batch["platform"]
    found = {}
    for platform in filter(None, pc.unique(platforms).to_pylist()):
        hits = _hits(batch["author_handle"], lambda v, p=platform: known.stand_in(HANDLE, p, v))
        found |= {row: s for row, s in hits if platforms[row].as_py() == platform}
    return found


def _browsers(
    batch: pa.RecordBatch, system: str, known: Forgotten, edits: Edits, own: dict[int, str]
) -> None:
    """A browser that nobody else used gets a stand-in too, in a session's id as well."""
    for row, stand_in in _hits(batch["anonymous_id"], lambda v: known.stand_in(BROWSER, system, v)):
        browser, session = batch["anonymous_id"][row].as_py(), batch["session_id"][row].as_py()
        changed = edits.setdefault(row, {})
        changed["anonymous_id"] = stand_in
        if session and browser in session:
            changed["session_id"] = session.replace(browser, stand_in)
        own.setdefault(row, stand_in)


def empty(
    feed: Feed,
    batch: pa.RecordBatch,
    row: int,
    stand_in: str,
    system: str,
    known: Forgotten,
    changed: dict[str, Any],
) -> None:
    """Empty what is personal of a row; what must not be empty gets the stand-in."""
    for column in feed.columns:
        if column.name not in batch.schema.names or not batch[column.name][row].is_valid:
            continue
        is_lost = feed.name == "customers" and column.name not in KEPT_OF_A_PERSON
        if column.pii and column.required:
            value = _identity(batch, row, stand_in, system, known)
            if value != batch[column.name][row].as_py():
                changed[column.name] = value
        elif column.pii or is_lost:
            changed[column.name] = None
    if "extra_columns" in batch.schema.names and batch["extra_columns"][row].is_valid:
        changed["extra_columns"] = None


def _identity(batch: pa.RecordBatch, row: int, stand_in: str, system: str, known: Forgotten) -> str:
    """What takes the place of an identity's value: another id of the person stays a link."""
    kind, value = batch["identity_type"][row].as_py(), batch["identity_value"][row].as_py()
    place = batch["identity_system"][row].as_py() or system
    if value.startswith(STAND_IN) or value == known.token(stand_in):
        return value
    if kind == "customer_id":
        return known.stand_in(ID, known.owners.get(place, place), value) or stand_in
    if kind == "web_anonymous_id":
        return known.stand_in(BROWSER, ANYWHERE, value) or stand_in
    return known.token(stand_in)

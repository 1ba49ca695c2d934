"""Rotation: another key for the tokens, the vault or both, in every file that one of these made.

Every such file is made anew beside the old one; then one transaction of the ledger decides that
the new ones count; then they are renamed in, for which no key is needed. A rotation that is killed
before it was decided never was; after that, whoever comes next puts the rest in place.
"""

import json
import os
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from orchestration import keys
from orchestration.company import Company
from orchestration.disk import fsync
from orchestration.ingest import tokens
from orchestration.keys import Kind
from orchestration.ledger import DECIDED, Ledger
from orchestration.privacy import traces
from orchestration.privacy.journal import Journal
from orchestration.privacy.renewing import ASIDE, Renewal
from orchestration.steps import reach

MAKING, DONE = "making", "done"


@dataclass
class Rotated:
    """What a rotation made anew, by place, and the ids of the keys before and after, by kind."""

    ids: dict[str, tuple[str, str]]
    counts: dict[str, int] = field(default_factory=dict)


def rotate(company: Company, kinds: Sequence[Kind], as_of: date) -> Rotated:
    """Put new keys in the place of those of these kinds. Raises WrongKey where one is missing,
    unfit or the present one, and CannotRewrite where a log is held open; nothing is touched then.

    Only for who holds the company's lock, and where no erasure is unfinished.
    """
    before = tokens.read_key(company)
    new = {kind: keys.following(company, kind) for kind in kinds}
    ids = {
        kind.name: (keys.key_id(keys.read(company, kind)), keys.key_id(key))
        for kind, key in new.items()
    }
    ledger = Ledger(company.ledger)
    Journal(ledger)
    _begin(ledger, as_of, ids)
    reach("rotation begun")
    try:
        renewal = Renewal(company, ledger, before, new)
        counts = renewal.everything()
        reach("all made anew")
        with ledger.transaction() as db:
            renewal.tell(db)
            told = (json.dumps(counts, sort_keys=True), DECIDED, MAKING)
            db.execute("update rotations set counts = ?, state = ? where state = ?", told)
    except BaseException:
        finish(company)
        raise
    reach("rotation decided")
    finish(company)
    return Rotated(ids, counts)


def finish(company: Company) -> None:
    """Bring to an end what a rotation, of this process or a killed one, decided; undo what one did
    not come to decide.
    """
    state = _open_state(company.ledger)
    if state is None:
        return
    for aside in sorted(company.data.rglob(f".*{ASIDE}")):
        if state == DECIDED:
            os.replace(aside, aside.with_name(aside.name[1 : -len(ASIDE)]))
            fsync(aside.parent)
            reach("file put in place")
        else:
            aside.unlink()
    reach("all put in place")
    ledger = Ledger(company.ledger)
    with ledger.transaction() as db:
        if state == DECIDED:
            _drop_old_keys(company, db)
            db.execute("update rotations set state = ? where state = ?", (DONE, DECIDED))
        else:
            db.execute("delete from rotations where state = ?", (MAKING,))
    traces.vacuum_ledger(ledger)


def _open_state(path: Path) -> str | None:
    """How far a rotation is that is under way; a ledger that cannot be read tells of none, and
    who opens it next says why.
    """
    if not path.is_file():
        return None
    try:
        with closing(sqlite3.connect(path, timeout=60)) as db:
            found = db.execute("select state from rotations where state <> ?", (DONE,)).fetchone()
    except sqlite3.DatabaseError:
        return None
    return found[0] if found else None


def _begin(ledger: Ledger, as_of: date, ids: Mapping[str, tuple[str, str]]) -> None:
    with ledger.transaction() as db:
        db.execute(
            "insert into rotations (as_of_date, ids, state) values (?, ?, ?)",
            (as_of.isoformat(), json.dumps(ids, sort_keys=True), MAKING),
        )


def _drop_old_keys(company: Company, db: sqlite3.Connection) -> None:
    """Remove a file whose key is no longer the one: the new one is in the environment."""
    (told,) = db.execute("select ids from rotations where state = ?", (DECIDED,)).fetchone()
    for kind in keys.KINDS:
        path = company.keys / kind.file
        _, present = json.loads(told).get(kind.name, (None, None))
        is_held = present is not None and path.is_file()
        if is_held and keys.key_id(path.read_text(encoding="utf-8").strip()) != present:
            path.unlink()

"""Who is meant: every id, address, handle and browser by which the company knows a person."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from orchestration.company import Company
from orchestration.contract import Feed, feeds_by_name
from orchestration.ingest import duck, tokens
from orchestration.ledger import export_file
from orchestration.linking import TABLE
from orchestration.privacy.forgotten import (
    ADDRESS,
    ADDRESSES,
    ANYWHERE,
    BROWSER,
    HANDLE,
    ID,
    RESPONSE,
    STAND_IN,
    Forgotten,
    id_columns,
)
from orchestration.privacy.journal import Tombstone
from orchestration.vault import Vault

CONTACTS = ("email", "phone")  # of customers, and kinds of identities, that lead to one person
SHARED = "{} persons share that e-mail address: name one of them by a customer id"


class UnknownPerson(Exception):
    """Nobody, or more than one, is meant; the message says what to name instead."""


@dataclass(frozen=True)
class Person:
    """What leads to a person; tokens are those of raw."""

    keys: tuple[str, ...]  # customer ids with their systems
    addresses: frozenset[str] = frozenset()
    handles: frozenset[tuple[str, str]] = frozenset()  # with their platforms
    browsers: frozenset[tuple[str, str]] = frozenset()  # with the systems of their events
    responses: frozenset[tuple[str, str]] = frozenset()
    tokens: frozenset[str] = frozenset()  # of all that only this person's rows hold
    values: frozenset[str] = field(default=frozenset(), repr=False)  # what the vault has of these

    def stand_ins(self, number: int) -> dict[str, str]:
        """Per customer id what takes its place."""
        first = f"{STAND_IN}{number:06d}"
        return {
            key: first if turn == 1 else f"{first}-{turn}"
            for turn, key in enumerate(self.keys, start=1)
        }

    def stand_in_keys(self, number: int) -> list[str]:
        return [f"{key.partition(':')[0]}:{s}" for key, s in self.stand_ins(number).items()]

    def tombstones(self, number: int, known: Forgotten) -> Iterator[Tombstone]:
        """What is kept for the person not to come back."""

        def stone(kind: str, place: str, value: str, stand_in: str) -> Tombstone:
            return Tombstone(kind, known.hash(kind, place, value), stand_in)

        first = f"{STAND_IN}{number:06d}"
        by_system: dict[str, str] = {}
        for key, stand_in in self.stand_ins(number).items():
            system, _, value = key.partition(":")
            by_system.setdefault(system, stand_in)
            yield stone(ID, system, value, stand_in)
        for token in sorted(self.addresses):
            yield stone(ADDRESS, ANYWHERE, token, "")
            for system, stand_in in by_system.items():
                yield stone(ADDRESS, system, token, stand_in)
        for platform, token in sorted(self.handles):
            yield stone(HANDLE, platform, token, first)
        turns = sorted({browser for _, browser in self.browsers})
        for system, browser in sorted(self.browsers):
            stand_in = f"{first}-browser-{turns.index(browser) + 1}"
            yield stone(BROWSER, system, browser, stand_in)
        for system, response in sorted(self.responses):
            yield stone(RESPONSE, system, response, first)


class Register:
    """All persons that raw knows of, to find one in."""

    def __init__(self, company: Company, known: Forgotten):
        self.company, self.known = company, known
        self.db = duck.connect(company.work / "privacy", company.raw, company.vault)
        tokens.install(self.db, known.key)
        self.held = {f.name: f for f in feeds_by_name().values() if self._holds(f)}
        links = export_file(company.raw, TABLE)
        linked = f"read_parquet({duck.path(links)})" if links.is_file() else (
            "(select null::varchar as customer_key, null::varchar as person_key where false)"
        )  # fmt: skip
        self.db.execute(f"create temp table links as select customer_key, person_key from {linked}")

    def close(self) -> None:
        self.db.close()

    def _holds(self, feed: Feed) -> bool:
        folder = self.company.raw / feed.source / feed.name
        return next(folder.glob("load_id=*/*.parquet"), None) is not None

    def _rows(self, feed: Feed) -> str:
        files = f"{duck.path(self.company.raw / feed.source / feed.name)} || '/load_id=*/*.parquet'"
        return f"read_parquet({files}, hive_partitioning = false, union_by_name = true)"

    def _key(self, feed: Feed, column: str) -> str:
        """SQL for a customer id with the system that it is of."""
        owners = {} if feed.name == "customers" else self.known.owners
        whens = "".join(
            f" when {duck.text(a)} then {duck.text(b)}" for a, b in sorted(owners.items())
        )
        system = f"case system{whens} else system end" if whens else "system"
        return f"{system} || ':' || {column}"

    def _all(self, sql: str, *values: object) -> list[tuple]:
        return self.db.execute(sql, list(values)).fetchall()

    # ---- finding

    def by_id(self, wanted: str) -> Person:
        """The person of a customer id, bare or behind its system: `C12` or `crm:C12`."""
        keys = sorted(
            {
                key
                for feed in self.held.values()
                for name in id_columns(feed)
                for (key,) in self._all(
                    f"select distinct {self._key(feed, name)} from {self._rows(feed)}"
                    f" where {name} in (?, substr(?, instr(?, ':') + 1))",
                    wanted, wanted, wanted,
                )
                if wanted in (key, key.partition(":")[2])
            }
        )  # fmt: skip
        if not keys:
            raise UnknownPerson(
                f"nobody is known by the customer id {wanted}: no row in raw names it"
                " (it may have been erased already)"
            )
        persons = {self._cluster(key) for key in keys}
        if len(persons) > 1:
            raise UnknownPerson(
                f"{len(persons)} persons have the customer id {wanted}: say {' or '.join(keys)}"
            )
        return self.described(persons.pop())

    def by_email(self, email: str) -> Person:
        """The person of an e-mail address; a guest, if no customer has it."""
        ((token,),) = self._all(f"select hmac_token({tokens.normalised('email', '?')})", email)
        return self.by_address(token)

    def by_address(self, token: str) -> Person:
        persons = {self._cluster(key) for key in self._holders([token]).get(token, ())}
        if len(persons) > 1:
            raise UnknownPerson(SHARED.format(len(persons)))
        if persons:
            return self.described(persons.pop())
        named: set[tuple[str, ...]] = set()
        for feed, name in self._address_columns():
            key = self._key(feed, "customer_id") if "customer_id" in id_columns(feed) else "null"
            found = self._all(
                f"select distinct {key} from {self._rows(feed)} where {name} = ?", token
            )
            named |= {self._cluster(one) if one else () for (one,) in found}
        if not named:
            raise UnknownPerson(
                "nobody is known by that e-mail address (it may have been erased already)"
            )
        if len(customers := named - {()}) > 1:
            raise UnknownPerson(SHARED.format(len(customers)))
        return self.described(customers.pop() if customers else (), frozenset([token]))

    def _cluster(self, key: str) -> tuple[str, ...]:
        """All ids of the person of one, the one that names the person first."""
        found = self._all(
            "select customer_key from links where person_key = (select any_value(person_key)"
            " from links where customer_key = ?) order by customer_key <> person_key, customer_key",
            key,
        )
        return tuple(k for (k,) in found) or (key,)

    def _address_columns(self) -> Iterator[tuple[Feed, str]]:
        for feed in self.held.values():
            for column in feed.columns:
                if column.name in ADDRESSES and feed.name not in ("customers", "erasure_requests"):
                    yield feed, column.name

    def _holders(self, among: list[str]) -> Mapping[str, set[str]]:
        """The customer ids that a customer row or an identity gives one of these tokens."""
        self.db.execute("create or replace temp table wanted (token varchar)")
        self.db.executemany(
            "insert into wanted values (?)", [(token,) for token in among] or [("",)]
        )
        held: dict[str, set[str]] = {}
        for feed, token, where in self._contacts():
            for value, key in self._all(
                f"select distinct {token}, {self._key(feed, 'customer_id')}"
                f" from {self._rows(feed)} semi join wanted on token = {token} where {where}"
            ):
                held.setdefault(value, set()).add(key)
        return held

    def _contacts(self) -> Iterator[tuple[Feed, str, str]]:
        if customers := self.held.get("customers"):
            yield from ((customers, name, "true") for name in CONTACTS)
        if identities := self.held.get("identities"):
            yield identities, "identity_value", f"identity_type in ({duck.texts(CONTACTS)})"

    def of_tombstones(self) -> list[Person]:
        """What raw still has of persons whose erasure was begun."""
        keys = [
            key
            for feed in self.held.values()
            for name in id_columns(feed)
            for (key,) in self._all(
                f"select distinct {self._key(feed, name)} from {self._rows(feed)}"
                f" where {name} is not null"
            )
            if self.known.stand_in(ID, *key.split(":", 1))
        ]
        tokens_held = {
            token
            for feed, name in self._address_columns()
            for (token,) in self._all(
                f"select distinct {name} from {self._rows(feed)} where {name} is not null"
            )
            if self.known.stand_in(ADDRESS, ANYWHERE, token) is not None
        }
        found = [self.described(keys) for keys in sorted({self._cluster(key) for key in keys})]
        return [*found, self.described((), frozenset(tokens_held))] if tokens_held else found

    # ---- describing

    def described(self, keys: tuple[str, ...], addresses: frozenset[str] = frozenset()) -> Person:
        """Everything that leads to the person of these ids, or of these addresses alone."""
        self.db.execute("create or replace temp table own (key varchar)")
        self.db.executemany("insert into own values (?)", [(key,) for key in keys] or [("",)])
        person = Person(keys)
        told = {
            token
            for feed, token, where in self._contacts()
            for (token,) in self._all(
                f"select distinct {token} from {self._rows(feed)} where {where} and"
                f" {token} is not null and {self._key(feed, 'customer_id')} in (from own)"
            )
        }
        holders = self._holders(sorted(told))
        mine = {token for token in told if holders[token] <= set(keys)} | addresses
        person = replace(
            person,
            addresses=frozenset(mine),
            handles=frozenset(self._handles()),
            browsers=frozenset(self._browsers()),
        )
        person = replace(person, responses=frozenset(self._responses(person)))
        held = frozenset(self._tokens(person))
        return replace(person, tokens=held, values=frozenset(self._values(held)))

    def _handles(self) -> Iterator[tuple[str, str]]:
        if feed := self.held.get("identities"):
            yield from self._all(
                f"select lower(trim(identity_system)), identity_value from {self._rows(feed)}"
                " where identity_type = 'sns_handle' and identity_system is not null"
                f" group by all having bool_and({self._key(feed, 'customer_id')} in (from own))"
            )

    def _browsers(self) -> Iterator[tuple[str, str]]:
        """The browsers that this person alone signed in by, or is linked to."""
        signed = []
        if feed := self.held.get("identities"):
            signed.append(
                f"select identity_value as browser, {self._key(feed, 'customer_id')} as key"
                f" from {self._rows(feed)}"
                " where identity_type = 'web_anonymous_id'"
            )
        if feed := self.held.get("web_events"):
            signed.append(
                f"select anonymous_id as browser, {self._key(feed, 'customer_id')} as key"
                f" from {self._rows(feed)} where customer_id is not null"
            )
        if not signed:
            return
        alone = [
            browser
            for (browser,) in self._all(
                f"select browser from ({' union all '.join(signed)})"
                " group by browser having bool_and(key in (from own))"
            )
        ]
        yield from ((ANYWHERE, browser) for browser in alone)
        if alone and (feed := self.held.get("web_events")):
            yield from self._all(
                f"select distinct system, anonymous_id from {self._rows(feed)}"
                f" where anonymous_id in ({duck.texts(alone)})"
            )

    def _own(self, feed: Feed, person: Person) -> str:
        """SQL: whether a row of a feed is the person's own."""
        conditions = []
        names = {column.name for column in feed.columns}
        addresses = [n for n in ADDRESSES if n in names and feed.name != "customers"]
        if "customer_id" in names:
            conditions.append(f"coalesce({self._key(feed, 'customer_id')} in (from own), false)")
        nobody = "customer_id is null and " if "customer_id" in names else ""
        listed = duck.texts(sorted(person.addresses)) or "''"
        conditions += [f"({nobody}coalesce({n} in ({listed}), false))" for n in addresses]
        if feed.name == "mentions" and person.handles:
            pairs = ", ".join(
                f"({duck.text(p)}, {duck.text(t)})" for p, t in sorted(person.handles)
            )
            conditions.append(f"coalesce((platform, author_handle) in ({pairs}), false)")
        if feed.name == "answers" and person.responses:
            pairs = ", ".join(
                f"({duck.text(p)}, {duck.text(r)})" for p, r in sorted(person.responses)
            )
            conditions.append(f"coalesce((system, response_id) in ({pairs}), false)")
        return " or ".join(conditions) or "false"

    def _responses(self, person: Person) -> Iterator[tuple[str, str]]:
        if feed := self.held.get("responses"):
            yield from self._all(
                f"select distinct system, response_id from {self._rows(feed)}"
                f" where {self._own(feed, person)}"
            )

    def _tokens(self, person: Person) -> Iterator[str]:
        """The tokens that stand in this person's rows and in nobody else's."""
        parts = [
            f"select {column.name} as token, {self._own(feed, person)} as is_own"
            f" from {self._rows(feed)} where {column.name} is not null"
            for feed in self.held.values()
            for column in feed.columns
            if column.is_token
        ]
        if parts:
            yield from (
                token
                for (token,) in self._all(
                    f"select token from ({' union all '.join(parts)})"
                    " group by token having bool_and(is_own)"
                )
            )

    def _values(self, held: frozenset[str]) -> Iterator[str]:
        """What the vault keeps of tokens."""
        with Vault(self.company).opened(self.db):
            self.db.execute("create or replace temp table wanted (token varchar)")
            self.db.executemany("insert into wanted values (?)", [(t,) for t in held] or [("",)])
            found = self._all("select value from vault.kept semi join wanted using (token)")
        yield from (value for (value,) in found)

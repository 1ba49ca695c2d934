"""Erasure: from whom is meant to the last byte that told of them, to the end whatever happens.

What finds persons by their plain values (versions, logs) comes before what it reads them from
(raw, vault); everything knows again what it has done. So an erasure that was killed is begun anew
from its tombstones, and what is done already is passed over.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow.parquet as pq

from orchestration import publishing
from orchestration.company import Company
from orchestration.contract import feeds_by_name
from orchestration.disk import digest
from orchestration.ingest.arrivals import size_and_stamp
from orchestration.ledger import EXPORTED, Ledger
from orchestration.live import memory
from orchestration.privacy import files, raw, traces
from orchestration.privacy.deliveries import Deliveries
from orchestration.privacy.forgotten import STAND_IN, Forgotten
from orchestration.privacy.journal import Asked, Journal
from orchestration.privacy.persons import Person, Register, UnknownPerson
from orchestration.privacy.versions import Names, forget_in_parquet, forget_in_versions

ANSWERS = "answers"
Found = dict[str, dict[str, int]]  # by place and thing: how many rows, or places


@dataclass(frozen=True)
class Wish:
    """A person and who asked to have them forgotten."""

    person: Person
    asked: Asked


def find_person(company: Company, customer: str | None = None, email: str | None = None) -> Person:
    """Who is meant. Raises UnknownPerson where that is nobody, or several."""
    known = Forgotten.of(company, Ledger(company.ledger))
    with closing(Register(company, known)) as register:
        return register.by_id(customer) if customer else register.by_email(email or "")


def survey(company: Company, person: Person, as_of: date) -> Found:
    """How much of a person lies where; nothing is touched. Only for who holds the lock."""
    ledger = Ledger(company.ledger)
    return _forget(company, ledger, [person], meant(company, ledger, [person]), as_of, dry=True)


def erase(company: Company, wishes: Sequence[Wish], keep: Collection[str] = ()) -> dict[str, int]:
    """Forget persons everywhere; what that changed, by place. `keep` names work folders in use.

    Only for who holds the company's lock. Raises CannotRewrite, with everything as it was, where
    a file in landing/ cannot be written anew.
    """
    ledger = Ledger(company.ledger)
    journal = Journal(ledger)
    as_of = max(wish.asked.as_of_date for wish in wishes)
    persons = {
        wish.person.keys or tuple(sorted(wish.person.addresses)): wish.person for wish in wishes
    }
    known = meant(company, ledger, list(persons.values()))
    with closing(Deliveries(company, as_of, known)) as deliveries:
        deliveries.forget(traces.pattern_of(persons.values()), dry=True)
    for wish in wishes:
        number = journal.next_number()
        key = wish.person.keys or tuple(sorted(wish.person.addresses))
        if person := persons.pop(key, None):
            stones = list(person.tombstones(number, known))
            journal.open(number, wish.asked, stones, person.stand_in_keys(number))
        else:
            journal.open(number, wish.asked)
    return finish(company, ledger, as_of, [wish.person for wish in wishes], keep)


def finish(
    company: Company,
    ledger: Ledger,
    as_of: date,
    persons: Sequence[Person] = (),
    keep: Collection[str] = (),
) -> dict[str, int]:
    """Bring to an end what was begun, by this process or by one that was killed."""
    journal = Journal(ledger)
    numbers = journal.unfinished()
    if not numbers:
        return {}
    for folder in (company.data, company.landing, company.reference):
        files.sweep(folder)
    publishing.sweep(company)
    memory.sweep(company.landing)
    for name, old, anew in journal.half_done():
        path = company.landing / name
        if path.is_file() and digest(path) == anew:
            journal.rewritten(name, (*size_and_stamp(path), anew), old)
    known = Forgotten.of(company, ledger)
    if not persons:
        with closing(Register(company, known)) as register:
            persons = register.of_tombstones()
    found = _forget(company, ledger, persons, known, as_of, keep=keep)
    counts = {place: sum(things.values()) for place, things in found.items() if things}
    journal.close(numbers, counts)
    return counts


def forget_again(company: Company, as_of: date, deliveries: Collection[str]) -> None:
    """Write anew files of a night that brought erased persons back; and answers to responses
    that came after them.
    """
    ledger = Ledger(company.ledger)
    known = Forgotten.of(company, ledger)
    of_answers = {load.file for load in ledger.loads() if load.feed == ANSWERS}
    with closing(Deliveries(company, as_of, known)) as landing:
        landing.forget(None, only={*deliveries, *of_answers})
    for path, feed, system in raw.raw_files(company, ledger):
        if feed.name == ANSWERS:
            raw.forget_kept(ledger, path, feed, system, known)
    Journal(ledger).sent_away(deliveries)


def meant(company: Company, ledger: Ledger, persons: Sequence[Person]) -> Forgotten:
    """The tombstones as they would be with these persons'."""
    known = Forgotten.of(company, ledger)
    number = Journal(ledger).next_number()
    stones = dict(known.stones)
    for turn, person in enumerate(persons):
        for stone in person.tombstones(number + turn, known):
            stones[stone.kind, stone.hash] = stone.stand_in
    return Forgotten(known.key, stones, known.owners)


def _forget(
    company: Company,
    ledger: Ledger,
    persons: Sequence[Person],
    known: Forgotten,
    as_of: date,
    *,
    keep: Collection[str] = (),
    dry: bool = False,
) -> Found:
    """Every place in turn; what changes in it, or would."""
    found: Found = {}
    names, wanted = Names.of(persons), traces.pattern_of(persons)
    found["versions"] = forget_in_versions(company, names, dry=dry)
    if wanted:
        found["logs"] = traces.scrub(company, wanted, dry=dry)
    if not dry:
        _forget_exports(company, ledger, names, known, wanted)
        traces.clear_work(company, keep)
    with closing(Deliveries(company, as_of, known)) as deliveries:
        found["landing"] = deliveries.forget(wanted, dry=dry)
    found["quarantine"] = {"rows": raw.forget_quarantine(company, ledger, known, dry=dry)}
    found["raw"] = dict(
        Counter(
            f"{feed.source}/{feed.name}"
            for path, feed, system in raw.raw_files(company, ledger)
            for _ in range(raw.forget_kept(ledger, path, feed, system, known, dry=dry))
        )
    )
    if dry:
        found["vault"] = {"values": sum(len(person.values) for person in persons)}
    else:
        found["vault"] = {"values": raw.forget_values(company)}
        if (company.raw / "ledger").is_dir():
            ledger.export(company.raw)
        traces.vacuum_ledger(ledger)
    return found


def _forget_exports(
    company: Company, ledger: Ledger, names: Names, known: Forgotten, wanted
) -> None:
    """What dbt reads of the ledger, what it repeats of values, and what people decided."""
    keys = names.keys
    stand_ins = {key: known.stand_in("customer_id", *key.split(":", 1)) for key in keys}
    traces.forget_links(company, {k: s for k, s in stand_ins.items() if s})
    for path in sorted((company.raw / "ledger").glob(f"*/{EXPORTED}/*.parquet")):
        forget_in_parquet(path, names, company)
    traces.forget_decisions(company, keys)
    if wanted:
        traces.scrub_ledger(ledger, wanted)


# ---- requests that came as a feed


def requested(company: Company, before: datetime, as_of: date) -> tuple[list[Wish], list[str]]:
    """What the feed of requests asks for until an instant and was not followed yet; and, in
    words, what of it cannot be.
    """
    ledger = Ledger(company.ledger)
    journal, known = Journal(ledger), Forgotten.of(company, ledger)
    wishes: list[Wish] = []
    problems: list[str] = []
    with closing(Register(company, known)) as register:
        for row in _requests(company):
            hashed = known.hash("request", row["system"], row["request_id"])
            if row["requested_at"] >= before or journal.is_answered(hashed):
                continue
            name = row["customer_id"]
            if name and name.startswith(STAND_IN):
                continue
            owner = known.owners.get(row["system"], row["system"])
            asked = Asked("erasure_requests", as_of, row["request_id"], hashed)
            try:
                person = (
                    register.by_id(f"{owner}:{name}") if name else register.by_address(row["email"])
                )
                wishes.append(Wish(person, asked))
            except UnknownPerson as error:
                problems.append(f"erasure request {row['request_id']}: {_hidden(str(error), name)}")
    return wishes, problems


def _hidden(text: str, name: str | None) -> str:
    return text.replace(f" {name}", "") if name else text


def _requests(company: Company) -> Iterator[dict]:
    feed = feeds_by_name()["erasure_requests"]
    wanted = ["system", "request_id", "customer_id", "email", "requested_at"]
    seen = set()
    for path in sorted((company.raw / feed.source / feed.name).glob("load_id=[0-9]*/*.parquet")):
        for row in pq.ParquetFile(path).read(wanted).to_pylist():
            place = (row["system"], row["request_id"])
            if place not in seen and (row["customer_id"] or row["email"]):
                seen.add(place)
                yield row

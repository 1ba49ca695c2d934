"""Which arrivals are to be loaded tonight, under which number, and whose ids are whose."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from orchestration.company import Company
from orchestration.contract import Feed
from orchestration.ingest import casting
from orchestration.ingest.arrivals import Arrivals, Delivery, Hashes
from orchestration.ledger import Load


@dataclass(frozen=True)
class Planned:
    """A delivery that is to be loaded as a feed; of no feed, only to be rejected."""

    delivery: Delivery
    feed: Feed | None
    load: Load


@dataclass(frozen=True)
class Plan:
    """What is to be loaded, and per feed the new files whose content is known already."""

    planned: list[Planned] = field(default_factory=list)
    again: dict[str, list[tuple[str, Load | None]]] = field(default_factory=dict)


def make_plan(
    company: Company,
    feeds: Sequence[Feed],
    arrivals: Arrivals,
    past: Sequence[Load],
    delivered_at: datetime,
    known_files: Hashes,
) -> Plan:
    """What is to be loaded tonight, numbered in the order of feeds and names.

    A file whose content stands in the ledger, read as it would be read tonight, is not loaded
    again, whatever its name.
    """
    order = {feed.name: i for i, feed in enumerate(feeds)}
    wanted = [(d, feed) for d in arrivals.deliveries for feed in (d.feeds or (None,))]
    wanted.sort(key=lambda w: (order[w[1].name] if w[1] else -1, w[0].system, w[0].name))
    number = max((load.number for load in past), default=0)
    plan = Plan()
    tonight: set[tuple[str, str, str]] = set()
    for delivery, feed in wanted:
        recipe = _recipe(company, delivery, feed)
        same = list(standing(past, delivery, feed))
        known = next((x for x in same if _is_settled(x, delivery, recipe)), None)
        content = (delivery.system, feed.name if feed else delivery.name, delivery.sha256)
        if known or content in tonight:
            if feed and delivery.name not in known_files:
                plan.again.setdefault(feed.name, []).append((delivery.name, known))
            continue
        tonight.add(content)
        number += 1
        load_id = f"{number:06d}-{delivery.sha256[:8]}"
        load = Load(
            number=number,
            load_id=load_id,
            system=delivery.system,
            source=feed.source if feed else "",
            feed=feed.name if feed else "",
            file=delivery.name,
            sha256=delivery.sha256,
            recipe=recipe,
            # A file that is read anew, its mapping mended, arrived when it arrived.
            delivered_at=same[0].delivered_at if same else delivered_at,
            is_full=bool(feed) and company.delivers_in_full(delivery.system, feed.name),
            delivery=load_id,
        )
        plan.planned.append(Planned(delivery, feed, load))
    return plan


def _recipe(company: Company, delivery: Delivery, feed: Feed | None) -> str:
    """A fingerprint of all that decides how a file is read: another one reads it anew."""
    return casting.fingerprint([
        feed.fingerprint if feed else "",
        delivery.mapping.fingerprint if delivery.mapping else "",
        company.time_zone(delivery.system),
        company.settings.business_timezone,
    ])  # fmt: skip


def standing(past: Sequence[Load], delivery: Delivery, feed: Feed | None) -> Iterator[Load]:
    """Earlier loads of the same content that still stand, the latest first."""
    content = (delivery.system, feed.name if feed else "", delivery.sha256)
    for load in reversed(past):
        if (load.system, load.feed, load.sha256) == content and not load.is_superseded:
            yield load


def _is_settled(load: Load, delivery: Delivery, recipe: str) -> bool:
    return load.recipe == recipe and (not load.is_rejected or load.file == delivery.name)


def owners_of_ids(
    company: Company, feeds: Sequence[Feed], loads: Sequence[Load]
) -> dict[str, dict[str, str]]:
    """Per id column: the system that the ids of a system are of, where it is another one.

    An id is of the one system that delivers its feed; where none or several do, of its own
    system; and always of the one that company.yml names in `ids_of`.
    """
    delivering: dict[str, set[str]] = {}
    for load in loads:
        if not load.is_rejected and load.feed:
            delivering.setdefault(load.feed, set()).add(load.system)
    by_name = {feed.name: feed for feed in feeds}
    owners: dict[str, dict[str, str]] = {}
    for feed in (f for f in feeds if f.own_id):
        holders = sorted(delivering.get(feed.name, ()))
        referring = set().union(
            *(held for name, held in delivering.items() if by_name[name].refers_to(feed))
        )
        for system in sorted(referring | {*company.systems}):
            named = company.system(system).ids_of.get(feed.own_id)
            only = holders[0] if len(holders) == 1 and system in referring else None
            if (owner := named or only) and owner != system:
                owners.setdefault(feed.own_id, {}).setdefault(system, owner)
    return owners

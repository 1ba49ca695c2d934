"""Tickets and feedback, and the experiences that later show in answers and churn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from orchestration.sample import world as w
from orchestration.sample.columns import (
    Bools,
    Floats,
    Ints,
    LastBefore,
    choose,
    flags,
    hours,
    ids,
    take,
    whole,
)
from orchestration.sample.names import THEMES, TICKET_BODIES
from orchestration.sample.people import People
from orchestration.sample.purchases import STORE, Orders

CATEGORIES = tuple(TICKET_BODIES)  # delivery first


@dataclass
class Tickets:
    """The tickets of one chunk, by time."""

    person: Ints
    order: Ints  # -1 for none
    opened: Floats
    responded: Floats  # NaN: nobody answered yet
    resolved: Floats  # NaN: not yet
    category: Ints
    is_well_handled: Bools
    number: Ints

    def __len__(self) -> int:
        return len(self.person)

    def ticket_id(self) -> pa.Array:
        return ids("TK", self.number, 9)


@dataclass
class Experiences:
    """Moments that people remember, to be looked up by person and day."""

    late: LastBefore
    bad_ticket: LastBefore
    good_ticket: LastBefore
    bad: LastBefore  # a late delivery or a ticket handled badly


def make_tickets(world: w.World, people: People, orders: Orders, chunk: int) -> Tickets:
    """A few orders in a hundred raise a ticket, a late delivery far more often."""
    rng = world.rng(w.SERVICE, chunk)
    known = (orders.person >= 0) & ~orders.is_test & (orders.channel != STORE) & ~orders.is_guest
    asked = np.flatnonzero(
        known & (rng.random(len(orders)) < np.where(orders.is_late, 0.38, 0.045))
    )
    about_delivery = orders.is_late[asked] | (rng.random(len(asked)) < 0.25)
    category = np.where(about_delivery, 0, 1 + choose(rng, [5, 3, 2], len(asked)))
    opened = (
        orders.day[asked] + np.where(orders.is_late[asked], 4, 1) + rng.exponential(3, len(asked))
    )
    buyers = np.flatnonzero(people.in_crm & people.is_buyer)
    others = buyers[rng.random(len(buyers)) < 0.12]
    person = np.concatenate([orders.person[asked], others])
    order = np.concatenate([asked, np.full(len(others), -1)])
    category = np.concatenate([category, np.full(len(others), 3)])
    since = np.maximum(people.created[others], 0)
    opened = np.concatenate([opened, since + rng.random(len(others)) * (world.days - since)])
    opened = np.floor(opened) + hours(rng, len(opened))
    inside = (opened < world.days - 0.05) & people.in_crm[person]
    person, order, category, opened = (c[inside] for c in (person, order, category, opened))
    n = len(person)
    handled = rng.random(n) < 0.70
    responded = opened + np.where(handled, 0.10, 0.45) * rng.lognormal(0, 0.8, n)
    resolved = responded + np.where(handled, 0.45, 2.6) * rng.lognormal(0, 0.7, n)
    resolved[rng.random(n) < 0.03] = np.inf
    by_time = np.argsort(opened, kind="stable")
    responded = np.where(responded < world.days, responded, np.nan)
    resolved = np.where(resolved < world.days, resolved, np.nan)
    return Tickets(
        person=person[by_time], order=order[by_time], opened=opened[by_time],
        responded=responded[by_time], resolved=resolved[by_time], category=category[by_time],
        is_well_handled=handled[by_time], number=chunk * 1_000_000 + 1 + np.arange(n),
    )  # fmt: skip


def experiences(history: tuple[Ints, Floats, Ints, Bools], tickets: Tickets) -> Experiences:
    """A late parcel is felt five days after its order, a ticket three days after it was opened."""
    person, day, _, is_late = history
    late = (person[is_late], day[is_late] + 5)
    felt = tickets.opened + 3
    bad = ~tickets.is_well_handled
    return Experiences(
        late=LastBefore(*late),
        bad_ticket=LastBefore(tickets.person[bad], felt[bad]),
        good_ticket=LastBefore(tickets.person[~bad], felt[~bad]),
        bad=LastBefore(
            np.concatenate([late[0], tickets.person[bad]]), np.concatenate([late[1], felt[bad]])
        ),
    )


def ticket_columns(
    world: w.World, people: People, tickets: Tickets, chunk: int
) -> dict[str, pa.Array | np.ndarray]:
    rng = world.rng(w.SERVICE + 100, chunk)
    n = len(tickets)
    by_mail = (rng.random(n) < 0.15) & people.has_email[tickets.person]
    is_open = np.isnan(tickets.resolved)
    rated = ~is_open & (rng.random(n) < 0.4)
    likes = rng.random(n) < np.where(tickets.is_well_handled, 0.93, 0.35)
    body = pa.chunked_array(
        [take(sum(TICKET_BODIES.values(), ()), tickets.category * 3 + rng.integers(0, 3, n))]
    ).combine_chunks()
    return {
        "ticket_id": tickets.ticket_id(),
        "customer_id": people.crm_id(tickets.person, ~by_mail),
        "requester_email": people.email(tickets.person, by_mail | (rng.random(n) < 0.3)),
        "opened_at": world.moment(tickets.opened),
        "first_responded_at": world.moment(tickets.responded),
        "resolved_at": world.moment(tickets.resolved),
        "status": take(["closed", "open"], is_open.astype(int)),
        "channel": take(["email", "phone", "chat", "line"], choose(rng, [5, 3, 3, 2], n)),
        "category": take(CATEGORIES, tickets.category),
        "priority": take(["normal", "high", "low"], choose(rng, [7, 2, 1], n)),
        "reopened_count": whole(rng.poisson(np.where(tickets.is_well_handled, 0.04, 0.4))),
        "is_satisfied": flags(likes, rated),
        "body": body,
        "updated_at": world.moment(np.where(is_open, tickets.opened, tickets.resolved) + 0.001),
    }


def feedback_columns(
    world: w.World, people: People, tickets: Tickets, chunk: int
) -> dict[str, pa.Array | np.ndarray]:
    """The feedback loop: some tickets and some visitors' ideas, planned, done and told."""
    rng = world.rng(w.SERVICE + 200, chunk)
    from_ticket = np.flatnonzero(rng.random(len(tickets)) < 0.25)
    fans = np.flatnonzero(people.in_crm & people.is_buyer & (people.created < world.days - 30))
    fans = fans[rng.random(len(fans)) < 0.10]
    since = np.maximum(people.created[fans], 0)
    person = np.concatenate([tickets.person[from_ticket], fans])
    day = np.concatenate(
        [tickets.opened[from_ticket] + 0.2, since + rng.random(len(fans)) * (world.days - since)]
    )
    day = np.minimum(day, world.days - 0.01)
    theme = np.concatenate(
        [
            np.array([0, 2, 3, 1])[tickets.category[from_ticket]],
            rng.integers(0, len(THEMES), len(fans)),
        ]
    )
    by_time = np.argsort(day, kind="stable")
    person, day, theme = person[by_time], day[by_time], theme[by_time]
    n = len(person)
    age = world.days - day
    status = np.where(age < 20, 0, choose(rng, [2, 3, 4, 2], n))
    told = (status >= 2) & (rng.random(n) < 0.7)
    replied = np.where(told, day + 10 + rng.random(n) * 50, np.nan)
    return {
        "feedback_id": ids("FB", chunk * 1_000_000 + 1 + np.arange(n), 9),
        "customer_id": people.crm_id(person, rng.random(n) < 0.9),
        "theme": take(THEMES, theme),
        "received_at": world.moment(day),
        "status": take(["new", "planned", "done", "declined"], status),
        "replied_at": world.moment(np.where(replied < world.days, replied, np.nan)),
    }

"""Consents, sendings and what became of them, and the experiments' assignments and extra orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from orchestration.sample import truths
from orchestration.sample import world as w
from orchestration.sample.columns import (
    Bools,
    Floats,
    Ints,
    flags,
    hours,
    ids,
    take,
)
from orchestration.sample.people import People, receptive

Columns = dict[str, pa.Array | np.ndarray]
EVENT_TYPES = ("sent", "delivered", "bounced", "opened", "clicked", "unsubscribed", "complained")
SENT, DELIVERED, BOUNCED, OPENED, CLICKED, UNSUBSCRIBED, COMPLAINED = range(7)
EMAIL, LINE, PUSH = range(3)
CHANNELS = ("email", "line", "push")
CLICK_OF_OPEN = 0.13


@dataclass
class Assignments:
    """Who was put into which variant."""

    experiment: Ints
    person: Ints
    variant: Ints
    day: Floats


@dataclass
class Reachability:
    """When each person stopped to take e-mail and LINE messages; infinite for never."""

    email_until: Floats
    line_until: Floats


def reachability(world: w.World, people: People, chunk: int) -> Reachability:
    rng = world.rng(w.MESSAGES, chunk)
    years = 365.25
    since = np.maximum(people.created, 0)
    email = since + 3 + rng.exponential(16 * years, len(people))
    line = since + 3 + rng.exponential(9 * years, len(people))
    return Reachability(
        np.where(email < world.days, email, np.inf), np.where(line < world.days, line, np.inf)
    )


def assign(world: w.World, people: People, reach: Reachability, chunk: int) -> Assignments:
    """Everyone who takes e-mail on an experiment's first day, evenly over its variants."""
    rng = world.rng(w.EXPERIMENTS, chunk)
    rows = []
    for index, experiment in enumerate(truths.EXPERIMENTS):
        start = np.floor(world.days * experiment.start_share) + 9 / 24
        eligible = np.flatnonzero(
            people.takes_email
            & people.in_crm
            & (people.created < start)
            & (reach.email_until > start)
        )
        variant = rng.integers(0, len(experiment.extra_order_rate), len(eligible))
        rows.append(
            (np.full(len(eligible), index), eligible, variant, np.full(len(eligible), start))
        )
    return Assignments(*(np.concatenate(c) for c in zip(*rows, strict=True)))


def extra_orders(world: w.World, assignments: Assignments, chunk: int) -> tuple[Ints, Floats, Ints]:
    """Person, day and experiment of the orders that the variants cause."""
    rng = world.rng(w.EXPERIMENTS + 100, chunk)
    most = max(len(e.extra_order_rate) for e in truths.EXPERIMENTS)
    rates = np.array(
        [
            [*e.extra_order_rate.values(), *[0.0] * (most - len(e.extra_order_rate))]
            for e in truths.EXPERIMENTS
        ]
    )
    n = len(assignments.person)
    buys = rng.random(n) < rates[assignments.experiment, assignments.variant]
    day = np.floor(assignments.day) + 1 + rng.integers(0, 12, n) + hours(rng, n)
    buys &= day < world.days
    return assignments.person[buys], day[buys], assignments.experiment[buys]


def assignment_columns(world: w.World, people: People, assignments: Assignments) -> Columns:
    names = [list(e.extra_order_rate) for e in truths.EXPERIMENTS]
    flat = [v for group in names for v in group]
    offset = np.cumsum([0, *[len(g) for g in names[:-1]]])
    return {
        "experiment_id": take(
            [e.experiment_id for e in truths.EXPERIMENTS], assignments.experiment
        ),
        "customer_id": people.crm_id(assignments.person),
        "variant": take(flat, offset[assignments.experiment] + assignments.variant),
        "assigned_at": world.moment(assignments.day),
    }


def consent_columns(world: w.World, people: People, reach: Reachability, chunk: int) -> Columns:
    """The ledger: asked for when signing up, taken back when a person has had enough."""
    everyone = np.flatnonzero(people.in_crm)
    purposes = (
        "analytics",
        "marketing_email",
        "marketing_line",
        "sns_linking",
        "marketing_push",
        "third_party",
    )
    asked = [
        (0, everyone, people.allows_analytics[everyone]),
        (1, everyone, people.takes_email[everyone]),
        (2, everyone[people.takes_line[everyone]], None),
        (
            3,
            everyone[has_handle(people)[everyone]],
            people.allows_linking[everyone[has_handle(people)[everyone]]],
        ),
        (4, everyone[people.is_app_user[everyone]], None),
        (5, everyone[everyone % 9 == 0], np.zeros(len(everyone[everyone % 9 == 0]), bool)),
    ]
    rows = [
        (
            np.full(len(p), kind),
            p,
            np.ones(len(p), bool) if granted is None else granted,
            people.created[p] + 0.002,
        )
        for kind, p, granted in asked
    ]
    for kind, until, taker in (
        (1, reach.email_until, people.takes_email), (2, reach.line_until, people.takes_line),
    ):  # fmt: skip
        left = np.flatnonzero(np.isfinite(until) & taker & people.in_crm)
        rows.append((np.full(len(left), kind), left, np.zeros(len(left), bool), until[left] + 0.01))
    kind, person, granted, day = (np.concatenate(c) for c in zip(*rows, strict=True))
    inside = day < world.days
    kind, person, granted, day = (c[inside] for c in (kind, person, granted, day))
    order = np.lexsort((kind, day))
    kind, person, granted, day = (c[order] for c in (kind, person, granted, day))
    return {
        "consent_id": ids("CN", chunk * 1_000_000 + 1 + np.arange(len(person)), 9),
        "customer_id": people.crm_id(person),
        "purpose": take(purposes, kind),
        "granted": flags(granted),
        "recorded_at": world.moment(day),
    }


def has_handle(people: People) -> Bools:
    """Every eighth person has told the shop an SNS handle."""
    return (people.number % 8 == 3) & people.in_crm


@dataclass
class Sendings:
    """Messages of one chunk."""

    person: Ints
    campaign: Ints  # -1: an automated sequence
    channel: Ints
    variant: Ints  # index into the experiment's variants, -1 for none
    day: Floats


def make_sendings(
    world: w.World, people: People, reach: Reachability, assignments: Assignments, chunk: int
) -> Sendings:
    """Newsletters and broadcasts to who takes them, experiments to their variants, welcomes."""
    rows: list[tuple[Ints, Ints, Ints, Ints, Floats]] = []
    campaigns = world.campaigns
    for channel, taker, until in (
        (EMAIL, people.takes_email, reach.email_until), (LINE, people.takes_line, reach.line_until),
    ):  # fmt: skip
        own = campaigns.where(channel=CHANNELS[channel], objective="retention")
        own = own[np.array(campaigns.experiment)[own] < 0]
        start = campaigns.start[own]
        takes = (
            (taker & people.in_crm)[:, None]
            & (people.created[:, None] < start)
            & (until[:, None] > start - 14)
        )
        person, at = np.nonzero(takes)
        rows.append(
            (person, own[at], np.full(len(person), channel), np.full(len(person), -1), start[at])
        )
    treated = np.flatnonzero(assignments.variant > 0)
    of_experiment = np.array(
        [list(campaigns.experiment).index(i) for i in range(len(truths.EXPERIMENTS))]
    )
    experiment = assignments.experiment[treated]
    rows.append(
        (
            assignments.person[treated],
            of_experiment[experiment],
            np.full(len(treated), EMAIL),
            assignments.experiment[treated] * 10 + assignments.variant[treated],
            assignments.day[treated] + 1 / 24,
        )
    )
    new = np.flatnonzero(people.takes_email & people.in_crm & (people.created > 0))
    rows.append(
        (
            new,
            np.full(len(new), -1),
            np.full(len(new), EMAIL),
            np.full(len(new), -1),
            people.created[new] + 0.01,
        )
    )
    app = np.flatnonzero(people.is_app_user)
    push_days = np.arange(20.5, world.days, 30)
    on = people.created[app][:, None] < push_days
    person, at = np.nonzero(on)
    rows.append(
        (
            app[person],
            np.full(len(person), -1),
            np.full(len(person), PUSH),
            np.full(len(person), -1),
            push_days[at],
        )
    )
    columns = [np.concatenate(c) for c in zip(*rows, strict=True)]
    inside = columns[4] < world.days - 0.01
    columns = [c[inside] for c in columns]
    order = np.lexsort((columns[0], columns[4]))
    return Sendings(*(c[order] for c in columns))


def event_columns(
    world: w.World, people: People, reach: Reachability, sendings: Sendings, chunk: int
) -> dict[str, Columns]:
    """Every event of every message, by time, for each system that sends them."""
    rng = world.rng(w.MESSAGES + 100, chunk)
    n = len(sendings.person)
    channel, sent = sendings.channel, sendings.day + rng.random(n) * 0.004
    willing = receptive(people, sendings.person)
    bounced = (rng.random(n) < 0.012) & (channel == EMAIL)
    delivered = ~bounced & (channel != LINE)
    arrived = ~bounced
    open_rate = np.array([truths.EMAIL_HUMAN_OPEN_RATE, 0.0, 0.09])[channel]
    opened = arrived & (rng.random(n) < open_rate * willing)
    machine = arrived & (channel == EMAIL) & (rng.random(n) < truths.EMAIL_MACHINE_OPEN_RATE)
    click_rate = np.where(channel == LINE, 0.075, np.where(opened, CLICK_OF_OPEN, 0.002))
    clicked = arrived & (rng.random(n) < click_rate * willing)
    until = np.where(
        channel == EMAIL, reach.email_until[sendings.person], reach.line_until[sendings.person]
    )
    unsubscribed = arrived & (until < sent) & (channel == EMAIL)
    complained = arrived & (channel == EMAIL) & (rng.random(n) < 0.0003)
    # people read at their own hour, most on the same day
    habit = people.habit_hour[sendings.person] / 24 + rng.normal(0, 0.06, n)
    read = np.floor(sent) + habit + rng.integers(0, 3, n) * (rng.random(n) < 0.35)
    read = np.where(read > sent + 0.001, read, sent + 0.002 + rng.random(n) * 0.1)
    parts = (
        (SENT, np.ones(n, bool), sent, False),
        (DELIVERED, delivered, sent + 0.0003, False),
        (BOUNCED, bounced, sent + 0.0004, False),
        (OPENED, machine, sent + 0.0008, True),
        (OPENED, opened, read, False),
        (CLICKED, clicked, read + 0.0007, False),
        (UNSUBSCRIBED, unsubscribed, read + 0.002, False),
        (COMPLAINED, complained, read + 0.003, False),
    )
    message = np.concatenate([np.flatnonzero(mask) for _, mask, _, _ in parts])
    kind = np.concatenate([np.full(int(mask.sum()), k) for k, mask, _, _ in parts])
    day = np.concatenate([at[mask] for _, mask, at, _ in parts])
    by_machine = np.concatenate([np.full(int(mask.sum()), m) for _, mask, _, m in parts])
    order = np.lexsort((kind, message, day))
    order = order[day[order] < world.days]
    message, kind, day, by_machine = (c[order] for c in (message, kind, day, by_machine))
    event = chunk * 10_000_000 + 1 + np.arange(len(message))
    by_line = channel[message] == LINE
    return {
        system: _event_table(
            world,
            people,
            sendings,
            message[own],
            kind[own],
            day[own],
            by_machine[own],
            event[own],
            chunk,
        )
        for system, own in (("line", by_line), ("mail", ~by_line))
    }


def _event_table(
    world: w.World,
    people: People,
    sendings: Sendings,
    message: Ints,
    kind: Ints,
    day: Floats,
    by_machine: Bools,
    event: Ints,
    chunk: int,
) -> Columns:
    campaign, person = sendings.campaign[message], sendings.person[message]
    channel, variant = sendings.channel[message], sendings.variant[message]
    is_welcome = (campaign < 0) & (channel == EMAIL)
    names = {
        i * 10 + j: v
        for i, e in enumerate(truths.EXPERIMENTS)
        for j, v in enumerate(e.extra_order_rate)
    }
    labels = [names.get(i) for i in range(10 * len(truths.EXPERIMENTS))]
    return {
        "event_id": ids("EV", event, 10),
        "customer_id": people.crm_id(person, ~is_welcome),
        "recipient": people.email(person, is_welcome),
        "campaign_id": take(world.campaigns.campaign_id, np.maximum(campaign, 0), campaign >= 0),
        "flow_id": take(["welcome", "app_reminder"], (channel == PUSH).astype(int), campaign < 0),
        "message_id": ids("MS", chunk * 10_000_000 + 1 + message, 10),
        "channel": take(CHANNELS, channel, ~is_welcome),
        "variant": take(labels, np.maximum(variant, 0), variant >= 0),
        "event_type": take(EVENT_TYPES, kind),
        "occurred_at": world.moment(day),
        "is_machine_open": flags(by_machine, kind == OPENED),
    }


def line_totals(world: w.World) -> Columns:
    """Broadcasts to LINE friends whom the shop does not know: totals only."""
    rng = world.rng(w.COMPANY + 200)
    campaigns = world.campaigns
    own = campaigns.where(channel="line", objective="retention")
    friends = np.round(
        world.customers * 0.6 * (1 + 0.4 * campaigns.start[own] / world.days)
    ).astype(int)
    blocked = rng.binomial(friends, 0.02)
    opened = rng.binomial(friends - blocked, 0.52)
    return {
        "channel": take(["line"], np.zeros(len(own), np.int64)),
        "campaign_id": take(campaigns.campaign_id, own),
        "date": world.business_date(campaigns.start[own]),
        "sent": pa.array(friends),
        "delivered": pa.array(friends - blocked),
        "opened": pa.array(opened),
        "clicked": pa.array(rng.binomial(opened, 0.11)),
        "unsubscribed": pa.array(rng.binomial(friends, 0.002)),
    }


def campaign_columns(world: w.World) -> Columns:
    """The campaigns with what they cost; costs grow with the number of customers."""
    rng = world.rng(w.COMPANY + 100)
    campaigns = world.campaigns
    n = len(campaigns.campaign_id)
    scale = world.customers / 600
    per_kind = {
        "email": 9_000,
        "line": 12_000,
        "store": 90_000,
        "display": 110_000,
        "paid_social": 150_000,
        "paid_search": 130_000,
    }
    cost = np.array([per_kind[c] for c in campaigns.channel]) * scale * rng.uniform(0.8, 1.2, n)
    in_dollars = np.array([c == "display" for c in campaigns.channel]) & (np.arange(n) % 2 == 0)
    cost = np.where(in_dollars, np.round(cost / 150, 2), np.round(cost, -2))
    unknown = np.array([c == "line" for c in campaigns.channel]) & (rng.random(n) < 0.2)
    experiment = [
        truths.EXPERIMENTS[i].experiment_id if i >= 0 else None for i in campaigns.experiment
    ]
    return {
        "campaign_id": pa.array(campaigns.campaign_id),
        "name": pa.array(campaigns.name),
        "channel": pa.array(campaigns.channel),
        "objective": pa.array(campaigns.objective),
        "experiment_id": pa.array(experiment, pa.string()),
        "started_at": world.moment(campaigns.start),
        "ended_at": world.moment(campaigns.end),
        "cost": np.where(unknown, np.nan, cost),
        "currency": take(["JPY", "USD"], in_dollars.astype(int)),
    }

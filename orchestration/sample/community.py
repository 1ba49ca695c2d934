"""What people do with one another and the company: links, referrals, posts, events, mentions."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sample import world as w
from orchestration.sample.columns import (
    Floats,
    Ints,
    choose,
    flags,
    hours,
    ids,
    pick,
    sigmoid,
    take,
)
from orchestration.sample.messages import has_handle
from orchestration.sample.names import COMMUNITY_TEXTS, MENTION_TEXTS_BAD, MENTION_TEXTS_GOOD
from orchestration.sample.people import People

Columns = dict[str, pa.Array | np.ndarray]
EVENT_TYPES = ("post", "answer", "review", "ugc", "idea", "event_registered", "event_attended")
REGISTERED, ATTENDED = 5, 6
COMMUNITY_CHANNELS = ("forum", "sns_group", "online_event", "offline_meetup", "advisory_board")
DAYS_BETWEEN_MEETUPS = 30


def identity_columns(world: w.World, people: People, chunk: int) -> Columns:
    """Known links: browsers that signed in, SNS handles, LINE friends, some till cards."""
    rng = world.rng(w.COMMUNITY, chunk)
    n = len(people)
    in_crm = people.in_crm
    browsers = np.flatnonzero(people.is_tracked & in_crm)
    apps = np.flatnonzero(people.is_app_user & in_crm)
    handles = np.flatnonzero(has_handle(people))
    friends = np.flatnonzero(people.takes_line & in_crm)
    cards = np.flatnonzero(people.in_pos & in_crm & (rng.random(n) < 0.3))
    parts = (
        (browsers, "web_anonymous_id", "web", ids("W", people.number[browsers] * 10 + 1, 11)),
        (apps, "web_anonymous_id", "web", ids("W", people.number[apps] * 10 + 2, 11)),
        (handles, "sns_handle", "x", people.handle(handles)),
        (friends, "line_id", "line", people.line_id(friends)),
        (cards, "customer_id", "pos", people.pos_id(cards)),
    )
    person = np.concatenate([p[0] for p in parts])
    linked = np.maximum(people.created[person], 0) + rng.exponential(20, len(person))
    linked = np.minimum(linked, world.days - 0.01)
    return {
        "customer_id": people.crm_id(person),
        "identity_type": pa.concat_arrays(
            [take([p[1]], np.zeros(len(p[0]), np.int64)) for p in parts]
        ),
        "identity_system": pa.concat_arrays(
            [take([p[2]], np.zeros(len(p[0]), np.int64)) for p in parts]
        ),
        "identity_value": pa.concat_arrays([p[3] for p in parts]),
        "linked_at": world.moment(linked),
    }


def referral_columns(world: w.World, people: People, first_order: Floats, chunk: int) -> Columns:
    """Who recommended the shop to whom; some recommendations came to nothing."""
    rng = world.rng(w.COMMUNITY + 100, chunk)
    referee = np.flatnonzero(people.referrer >= 0)
    referrer = people.referrer[referee]
    came = people.created[referee]
    referred = came - rng.random(len(referee)) * np.minimum(came - people.created[referrer], 6)
    willing = np.flatnonzero(people.in_crm & people.is_buyer & (people.created < world.days - 5))
    idle = willing[rng.random(len(willing)) < 0.05 * sigmoid(people.affinity[willing])]
    since = np.maximum(people.created[idle], 0)
    idle_day = since + rng.random(len(idle)) * (world.days - since) * 0.999
    who = np.concatenate([referrer, idle])
    whom = np.concatenate([referee, np.full(len(idle), -1)])
    day = np.concatenate([referred, idle_day])
    converted = np.concatenate([first_order[referee], np.full(len(idle), np.nan)])
    order = np.argsort(day, kind="stable")
    order = order[day[order] >= 0]
    who, whom, day, converted = (c[order] for c in (who, whom, day, converted))
    return {
        "referral_id": ids("RL", chunk * 1_000_000 + 1 + np.arange(len(who)), 9),
        "referrer_customer_id": people.crm_id(who),
        "referee_customer_id": people.crm_id(np.maximum(whom, 0), whom >= 0),
        "referred_at": world.moment(day),
        "converted_at": world.moment(np.where(converted < world.days, converted, np.nan)),
    }


def community_columns(world: w.World, people: People, chunk: int) -> Columns:
    """Posts, answers, reviews and ideas by a few; meetups that more come to."""
    rng = world.rng(w.COMMUNITY + 200, chunk)
    buyers = np.flatnonzero(people.in_crm & people.is_buyer)
    since = np.maximum(people.created[buyers], 0)
    active = rng.random(len(buyers)) < 0.16 * sigmoid(people.affinity[buyers])
    rate = np.where(active, 1 / 45, 0) * (world.days - since)
    person = np.repeat(buyers, rng.poisson(rate))
    since = np.maximum(people.created[person], 0)
    day = np.floor(since + rng.random(len(person)) * (world.days - since)) + hours(rng, len(person))
    kind = choose(rng, [30, 25, 22, 14, 9], len(person))
    parts = [(person, kind, day, np.full(len(person), -1)), *_meetups(world, people, rng, buyers)]
    person, kind, day, meetup = (np.concatenate(c) for c in zip(*parts, strict=True))
    inside = (day < world.days) & (day > people.created[person])
    order = np.lexsort((kind, day))
    order = order[inside[order]]
    person, kind, day, meetup = (c[order] for c in (person, kind, day, meetup))
    n = len(person)
    at_meetup = meetup >= 0
    channel = np.where(at_meetup, 2 + meetup % 2, choose(rng, [6, 3, 0, 0, 1], n))
    return {
        "event_id": ids("CE", chunk * 1_000_000 + 1 + np.arange(n), 9),
        "customer_id": people.crm_id(person, rng.random(n) < 0.97),
        "event_type": take(EVENT_TYPES, kind),
        "community_event_id": ids("MU", np.maximum(meetup, 0) + 1, 3, at_meetup),
        "channel": take(COMMUNITY_CHANNELS, channel),
        "occurred_at": world.moment(day),
        "content": pc.if_else(pa.array(at_meetup), None, pick(COMMUNITY_TEXTS, rng, n)),
    }


def _meetups(
    world: w.World, people: People, rng: np.random.Generator, buyers: Ints
) -> list[tuple[Ints, Ints, Floats, Ints]]:
    dates = np.arange(15, world.days, DAYS_BETWEEN_MEETUPS)
    goes = (
        rng.random((len(buyers), len(dates)))
        < 0.02 * np.exp(0.5 * people.affinity[buyers])[:, None]
    )
    goes &= people.created[buyers][:, None] < dates - 9
    person, meetup = np.nonzero(goes)
    start = dates[meetup] + 19 / 24
    attends = rng.random(len(person)) < 0.62
    registered = (
        buyers[person],
        np.full(len(person), REGISTERED),
        start - 1 - rng.random(len(person)) * 7,
        meetup,
    )
    attended = (
        buyers[person[attends]],
        np.full(int(attends.sum()), ATTENDED),
        start[attends],
        meetup[attends],
    )
    return [registered, attended]


def mention_columns(world: w.World, people: People, chunk: int) -> Columns:
    """What people with a known handle say of the company."""
    rng = world.rng(w.COMMUNITY + 300, chunk)
    known = np.flatnonzero(has_handle(people) & people.is_buyer)
    since = np.maximum(people.created[known], 0)
    rate = 1 / 160 * np.exp(0.6 * people.affinity[known]) * (world.days - since)
    person = np.repeat(known, rng.poisson(rate))
    since = np.maximum(people.created[person], 0)
    day = np.floor(since + rng.random(len(person)) * (world.days - since)) + hours(rng, len(person))
    inside = (day > since) & (day < world.days)
    person, day = person[inside], day[inside]
    order = np.argsort(day, kind="stable")
    person, day = person[order], day[order]
    n = len(person)
    is_good = rng.random(n) < sigmoid(1.2 + 0.8 * people.affinity[person])
    return {
        "platform": take(["x"], np.zeros(n, np.int64)),
        "mention_id": ids("MK", chunk * 1_000_000 + 1 + np.arange(n), 9),
        "author_handle": people.handle(person),
        "occurred_at": world.moment(day),
        "text": pc.if_else(
            pa.array(is_good), pick(MENTION_TEXTS_GOOD, rng, n), pick(MENTION_TEXTS_BAD, rng, n)
        ),
        "rating": np.full(n, np.nan),
        "is_ugc": flags(rng.random(n) < 0.3),
    }


def erasure_columns(world: w.World, people: People, chunk: int) -> Columns:
    """A few asked to be forgotten."""
    rng = world.rng(w.COMMUNITY + 400, chunk)
    known = np.flatnonzero(people.in_crm & people.has_email & (people.created < world.days - 90))
    person = known[:: max(len(known) // max(len(known) // 200, 1), 1)][: max(len(known) // 200, 1)]
    n = len(person)
    since = np.maximum(people.created[person], 0)
    day = np.sort(since + (0.6 + 0.4 * rng.random(n)) * (world.days - since) * 0.99)
    by_mail = np.arange(n) % 3 == 2
    return {
        "request_id": ids("ER", chunk * 1_000_000 + 1 + np.arange(n), 9),
        "customer_id": people.crm_id(person, ~by_mail),
        "email": people.email(person, by_mail),
        "requested_at": world.moment(day),
    }


def outcome_columns(world: w.World, people: People, chunk: int) -> Columns:
    """What became of follow-ups that were suggested in the last months."""
    rng = world.rng(w.COMMUNITY + 500, chunk)
    n = max(len(people) // 12, 1)
    day = np.sort(world.days - 1 - rng.random(n) * min(120, world.days - 2))
    return {
        "action_id": ids("AC", chunk * 1_000_000 + 1 + np.arange(n), 9),
        "done_at": world.moment(day),
        "result": take(["saved", "bought", "no_answer", "lost"], choose(rng, [3, 2, 5, 1], n)),
    }


def account_columns(world: w.World, people: People) -> Columns:
    """The companies behind the business contacts."""
    account = np.unique(people.number[people.is_business & people.in_crm] // 2)
    return {
        "account_id": ids("A", account, 7),
        "industry": take(["飲食", "宿泊", "小売", "オフィス", "医療"], account % 5),
        "company_size": take(["1-9", "10-49", "50-249", "250+"], (account * 7) % 4),
        "created_at": world.moment(-100.0 - account % 700),
    }

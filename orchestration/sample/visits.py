"""Sessions on the site and in the app, from signed-in customers and from strangers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from orchestration.sample import truths
from orchestration.sample import world as w
from orchestration.sample.columns import (
    SECONDS_A_DAY,
    Bools,
    Floats,
    Ints,
    choose,
    hours,
    ids,
    keep,
    take,
)
from orchestration.sample.people import People
from orchestration.sample.purchases import APP, EC, Items, Orders

Columns = dict[str, pa.Array | np.ndarray]
EVENTS = (
    "app_open", "page_view", "sign_up", "login", "product_view", "document_download", "feature_use",
    "add_to_cart", "begin_checkout", "purchase",
)  # fmt: skip
OPEN, PAGE, SIGN_UP, LOGIN, PRODUCT, DOWNLOAD, FEATURE, CART, CHECKOUT, PURCHASE = range(10)
PLATFORMS = ("web", "ios", "android")
FEATURES = ("point_card", "coupon", "recipe", "reorder", "favourite")
# source, medium, referrer, weight
SOURCES: tuple[tuple[str | None, str | None, str | None, int], ...] = (
    (None, None, None, 27),
    ("google", "organic", "www.google.com", 36),
    ("yahoo", "organic", "search.yahoo.co.jp", 9),
    ("newsletter", "email", None, 9),
    ("line", "social", None, 6),
    ("instagram", "paid_social", "l.instagram.com", 7),
    ("google", "cpc", "www.google.com", 5),
    ("blog", "referral", "blog.example.org", 3),
)
PAID_CHANNELS = {3: "email", 4: "line", 5: "paid_social", 6: "paid_search"}


@dataclass
class Sessions:
    """Sessions as columns; person -1 is a stranger, order -1 no purchase."""

    visitor: Ints
    person: Ints
    day: Floats  # of the first event, or of the last where there is a purchase
    order: Ints
    platform: Ints
    signs_in: Bools


def make_sessions(world: w.World, people: People, orders: Orders, chunk: int) -> Sessions:
    """Purchases of who is tracked, and other visits to give the planted conversion rate."""
    rng = world.rng(w.VISITS, chunk)
    known = np.maximum(orders.person, 0)
    tracked = np.where(orders.person >= 0, people.is_tracked[known], orders.number % 10 == 0)
    real = ~orders.is_test & ~orders.is_pending
    web_orders = np.flatnonzero(
        real & (orders.channel == EC) & tracked & ~(orders.is_guest & (orders.person >= 0))
    )
    app_orders = np.flatnonzero(real & (orders.channel == APP))
    app_person, app_day = _app_visits(world, people, rng)
    purchases = len(web_orders) + len(app_orders)
    wanted = int(purchases / truths.CONVERSION_RATE) - purchases - len(app_person)
    others = _other_visits(world, people, rng, max(wanted, 0), chunk)
    is_ios = (people.number % 5) < 3
    web_person = orders.person[web_orders]
    strangers = chunk * 10_000_000 + 5_000_000 + orders.number[web_orders] % 1_000_000
    parts = (
        (
            np.where(
                web_person >= 0,
                people.number[np.maximum(web_person, 0)] * 10 + 1,
                strangers * 10 + 9,
            ),
            web_person,
            orders.day[web_orders],
            web_orders,
            np.zeros(len(web_orders), np.int64),
            web_person >= 0,
        ),
        _app_sessions(
            people, orders.person[app_orders], orders.day[app_orders], app_orders, is_ios
        ),
        _app_sessions(people, app_person, app_day, np.full(len(app_person), -1), is_ios),
        others,
    )
    columns = [np.concatenate(c) for c in zip(*parts, strict=True)]
    order = np.lexsort((columns[0], columns[2]))
    return Sessions(*(c[order] for c in columns))


def _app_sessions(
    people: People, person: Ints, day: Floats, order: Ints, is_ios: Bools
) -> tuple[Ints, Ints, Floats, Ints, Ints, Bools]:
    platform = np.where(is_ios[person], 1, 2)
    return people.number[person] * 10 + 2, person, day, order, platform, np.ones(len(person), bool)


def _app_visits(world: w.World, people: People, rng: np.random.Generator) -> tuple[Ints, Floats]:
    """App users open it some five days a month, those with affinity more often."""
    users = np.flatnonzero(people.is_app_user)
    since = np.maximum(people.created[users], 0)
    rate = 4.6 / 30.4 * np.exp(0.35 * people.affinity[users])
    visits = rng.poisson(rate * (world.days - since))
    person = np.repeat(users, visits)
    since = np.repeat(since, visits)
    day = np.floor(since + rng.random(len(person)) * (world.days - since)) + hours(rng, len(person))
    inside = (day > since) & (day < world.days - 0.03)
    return person[inside], day[inside]


def _other_visits(
    world: w.World, people: People, rng: np.random.Generator, wanted: int, chunk: int
) -> tuple[Ints, Ints, Floats, Ints, Ints, Bools]:
    """Visits without a purchase: a third by tracked customers, the others by strangers."""
    tracked = np.flatnonzero(people.is_tracked & (people.created < world.days - 5))
    by_known = wanted // 3 if len(tracked) else 0
    person = (
        tracked[choose(rng, np.exp(0.5 * people.affinity[tracked]), by_known)]
        if by_known
        else np.zeros(0, np.int64)
    )
    since = np.maximum(people.created[person], 0)
    known_day = np.floor(since + rng.random(by_known) * (world.days - since)) + hours(rng, by_known)
    known_day = np.clip(known_day, since, world.days - 0.03)
    strangers = wanted - by_known
    faces = max(int(strangers / 1.6), 1)
    face = rng.integers(0, faces, strangers)
    home = rng.random(faces) * world.days
    # a stranger's visits lie within some weeks
    day = home[face] + rng.exponential(9, strangers)
    day = np.where(day < world.days - 0.03, day, home[face])
    day = np.clip(np.floor(day) + hours(rng, strangers), 0, world.days - 0.03)
    device = np.where(rng.random(by_known) < 0.25, 3, 1)
    return (
        np.concatenate([people.number[person] * 10 + device, (chunk * 10_000_000 + face) * 10 + 9]),
        np.concatenate([person, np.full(strangers, -1)]),
        np.concatenate([known_day, day]),
        np.full(wanted, -1),
        np.zeros(wanted, np.int64),
        np.concatenate([rng.random(by_known) < 0.3, np.zeros(strangers, bool)]),
    )


def event_columns(
    world: w.World, people: People, orders: Orders, items: Items, sessions: Sessions, chunk: int
) -> Columns:
    """The events of all sessions, by session and time."""
    rng = world.rng(w.VISITS + 100, chunk)
    counts = _counts(sessions, rng)
    n, kinds = counts.shape
    cell = np.repeat(np.arange(n * kinds), counts.ravel())
    session, kind = cell // kinds, cell % kinds
    gap = rng.exponential(np.where(kind == PURCHASE, 90, 42), len(session))
    is_first = np.append(True, session[1:] != session[:-1])
    gap[is_first] = 0
    passed = np.cumsum(gap)
    first = np.flatnonzero(is_first)
    sizes = np.diff(np.append(first, len(session)))
    passed = passed - np.repeat(passed[first], sizes)
    length = (
        np.repeat(passed[np.append(first[1:], len(session)) - 1], sizes) if len(first) else passed
    )
    starts_before = np.where(sessions.order[session] >= 0, length, 0.0)
    day = sessions.day[session] + (passed - starts_before) / SECONDS_A_DAY
    return _event_table(world, people, orders, items, sessions, session, kind, day, gap, rng, chunk)


def _counts(sessions: Sessions, rng: np.random.Generator) -> Ints:
    """How often each kind of event happens in each session, in the order of the funnel."""
    n = len(sessions.visitor)
    in_app = sessions.platform > 0
    buys = sessions.order >= 0
    bounces = ~in_app & ~buys & ~sessions.signs_in & (rng.random(n) < 0.60)
    counts = np.zeros((n, len(EVENTS)), np.int64)
    counts[:, OPEN] = in_app
    counts[:, PAGE] = np.where(in_app, 0, np.where(bounces, 1, 1 + rng.poisson(1.4, n)))
    counts[:, SIGN_UP] = (
        ~in_app & ~buys & (sessions.person < 0) & ~bounces & (rng.random(n) < 0.004)
    )
    counts[:, LOGIN] = sessions.signs_in & (rng.random(n) < np.where(in_app, 0.2, 1.0))
    looks = np.where(in_app, 0.6, 1.5)
    counts[:, PRODUCT] = np.where(bounces, 0, rng.poisson(looks, n) + buys)
    counts[:, DOWNLOAD] = ~in_app & ~bounces & (rng.random(n) < 0.035)
    counts[:, FEATURE] = np.where(in_app & (rng.random(n) < 0.55), 1 + rng.poisson(0.4, n), 0)
    fills = ~bounces & (rng.random(n) < np.where(counts[:, PRODUCT] > 0, 0.15, 0.0))
    counts[:, CART] = np.where(buys, 1 + (rng.random(n) < 0.3), fills)
    counts[:, CHECKOUT] = buys | (fills & (rng.random(n) < 0.33))
    counts[:, PURCHASE] = buys
    return counts


def _event_table(
    world: w.World,
    people: People,
    orders: Orders,
    items: Items,
    sessions: Sessions,
    session: Ints,
    kind: Ints,
    day: Floats,
    gap: Floats,
    rng: np.random.Generator,
    chunk: int,
) -> Columns:
    n = len(session)
    person, order = sessions.person[session], sessions.order[session]
    signed = sessions.signs_in[session] & (person >= 0)
    source, campaign = _sources(world, sessions, rng)
    source, campaign = source[session], campaign[session]
    in_app = sessions.platform[session] > 0
    shows_source = ~in_app & ((kind == PAGE) | (kind == LOGIN))
    product = _products(orders, items, order, rng)
    page = np.select(
        [kind == PAGE, kind == PRODUCT, kind == DOWNLOAD, kind == CART],
        [rng.integers(0, 4, n), 4, 5, 6],
        default=7,
    )
    spent = np.where((kind == PAGE) | (kind == PRODUCT), np.round(gap + 3, 0), np.nan)
    visitor = ids("W", sessions.visitor[session], 11)
    return {
        "event_id": ids("WE", chunk * 100_000_000 + 1 + np.arange(n), 11),
        "anonymous_id": visitor,
        "customer_id": people.crm_id(np.maximum(person, 0), signed),
        "session_id": ids("SS", chunk * 10_000_000 + 1 + session, 10, ~in_app),
        "occurred_at": world.moment(day),
        "event_name": take(EVENTS, kind),
        "platform": take(PLATFORMS, sessions.platform[session]),
        "page_path": take(
            ["/", "/campaign", "/journal", "/category", "/product", "/catalog.pdf", "/cart", None],
            np.where(in_app, 7, page),
        ),
        "referrer": take([s[2] for s in SOURCES], source, shows_source),
        "utm_source": take([s[0] for s in SOURCES], source, shows_source),
        "utm_medium": take([s[1] for s in SOURCES], source, shows_source),
        "utm_campaign": take(
            world.campaigns.campaign_id, np.maximum(campaign, 0), shows_source & (campaign >= 0)
        ),
        "engagement_seconds": spent,
        "feature": keep(take(FEATURES, choose(rng, [5, 4, 2, 3, 2], n)), kind == FEATURE),
        "product_id": keep(ids("PR", product + 1, 3), (kind == PRODUCT) | (kind == CART)),
        "order_id": orders.order_id(np.maximum(order, 0), kind == PURCHASE),
    }


def _products(orders: Orders, items: Items, order: Ints, rng: np.random.Generator) -> Ints:
    """The product looked at: the one bought, if one is, else any by its family's weight."""
    families = choose(rng, [f.weight for f in w.FAMILIES], len(order))
    anything = families * len(w.GRADES) + choose(rng, [6, 3, 1], len(order))
    if not len(orders):
        return anything
    first_line = np.searchsorted(items.order, np.maximum(order, 0))
    return np.where(order >= 0, items.product[first_line], anything)


def _sources(world: w.World, sessions: Sessions, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Source of each session, and the campaign behind it where one was running."""
    source = choose(rng, [s[3] for s in SOURCES], len(sessions.visitor))
    campaign = np.full(len(source), -1)
    campaigns = world.campaigns
    for index, channel in PAID_CHANNELS.items():
        of_channel = np.flatnonzero(source == index)
        own = campaigns.where(channel=channel)
        if not len(own):
            continue
        own = own[np.argsort(campaigns.start[own], kind="stable")]
        at = np.searchsorted(campaigns.start[own], sessions.day[of_channel], side="right") - 1
        last = own[np.maximum(at, 0)]
        runs = (at >= 0) & (sessions.day[of_channel] < campaigns.end[last] + 10)
        campaign[of_channel] = np.where(runs, last, -1)
    return source, campaign

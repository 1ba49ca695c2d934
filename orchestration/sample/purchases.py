"""Orders by a planted repurchase hazard, their lines, refunds and guests."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from orchestration.sample import truths
from orchestration.sample import world as w
from orchestration.sample.columns import (
    Bools,
    Floats,
    Ints,
    choose,
    flags,
    hours,
    ids,
    join,
    keep,
    run_lengths,
    take,
    whole,
)
from orchestration.sample.people import People, tier_of

USD_RATE = 150.0  # what the shop's dollar price list was made with
CHANNELS = ("ec", "app", "phone", "store")
EC, APP, PHONE, STORE = range(4)
MAX_ORDERS = 200
CORRECTED_EVERY = 257

Columns = dict[str, pa.Array | np.ndarray]


@dataclass
class Orders:
    """The orders of one chunk within the sample's days, by person and time."""

    person: Ints  # -1: a guest whom nobody knows
    day: Floats
    sequence: Ints  # 1 = the person's first ever, also before the sample's days
    is_late: Bools  # delivered late
    experiment: Ints  # caused by this experiment, -1 for none
    number: Ints
    channel: Ints
    is_guest: Bools
    is_usd: Bools
    is_test: Bools
    is_cancelled: Bools
    is_pending: Bools
    is_returned: Bools
    campaign: Ints

    def __len__(self) -> int:
        return len(self.person)

    @property
    def in_pos(self) -> Bools:
        return self.channel == STORE

    @property
    def counts(self) -> Bools:
        return ~self.is_test & ~self.is_cancelled & ~self.is_pending

    def order_id(self, index: Ints, where: Bools | None = None) -> pa.Array:
        """Order ids; the till numbers apart from the shop."""
        shop = ids("S", self.number[index], 9)
        till = ids("T", self.number[index], 9)
        return keep(pc.if_else(pa.array(self.in_pos[index]), till, shop), where)


class Hazard:
    """Draws the time to the next order from a piecewise constant hazard."""

    def __init__(self, rates: tuple[float, ...]) -> None:
        self.starts = np.array([*truths.REPURCHASE.band_starts, w.BEYOND], dtype=float)
        steps = np.diff(self.starts) * np.array(rates)
        self.cumulated = np.concatenate([[0.0], np.cumsum(steps)])

    def gaps(self, targets: Floats) -> Floats:
        return np.interp(targets, self.cumulated, self.starts, right=w.BEYOND)


def simulate(world: w.World, people: People, chunk: int) -> tuple[Ints, Floats, Ints, Bools]:
    """Order histories from the day each person came, also before the sample's days.

    Returns person, day, sequence and whether delivered late, by person and sequence.
    """
    rng = world.rng(w.PURCHASES, chunk)
    hazards = [
        Hazard(truths.REPURCHASE.after_one),
        Hazard(truths.REPURCHASE.after_two_or_three),
        Hazard(truths.REPURCHASE.after_four),
    ]
    alive = np.flatnonzero(people.is_buyer)
    first_wait = np.where(rng.random(len(alive)) < 0.55, 0.0, rng.exponential(25, len(alive)))
    season = world.to_season(people.created[alive]) + first_wait
    relative = np.exp(truths.REPURCHASE.affinity_effect * people.affinity)
    found: list[tuple[Ints, Floats, Ints, Bools]] = []
    for sequence in range(1, MAX_ORDERS + 1):
        day = world.from_season(season)
        inside = day < world.days
        alive, season, day = alive[inside], season[inside], day[inside]
        if not len(alive):
            break
        is_late = rng.random(len(alive)) < late_rate(world, people, alive, day)
        found.append((alive, day, np.full(len(alive), sequence), is_late))
        hazard = hazards[0] if sequence == 1 else hazards[1] if sequence <= 3 else hazards[2]
        factor = relative[alive] * np.where(is_late, truths.REPURCHASE.late_delivery_factor, 1.0)
        season = season + hazard.gaps(rng.exponential(size=len(alive)) / factor)
    person, day, sequence, is_late = (np.concatenate(c) for c in zip(*found, strict=True))
    # the day by the hazard, the hour by habit; a first order not before its person
    moment = np.floor(day) + hours(rng, len(day))
    moment = np.where(sequence == 1, np.maximum(moment, people.created[person] + 0.003), moment)
    order = np.lexsort((sequence, person))
    return person[order], moment[order], sequence[order], is_late[order]


def late_rate(world: w.World, people: People, person: Ints, day: Floats) -> Floats:
    """Share of deliveries that come late: more far away and in December, nothing in a store."""
    month = world.business_date(day).astype("datetime64[M]").astype(int) % 12
    rate = truths.LATE_DELIVERY_RATE * np.where(month == 11, 2.0, 1.0)
    rate = rate * np.where(people.is_far[person], 2.0, 1.0)
    return rate * (1 - people.store_share[person])


def make_orders(
    world: w.World,
    people: People,
    chunk: int,
    history: tuple[Ints, Floats, Ints, Bools],
    extra: tuple[Ints, Floats, Ints],
    first_number: int,
) -> Orders:
    """The orders of the sample's days: histories, the experiments' extra orders and guests."""
    rng = world.rng(w.PURCHASES + 100, chunk)
    person, day, sequence, is_late = history
    inside = (day >= 0) & (day < world.days)
    person, day, sequence, is_late = (c[inside] for c in (person, day, sequence, is_late))
    extra_person, extra_day, extra_experiment = extra
    strangers = int(0.04 * len(person))
    columns = {
        "person": np.concatenate([person, extra_person, np.full(strangers, -1)]),
        "day": np.concatenate([day, extra_day, world.seasonal_days(rng, strangers)]),
        "sequence": np.concatenate([sequence, np.zeros(len(extra_person) + strangers, np.int64)]),
        "is_late": np.concatenate([is_late, np.zeros(len(extra_person) + strangers, bool)]),
        "experiment": np.concatenate(
            [np.full(len(person), -1), extra_experiment, np.full(strangers, -1)]
        ),
    }
    by_time = np.argsort(columns["day"], kind="stable")
    columns = {k: v[by_time] for k, v in columns.items()}
    return _describe(world, people, rng, columns, first_number)


def _describe(
    world: w.World,
    people: People,
    rng: np.random.Generator,
    columns: dict[str, np.ndarray],
    first_number: int,
) -> Orders:
    person, day = columns["person"], columns["day"]
    n = len(person)
    is_stranger = person < 0
    known = np.maximum(person, 0)
    is_app = people.is_app_user[known] & (rng.random(n) < 0.7)
    online = np.where(is_app, APP, np.where(rng.random(n) < 0.05, PHONE, EC))
    in_store = (rng.random(n) < people.store_share[known]) & (columns["experiment"] < 0)
    channel = np.where(is_stranger, EC, np.where(in_store & ~columns["is_late"], STORE, online))
    is_guest = is_stranger | (
        (channel == EC)
        & people.has_email[known]
        & people.in_crm[known]
        & (rng.random(n) < 0.03)
        & (columns["experiment"] < 0)
    )
    fresh = day > world.days - 2
    plain = columns["experiment"] < 0
    is_cancelled = (rng.random(n) < 0.028) & plain & (channel != STORE)
    return Orders(
        **columns,
        number=first_number + np.arange(n),
        channel=channel,
        is_guest=is_guest,
        is_usd=(channel == EC) & (rng.random(n) < 0.025),
        is_test=is_stranger & (rng.random(n) < 0.06),
        is_cancelled=is_cancelled,
        is_pending=~is_cancelled
        & (rng.random(n) < np.where(fresh, 0.3, 0.004))
        & plain
        & (channel != STORE),
        is_returned=~is_cancelled & (rng.random(n) < 0.018),
        campaign=_campaigns_of(world, rng, columns, channel),
    )


def _campaigns_of(
    world: w.World, rng: np.random.Generator, columns: dict[str, np.ndarray], channel: Ints
) -> Ints:
    """The campaign that an order carries: an experiment's own, else now and then one that runs."""
    campaigns = world.campaigns
    sendings = np.concatenate(
        [campaigns.where(channel=c, objective="retention") for c in ("email", "line")]
    )
    sendings = sendings[np.argsort(campaigns.start[sendings], kind="stable")]
    at = np.searchsorted(campaigns.start[sendings], columns["day"], side="right") - 1
    last = sendings[np.maximum(at, 0)]
    close = (at >= 0) & (columns["day"] - campaigns.start[last] < 4) & (channel != STORE)
    campaign = np.where(close & (rng.random(len(at)) < 0.35), last, -1)
    for index in range(len(truths.EXPERIMENTS)):
        own = [i for i, e in enumerate(campaigns.experiment) if e == index]
        campaign = np.where(columns["experiment"] == index, own[0] if own else -1, campaign)
    return campaign


@dataclass
class Items:
    """The lines of the orders."""

    order: Ints
    place: Ints
    product: Ints
    quantity: Ints
    unit_price: Floats
    discount: Floats
    line_total: Floats


def make_items(world: w.World, people: People, orders: Orders, chunk: int) -> Items:
    """One to five lines per order; families by favourite category, grades rising with habit."""
    rng = world.rng(w.ITEMS, chunk)
    order, place = run_lengths(1 + choose(rng, [52, 26, 13, 6, 3], len(orders)))
    person = np.maximum(orders.person[order], 0)
    n = len(order)
    family = _families(people, rng, person, n)
    grown = (orders.sequence[order] >= 4) & (rng.random(n) < 0.35)
    grade = np.clip(people.taste[person] + grown - (rng.random(n) < 0.15), 0, len(w.GRADES) - 1)
    product = family * len(w.GRADES) + grade
    list_price = world.list_prices[product, world.price_list(orders.day[order])]
    is_usd = orders.is_usd[order]
    list_price = np.where(is_usd, np.round(list_price / USD_RATE, 2), list_price)
    on_sale = rng.random(n) < 0.10
    unit_price = _money(np.where(on_sale, list_price * 0.85, list_price), is_usd)
    quantity = 1 + choose(rng, [78, 16, 4, 2], n)
    coupon = _coupon_rates(people, rng, orders)[order]
    discount = _money(unit_price * quantity * coupon, is_usd)
    return Items(
        order, place, product, quantity, unit_price, discount,
        np.round(unit_price * quantity - discount, 2),
    )  # fmt: skip


def _money(amount: Floats, is_usd: Bools) -> Floats:
    return np.where(is_usd, np.round(amount, 2), np.floor(amount))


def _families(people: People, rng: np.random.Generator, person: Ints, n: int) -> Ints:
    weights = np.array([f.weight for f in w.FAMILIES])
    category = np.array([w.CATEGORIES.index(f.category) for f in w.FAMILIES])
    anything = choose(rng, weights, n)
    favourite = people.favourite[person]
    own = np.zeros(n, np.int64)
    roll = rng.random(n)
    for index in range(len(w.CATEGORIES)):
        members = np.flatnonzero(category == index)
        share = np.cumsum(weights[members]) / weights[members].sum()
        is_own = favourite == index
        own[is_own] = members[np.searchsorted(share, roll[is_own], side="right")]
    return np.where(rng.random(n) < 0.55, own, anything)


def _coupon_rates(people: People, rng: np.random.Generator, orders: Orders) -> Floats:
    person = np.maximum(orders.person, 0)
    has_coupon = rng.random(len(orders)) < 0.06 + 0.22 * people.price_sensitivity[person]
    rate = np.where(has_coupon, np.where(rng.random(len(orders)) < 0.8, 0.10, 0.20), 0.0)
    return np.where(orders.experiment == 0, 0.10, rate)


# ---- tables
@dataclass
class OrderTables:
    """Columns for the feeds, of shop and till together; `in_pos` says whose a row is."""

    orders: dict[str, pa.Array | np.ndarray]
    items: dict[str, pa.Array | np.ndarray]
    customer_id: pa.Array


def order_columns(
    world: w.World, people: People, orders: Orders, items: Items, chunk: int
) -> OrderTables:
    """Feed columns of orders and lines, with the identities between their amounts."""
    rng = world.rng(w.ITEMS + 100, chunk)
    n = len(orders)
    gross = np.bincount(items.order, items.unit_price * items.quantity, n)
    discount = np.bincount(items.order, items.discount, n)
    subtotal, discount = np.round(gross, 2), np.round(discount, 2)
    goods = subtotal - discount
    free = np.where(orders.is_usd, 80.0, 5500.0)
    fee = np.where(orders.is_usd, 18.0, 550.0)
    shipping = np.where(
        (orders.channel == STORE) | (goods >= free) | (orders.experiment == 2), 0.0, fee
    )
    tax = np.where(orders.is_usd, 0.0, np.floor((goods + shipping) * 0.1))
    person = np.maximum(orders.person, 0)
    named = (orders.person >= 0) & ~orders.is_guest
    customer_id = keep(
        pc.if_else(pa.array(orders.in_pos), people.pos_id(person), people.crm_id(person)), named
    )
    # a till sale without the card: the shop cannot know who it was
    columns = {
        "order_id": orders.order_id(np.arange(n)),
        "customer_id": customer_id,
        "email": _emails(people, orders, person, rng),
        "ordered_at": world.moment(orders.day),
        "status": take(STATUSES, _status(world, orders)),
        "cancelled_at": world.moment(
            np.where(orders.is_cancelled, orders.day + 0.02 + rng.random(n) * 1.5, np.nan)
        ),
        "channel": take(CHANNELS, orders.channel),
        "store_id": take([s[0] for s in w.STORES], people.store[person], orders.in_pos),
        "currency": take(["JPY", "USD"], orders.is_usd.astype(int)),
        "subtotal": subtotal,
        "discount": discount,
        "shipping": shipping,
        "tax": tax,
        "total": np.round(goods + shipping + tax, 2),
        "campaign_id": take(
            world.campaigns.campaign_id, np.maximum(orders.campaign, 0), orders.campaign >= 0
        ),
        "is_test": flags(orders.is_test),
        "updated_at": world.moment(np.minimum(orders.day + 5 + rng.random(n), world.days - 0.0001)),
    }
    cancelled = columns["cancelled_at"]
    late_cancel = cancelled >= world.moment(np.array([float(world.days)]))[0]
    columns["cancelled_at"] = np.where(
        late_cancel, world.moment(np.full(n, world.days - 0.0001)), cancelled
    )
    return OrderTables(columns, _item_columns(world, orders, items), customer_id)


STATUSES = ("pending", "placed", "paid", "shipped", "completed", "returned", "cancelled")


def _status(world: w.World, orders: Orders) -> Ints:
    age = world.days - orders.day
    by_age = np.select([age < 1, age < 2, age < 5], [1, 2, 3], default=4)
    by_age = np.where(orders.in_pos, 4, by_age)
    status = np.where(orders.is_returned & (age > 14), 5, by_age)
    return np.select([orders.is_cancelled, orders.is_pending], [6, 0], default=status)


def _emails(people: People, orders: Orders, person: Ints, rng: np.random.Generator) -> pa.Array:
    """A guest's address; a known person's now and then in capitals or with a space before it."""
    known = people.email(person)
    style = rng.random(len(orders))
    known = pc.if_else(pa.array(style < 0.15), pc.utf8_upper(known), known)
    known = pc.if_else(pa.array(style > 0.93), join(" ", known), known)
    unknown = ids("guest.", orders.number, 9)
    unknown = join(unknown, take(["@example.net", "@example.jp"], orders.number % 2))
    unknown = pc.if_else(pa.array(orders.is_test), pa.scalar("test@shop.example.jp"), unknown)
    return keep(pc.if_else(pa.array(orders.person < 0), unknown, known), orders.is_guest)


def _item_columns(world: w.World, orders: Orders, items: Items) -> dict[str, pa.Array | np.ndarray]:
    return {
        "order_item_id": join(orders.order_id(items.order), ids("-", items.place + 1, 1)),
        "order_id": orders.order_id(items.order),
        "product_id": ids("PR", items.product + 1, 3),
        "quantity": whole(items.quantity),
        "unit_price": items.unit_price,
        "discount": items.discount,
        "line_total": items.line_total,
        "updated_at": world.moment(orders.day[items.order]),
    }


def corrections(
    world: w.World, orders: Orders, items: Items, tables: OrderTables
) -> tuple[Columns, Columns]:
    """Orders and lines of a few orders delivered again, a week later, without their last line."""
    lines = np.bincount(items.order, minlength=len(orders))
    fits = ~orders.in_pos & orders.counts & ~orders.is_returned & (orders.day < world.days - 8)
    chosen = np.flatnonzero(fits & (lines > 1) & (orders.number % CORRECTED_EVERY == 3))
    dropped = np.cumsum(lines)[chosen] - 1
    remains = np.isin(items.order, chosen)
    remains[dropped] = False
    order = {name: _rows(values, chosen) for name, values in tables.orders.items()}
    gross = items.unit_price[dropped] * items.quantity[dropped]
    order["subtotal"] = np.round(order["subtotal"] - gross, 2)
    order["discount"] = np.round(order["discount"] - items.discount[dropped], 2)
    net = order["subtotal"] - order["discount"] + order["shipping"]
    order["tax"] = np.where(orders.is_usd[chosen], 0.0, np.floor(net * 0.1))
    order["total"] = np.round(net + order["tax"], 2)
    order["updated_at"] = world.moment(orders.day[chosen] + 7)
    line = {name: _rows(values, np.flatnonzero(remains)) for name, values in tables.items.items()}
    line["updated_at"] = world.moment(orders.day[items.order[remains]] + 7)
    return order, line


def paid_versions(world: w.World, orders: Orders, table: dict, chunk: int) -> dict:
    """Earlier rows of some orders, from when they were only paid; the newest row wins."""
    rng = world.rng(w.ITEMS + 200, chunk)
    shop = ~orders.in_pos & ~orders.is_test & ~orders.is_pending
    chosen = np.flatnonzero(shop & (rng.random(len(orders)) < 0.06))
    earlier = {k: _rows(v, chosen) for k, v in table.items()}
    earlier["status"] = take(["paid"], np.zeros(len(chosen), np.int64))
    earlier["cancelled_at"] = world.moment(np.full(len(chosen), np.nan))
    earlier["updated_at"] = world.moment(orders.day[chosen] + 0.01)
    return earlier


def _rows(values: pa.Array | np.ndarray, index: Ints) -> pa.Array | np.ndarray:
    return values[index] if isinstance(values, np.ndarray) else values.take(pa.array(index))


def refund_columns(
    world: w.World, orders: Orders, items: Items, tables: OrderTables, chunk: int
) -> dict[str, pa.Array | np.ndarray]:
    """Whole refunds of returned orders, partial ones of some others; a few lack order or time."""
    rng = world.rng(w.ITEMS + 300, chunk)
    age = world.days - orders.day
    shop = ~orders.in_pos & orders.counts & (orders.person >= 0)
    whole_order = np.flatnonzero(shop & orders.is_returned & (age > 14))
    one_line = (rng.random(len(items.order)) < 0.006) & shop[items.order] & (age[items.order] > 20)
    one_line &= ~orders.is_returned[items.order]
    line = np.flatnonzero(one_line)
    order = np.concatenate([whole_order, items.order[line]])
    goods = np.bincount(items.order, items.line_total, len(orders))
    amount = np.concatenate([goods[whole_order], items.line_total[line]])
    is_line = np.arange(len(order)) >= len(whole_order)
    n = len(order)
    no_order = is_line & (rng.random(n) < 0.25)
    no_time = ~no_order & (rng.random(n) < 0.12)
    day = orders.day[order] + 4 + rng.random(n) * 10
    by_time = np.argsort(day, kind="stable")
    line_of = np.concatenate([np.zeros(len(whole_order), np.int64), line])
    item_id = tables.items["order_item_id"].take(pa.array(line_of))
    columns = {
        "refund_id": ids("RF", orders.number[order] * 2 + is_line, 10),
        "order_id": orders.order_id(order, ~no_order),
        "order_item_id": keep(item_id, is_line & ~no_order),
        "customer_id": tables.customer_id.take(pa.array(order)),
        "currency": take(
            ["JPY", "USD"], orders.is_usd[order].astype(int), no_order | (rng.random(n) < 0.5)
        ),
        "amount": np.round(amount, 2),
        "reason": take(
            ["サイズ・イメージ違い", "不良品", "配送遅延", "注文間違い"],
            choose(rng, [4, 3, 2, 2], n),
        ),
        "refunded_at": world.moment(np.where(no_time, np.nan, np.minimum(day, world.days - 0.001))),
    }
    return {k: _rows(v, by_time) for k, v in columns.items()}


def tier_changes(history: tuple[Ints, Floats, Ints, Bools]) -> tuple[Ints, Floats, Ints]:
    """Person, day and new tier of each rise, the day after the order that earned it."""
    person, day, sequence, _ = history
    rises = np.flatnonzero(tier_of(sequence) > tier_of(sequence - 1))
    return person[rises], np.floor(day[rises]) + 1.125, tier_of(sequence[rises])


def product_columns(world: w.World) -> dict[str, pa.Array | np.ndarray]:
    """The price list: each product once for each of the three lists."""
    prices = world.list_prices
    products, lists = prices.shape
    product = np.repeat(np.arange(products), lists)
    version = np.tile(np.arange(lists), products)
    family, grade = product // len(w.GRADES), product % len(w.GRADES)
    price = prices.ravel()
    cost_share = 0.42 + 0.03 * (family % 5)
    reference = np.array([f.reference_factor for f in w.FAMILIES])[family] * price
    names = [f"{f.name} {g}".strip() for f in w.FAMILIES for g in w.GRADES]
    return {
        "product_id": ids("PR", product + 1, 3),
        "valid_from": world.moment(world.price_list_starts[version]),
        "name": take(names, product),
        "category": take([f.category for f in w.FAMILIES], family),
        "product_family": take([f.name for f in w.FAMILIES], family),
        "grade": whole(grade + 1),
        "list_price": price,
        "reference_price": np.round(reference),
        "unit_cost": np.round(prices[product, 0] * cost_share * (1 + 0.03 * version)),
        "currency": take(["JPY"], np.zeros(len(product), np.int64)),
    }

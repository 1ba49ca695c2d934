"""Figures of purchases, staying and lifetime value, computed row by row and apart from the SQL."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, getcontext
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo

from scipy.stats import t as student_t

from orchestration.contract import feeds_by_name

getcontext().prec = 60

Row = dict[str, Any]
Z = 1.959963984540054
ONE_DAY = timedelta(days=1)
GRAINS = ("day", "week", "month", "quarter", "year")
CUT_GRAINS = ("month", "quarter", "year")
MONTHS = {"month": 1, "quarter": 3, "year": 12}
ATTRIBUTES = (
    "membership_tier",
    "prefecture",
    "acquisition_channel",
    "customer_segment",
    "gender",
    "age_band",
    "industry",
    "company_size",
    "tenure_band",
)
EVENT_CUTS = ("order_channel", "store", "campaign")


@dataclass(frozen=True)
class Delivery:
    """One file of one feed, as a system delivered it."""

    feed: str
    system: str
    rows: list[Row]
    delivered_at: datetime


@dataclass(frozen=True)
class Given:
    """All that the figures rest on."""

    deliveries: list[Delivery]
    as_of: date
    id_systems: Mapping[str, Mapping[str, str]]
    fx_rates: Mapping[tuple[str, str], Decimal]
    margin_rates: Mapping[str, Decimal]
    business_timezone: str = "Asia/Tokyo"
    reporting_currency: str = "JPY"
    fiscal_year_start: int = 1
    history_complete_from: date | None = None
    inactivity_days: int = 180
    first_repeat_days: int = 90
    min_cell_size: int = 5
    max_tenure_years: float = 10
    discount_rate: float = 0.10
    ltv_horizon_years: int = 5
    consent_defaults: Mapping[str, bool] = field(default_factory=lambda: {"analytics": True})

    @cached_property
    def feeds(self) -> set[str]:
        return {delivery.feed for delivery in self.deliveries}

    # ---- calendar

    def day_of(self, instant: datetime) -> date:
        return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(self.business_timezone)).date()

    def start_of(self, day: date) -> datetime:
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(self.business_timezone))
        return midnight.astimezone(UTC).replace(tzinfo=None)

    @cached_property
    def end(self) -> datetime:
        """The instant at and after which nothing exists."""
        return self.start_of(self.as_of + ONE_DAY)

    def happened(self, instant: datetime | None) -> bool:
        return instant is None or instant < self.end

    def period_of(self, grain: str, day: date) -> date:
        if grain == "day":
            return day
        if grain == "week":
            return day - timedelta(days=day.weekday())
        into = (day.month - self.fiscal_year_start) % 12 % MONTHS[grain]
        return month_after(date(day.year, day.month, 1), -into)

    def period_end(self, grain: str, start: date) -> date:
        if grain in MONTHS:
            return month_after(start, MONTHS[grain])
        return start + timedelta(days=7 if grain == "week" else 1)

    def year_before(self, grain: str, start: date) -> date:
        if grain == "week":
            return start - timedelta(weeks=52)
        try:
            return start.replace(year=start.year - 1)
        except ValueError:
            return start.replace(year=start.year - 1, day=28)

    # ---- the newest version of each row

    def delivered(self, feed: str) -> Iterator[tuple[Row, Delivery]]:
        for delivery in self.deliveries:
            if delivery.feed == feed:
                for row in delivery.rows:
                    yield self._keyed({**row, "system": delivery.system}, delivery), delivery

    def _keyed(self, row: Row, delivery: Delivery) -> Row:
        stated_at = row.get("updated_at") or delivery.delivered_at
        keys = {
            column.name[:-3]: self._key(row, column.name)
            for column in feeds_by_name()[delivery.feed].columns
            if column.is_id
        }
        return {**row, **{f"{name}_key": key for name, key in keys.items()}, "stated_at": stated_at}

    def _key(self, row: Row, column: str) -> str | None:
        if row.get(column) is None:
            return None
        return f"{self.id_systems.get(column, {}).get(row['system'], row['system'])}:{row[column]}"

    def rows(self, feed: str, every_version: bool = False) -> list[Row]:
        contract = feeds_by_name()[feed]
        if contract.load == "children":
            return self._children(feed, contract.parent)
        best: dict[tuple, tuple[tuple, Row]] = {}
        for row, _ in self.delivered(feed):
            key = (row["system"], *(row.get(name) for name in contract.key))
            if every_version:
                key = (*key, row["stated_at"])
            rank = (row["stated_at"], *map(_text, (row.get(c.name) for c in contract.columns[:-1])))
            if key not in best or rank > best[key][0]:
                best[key] = rank, row
        return [row for _, row in best.values()]

    def _children(self, feed: str, parent: str) -> list[Row]:
        sets = defaultdict(list)
        for row, delivery in self.delivered(feed):
            sets[row["system"], row[parent], id(delivery)].append(row)
        newest: dict[tuple, list[Row]] = {}
        for (system, of, _), rows in sets.items():
            stated_at = max(row["stated_at"] for row in rows)
            standing = newest.get((system, of))
            if standing is None or stated_at > max(row["stated_at"] for row in standing):
                newest[system, of] = rows
        return [row for rows in newest.values() for row in rows]

    # ---- money

    def rate(self, currency: str | None, day: date) -> Decimal:
        if currency in (None, self.reporting_currency):
            return Decimal(1)
        return self.fx_rates[currency, f"{day:%Y-%m}"]

    def margin_rate(self, category: str | None) -> Decimal:
        return self.margin_rates.get(category, self.margin_rates["default"])


def _text(value: Any) -> tuple[bool, str]:
    return value is not None, f"{value:.4f}" if isinstance(value, Decimal) else str(value)


def month_after(month: date, months: int) -> date:
    count = month.year * 12 + month.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


class Persons:
    """Who an id or an e-mail is, and what was known of them when a period began."""

    def __init__(self, given: Given) -> None:
        self.given = given
        self.current = {
            row["customer_key"]: row
            for row in given.rows("customers")
            if given.happened(row.get("created_at"))
        }
        self.versions = defaultdict(list)
        for row in given.rows("customers", every_version=True):
            if row["customer_key"] in self.current:
                self.versions[row["customer_key"]].append(row)
        self.accounts = defaultdict(list)
        for row in given.rows("accounts", every_version=True):
            self.accounts[row["account_key"]].append(row)

    @cached_property
    def owners(self) -> dict[str, str]:
        """The person of each e-mail that only one has."""
        found = defaultdict(set)
        for row, _ in self.given.delivered("customers"):
            if row["customer_key"] in self.current:
                found[row.get("email")].add(row["customer_key"])
        for row in self.given.rows("identities"):
            if row["identity_type"] == "email" and self.given.happened(row.get("linked_at")):
                found[row["identity_value"]].add(row["customer_key"])
        return {
            email: min(keys)
            for email, keys in found.items()
            if email is not None and len(keys) == 1
        }

    def of(self, row: Row) -> str | None:
        return row["customer_key"] or self.owners.get(row.get("email"))

    def created_before(self, person: str, day: date) -> bool:
        created_at = self.current.get(person, {}).get("created_at")
        return created_at is not None and self.given.day_of(created_at) < day

    @cached_property
    def words(self) -> dict[tuple[str, str], tuple[datetime, bool]]:
        """The last word of each person and purpose; of two of one instant the refusal."""
        last: dict[tuple[str, str], tuple[datetime, bool]] = {}
        for row in self.given.rows("consents"):
            if self.given.happened(row["recorded_at"]):
                key, said = (row["customer_key"], row["purpose"]), row["recorded_at"]
                last[key] = max(last.get(key, (said, False)), (said, not row["granted"]))
        return last

    def allows(self, person: str, purpose: str) -> bool:
        by_default = self.given.consent_defaults.get(purpose, False)
        _, is_refused = self.words.get((person, purpose), (None, not by_default))
        return not is_refused

    @cache  # noqa: B019
    def attributes(self, person: str, start: date, on: date | None = None) -> dict[str, str]:
        """All but the tenure band, which rests on what the person did; the age is of `on`."""
        if not self.allows(person, "analytics"):
            return dict.fromkeys(ATTRIBUTES[:-1], "unknown")
        row = self._in_force(self.versions[person], start)
        account = self._in_force(self.accounts[row.get("account_key")], start)
        known = {name: row.get(name) for name in ATTRIBUTES[:5]}
        known["age_band"] = age_band(row.get("birth_date"), on or start)
        known |= {name: account.get(name) for name in ("industry", "company_size")}
        return {name: "unknown" if value is None else value for name, value in known.items()}

    def _in_force(self, versions: list[Row], start: date) -> Row:
        ordered = sorted(versions, key=lambda row: row["stated_at"])
        said = [row for row in ordered if self.given.happened(row["stated_at"])]
        begun = [row for row in said if row["stated_at"] <= self.given.start_of(start)]
        return (begun[-1:] or ordered[:1] or [{}])[0]


def age_band(birth: date | None, on: date) -> str | None:
    if birth is None:
        return None
    age = on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))
    if age < 20:
        return "0-19"
    return "60+" if age >= 60 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"


@dataclass
class Line:
    """An item of an order, in the reporting currency."""

    key: str
    category: str
    amount: Decimal
    profit: Decimal


@dataclass
class Order:
    """An order that counts."""

    key: str
    at: datetime
    day: date
    person: str | None
    cuts: dict[str, str | None]
    goods: Decimal | None
    profit: Decimal | None
    lines: list[Line]
    currency: str
    is_first: bool = False
    place: int = 0  # among the person's orders, from 1


@dataclass
class Refund:
    """A refund that counts."""

    day: date
    person: str | None
    cuts: dict[str, str | None]
    amount: Decimal
    profit: Decimal
    order: Order | None
    line_key: str | None


@dataclass
class Contract:
    """A subscription that has begun."""

    person: str
    started_at: datetime
    ended_at: datetime | None

    def is_active(self, at: datetime) -> bool:
        return self.started_at < at and not (self.ended_at is not None and self.ended_at < at)


@dataclass
class Facts:
    """What happened by the as-of date."""

    given: Given
    persons: Persons
    orders: list[Order] = field(default_factory=list)
    refunds: list[Refund] = field(default_factory=list)
    contracts: list[Contract] = field(default_factory=list)

    @cached_property
    def orders_of(self) -> dict[str, list[Order]]:
        found = defaultdict(list)
        for order in sorted(self.orders, key=lambda order: (order.at, order.key)):
            if order.person:
                found[order.person].append(order)
        return dict(found)

    @cached_property
    def contracts_of(self) -> dict[str, list[Contract]]:
        found = defaultdict(list)
        for contract in self.contracts:
            found[contract.person].append(contract)
        return found

    @cached_property
    def begun_on(self) -> dict[str, date]:
        """The business date of each person's first order or contract."""
        days = defaultdict(list)
        for person, orders in self.orders_of.items():
            days[person].append(orders[0].day)
        for contract in self.contracts:
            days[contract.person].append(self.given.day_of(contract.started_at))
        return {person: min(found) for person, found in days.items()}

    def attributes(self, person: str, start: date) -> dict[str, str]:
        begun = self.begun_on.get(person)
        days = None if begun is None else (start - begun).days
        band = "none" if days is None or days <= 0 else _tenure_band(days)
        return {**self.persons.attributes(person, start), "tenure_band": self._shown(person, band)}

    def _shown(self, person: str, band: str) -> str:
        return band if self.persons.allows(person, "analytics") else "unknown"

    def attributes_at_end(self, person: str) -> dict[str, str]:
        """When the as-of date is over; who began on it has been a customer for 0 days."""
        day = self.given.as_of
        days = (day - self.begun_on[person]).days if person in self.begun_on else None
        band = "none" if days is None else _tenure_band(days)
        return {**self.persons.attributes(person, day + ONE_DAY, day), "tenure_band": band}

    def bought_before(self, person: str, end: date) -> bool:
        """Active by order when the business date `end` begins."""
        since = end - timedelta(days=self.given.inactivity_days)
        return any(since <= order.day < end for order in self.orders_of.get(person, ()))


def _tenure_band(days: int) -> str:
    return "0-90" if days <= 90 else "91-365" if days <= 365 else "366+"


def facts_of(given: Given) -> Facts:
    facts = Facts(given, Persons(given))
    stores = CutIds(given)
    products = price_lists(given)
    items = defaultdict(list)
    for row in given.rows("order_items"):
        items[row["order_key"]].append(row)
    ordered = [row for row in given.rows("orders") if given.happened(row["ordered_at"])]
    known = {row["order_key"]: row for row in ordered}
    counted: dict[str, Order] = {}
    for key, row in known.items():
        if _counts(given, row):
            counted[key] = _order(facts, row, items[key], products, stores)
    facts.orders = list(counted.values())
    _number(facts)
    for row in given.rows("refunds"):
        key = row["order_key"]
        if key in known and key not in counted:
            continue
        order = counted.get(key)
        at = row.get("refunded_at") or (order and order.at)
        if at is not None and given.happened(at):
            facts.refunds.append(_refund(facts, row, order, given.day_of(at)))
    facts.contracts = [
        Contract(
            row["customer_key"],
            row["started_at"],
            row["ended_at"] if row.get("ended_at") and given.happened(row["ended_at"]) else None,
        )
        for row in given.rows("subscriptions")
        if given.happened(row["started_at"])
    ]
    return facts


def _counts(given: Given, row: Row) -> bool:
    if row.get("is_test") or row["status"] == "pending":
        return False
    return row["status"] != "cancelled" or not given.happened(row.get("cancelled_at"))


class CutIds:
    """The value of a store or campaign cut."""

    def __init__(self, given: Given) -> None:
        self.several_stores = {
            feed: len(_systems_with_stores(given, feed, happened_at)) > 1
            for feed, happened_at in (("orders", "ordered_at"), ("responses", "responded_at"))
        }
        begun = (row for row in given.rows("campaigns") if given.happened(row["started_at"]))
        self.several_campaigns = len({row["system"] for row in begun}) > 1

    def store(self, row: Row, feed: str = "orders") -> str | None:
        return row["store_key"] if self.several_stores[feed] else row.get("store_id")

    def cuts(self, row: Row) -> dict[str, str | None]:
        return {
            "order_channel": row.get("channel"),
            "store": self.store(row),
            "campaign": row["campaign_key"] if self.several_campaigns else row.get("campaign_id"),
        }


def _systems_with_stores(given: Given, feed: str, happened_at: str) -> set[str]:
    rows = (row for row in given.rows(feed) if given.happened(row[happened_at]))
    return {row["system"] for row in rows if row.get("store_id")}


def price_lists(given: Given) -> dict[str, list[Row]]:
    """Each product's price list, by when its rows begin."""
    found = defaultdict(list)
    for row in given.rows("products"):
        if given.happened(row.get("valid_from")):
            found[row["product_key"]].append(row)
    for rows in found.values():
        rows.sort(key=lambda row: row.get("valid_from") or datetime.min)
    return found


def _order(facts: Facts, row: Row, items: list[Row], products: Mapping, stores: CutIds) -> Order:
    given = facts.given
    day = given.day_of(row["ordered_at"])
    rate = given.rate(row["currency"], day)
    lines = [_line(given, item, row, day, products.get(item["product_key"], [])) for item in items]
    if items:
        goods = sum(line.amount for line in lines)
        profit = sum(line.profit for line in lines)
    else:
        goods = _goods_without_items(row)
        goods = None if goods is None else goods * rate
        profit = None if goods is None else goods * given.margin_rate(None)
    return Order(
        key=row["order_key"],
        at=row["ordered_at"],
        day=day,
        person=facts.persons.of(row),
        cuts=stores.cuts(row),
        goods=goods,
        profit=profit,
        lines=lines,
        currency=row["currency"],
    )


def _goods_without_items(row: Row) -> Decimal | None:
    if row.get("subtotal") is not None:
        return row["subtotal"] - (row.get("discount") or 0)
    if row.get("total") is not None:
        return row["total"] - (row.get("tax") or 0) - (row.get("shipping") or 0)
    return None


def _line(given: Given, item: Row, order: Row, day: date, prices: list[Row]) -> Line:
    in_force = [p for p in prices if (p.get("valid_from") or datetime.min) <= order["ordered_at"]]
    named = (in_force[-1:] or prices[:1] or [{}])[0]
    amount = item["line_total"] * given.rate(order["currency"], day)
    cost = in_force[-1].get("unit_cost") if in_force else None
    if cost is None:
        profit = amount * given.margin_rate(named.get("category"))
    else:
        currency = in_force[-1].get("currency") or order["currency"]
        profit = amount - item["quantity"] * cost * given.rate(currency, day)
    return Line(item["order_item_key"], named.get("category") or "unknown", amount, profit)


def _refund(facts: Facts, row: Row, order: Order | None, day: date) -> Refund:
    given = facts.given
    if order is None:
        amount = row["amount"] * given.rate(row.get("currency"), day)
        profit = amount * given.margin_rate(None)
        person = row["customer_key"]
    else:
        amount = row["amount"] * given.rate(row.get("currency") or order.currency, order.day)
        profit = order.profit * amount / order.goods if order.goods else Decimal(0)
        person = order.person
    cuts = order.cuts if order else dict.fromkeys(EVENT_CUTS)
    return Refund(day, person, cuts, amount, profit, order, row["order_item_key"])


def _number(facts: Facts) -> None:
    """Place each person's orders; who was there before the history begins has no first."""
    begins = facts.given.history_complete_from
    for person, orders in facts.orders_of.items():
        for place, order in enumerate(orders, start=1):
            order.place = place
        orders[0].is_first = begins is None or not facts.persons.created_before(person, begins)


# ---- one cell: the figures of some orders and refunds, or persons


@dataclass
class Figure:
    """One row of the long table."""

    numerator: float | None = None
    denominator: float | None = None
    value: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    n: int | None = None
    persons: int | None = None
    is_complete: bool = True
    is_mature: bool = True
    is_left_truncated: bool = False
    is_suppressed: bool = False
    previous_value: float | None = None
    year_ago_value: float | None = None


def count(number: int, persons: int | None = None) -> Figure:
    return Figure(number, 1, number, n=number, persons=number if persons is None else persons)


def ratio(numerator: Decimal | None, denominator: Any, n: int, persons: int) -> Figure:
    value = float(numerator / denominator) if denominator and numerator is not None else None
    return Figure(_float(numerator), _float(denominator), value, n=n, persons=persons)


def percent(part: int, base: int) -> Figure:
    if base == 0:
        return Figure(0, 0, n=0, persons=0)
    share, spread = part / base, Z * Z / base
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(spread * share * (1 - share) + spread * spread / 4) / (1 + spread)
    low, high = (0 if part == 0 else centre - half), (1 if part == base else centre + half)
    return Figure(part, base, 100 * share, 100 * low, 100 * high, n=base, persons=base)


def mean(scores: list[float]) -> Figure:
    n = len(scores)
    if n == 0:
        return Figure(0, 0, n=0, persons=0)
    middle = math.fsum(scores) / n
    figure = Figure(math.fsum(scores), n, middle, n=n, persons=n)
    if n > 1:
        spread = math.sqrt(math.fsum((score - middle) ** 2 for score in scores) / (n - 1) / n)
        half = float(student_t.ppf(0.975, n - 1)) * spread
        figure.ci_low, figure.ci_high = middle - half, middle + half
    return figure


def known_sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum of what is known; 0 without rows, unknown where no row has the figure."""
    given = list(amounts)
    known = [amount for amount in given if amount is not None]
    return None if given and not known else sum(known, Decimal(0))


def total(amounts: list[Decimal | None], persons: int) -> Figure:
    value = _float(known_sum(amounts))
    return Figure(value, 1, value, n=len(amounts), persons=persons)


def _float(number: Decimal | None) -> float | None:
    return None if number is None else float(number)


def distinct(events: Iterable[Order | Refund]) -> int:
    return len({event.person for event in events} - {None})


def money_figures(orders: list[Order], refunds: list[Refund]) -> dict[str, Figure]:
    events = [*orders, *refunds]
    valued = [order for order in orders if order.goods is not None]
    goods = known_sum(order.goods for order in orders)
    refunded = known_sum(refund.amount for refund in refunds)
    revenue = [order.goods for order in orders] + [-refund.amount for refund in refunds]
    profit = [order.profit for order in orders] + [-refund.profit for refund in refunds]
    refund_rate = ratio(100 * refunded, goods, len(valued), distinct(valued))
    refund_rate.numerator = float(refunded)
    return {
        "net_revenue": total(revenue, distinct(events)),
        "gross_profit": total(profit, distinct(events)),
        "orders": count(len(orders), distinct(orders)),
        "purchasing_customers": count(distinct(orders)),
        "refund_rate": refund_rate,
    }


def person_figures(
    facts: Facts, orders: list[Order], refunds: list[Refund], end: date
) -> dict[str, Figure]:
    """Of the orders and refunds of a cell in a period before `end`."""
    given = facts.given
    valued = [order for order in orders if order.goods is not None]
    by_person = defaultdict(list)
    for order in orders:
        if order.person:
            by_person[order.person].append(order)
    revenue = known_sum(
        [order.goods for order in orders if order.person]
        + [-refund.amount for refund in refunds if refund.person]
    )
    buyers = len(by_person)
    new = [person for person, own in by_person.items() if any(order.is_first for order in own)]
    second = {p: facts.orders_of[p][1].day for p in new if len(facts.orders_of[p]) > 1}
    first, within = {p: facts.orders_of[p][0].day for p in new}, given.first_repeat_days
    ripe = [p for p in new if first[p] + timedelta(days=within) <= given.as_of]
    goods = known_sum(order.goods for order in orders)
    return {
        "new_customers": count(len(new)),
        "average_order_value": ratio(goods, len(valued), len(valued), distinct(valued)),
        "revenue_per_customer": ratio(revenue, buyers, buyers, buyers),
        "repeat_rate": percent(sum(len(own) > 1 for own in by_person.values()), buyers),
        "returning_customer_rate": percent(
            sum(any(not order.is_first for order in own) for own in by_person.values()), buyers
        ),
        "new_customer_repeat_rate": percent(
            sum(second.get(person, date.max) < end for person in new), len(new)
        ),
        "first_repeat_rate": percent(
            sum(p in second and (second[p] - first[p]).days <= within for p in ripe),
            len(ripe),
        ),
    }


def states_of(facts: Facts, person: str, start: date, end: date) -> dict[str, bool]:
    """What a person was and did between the beginnings of two business dates."""
    begins, ends = facts.given.start_of(start), facts.given.start_of(end)
    contracts = facts.contracts_of[person]
    held = any(contract.is_active(begins) for contract in contracts)
    holds = any(contract.is_active(ends) for contract in contracts)
    joined = any(begins <= contract.started_at < ends for contract in contracts)
    bought, buys = facts.bought_before(person, start), facts.bought_before(person, end)
    earlier = any(order.day < start for order in facts.orders_of.get(person, ()))
    return {
        "held": held,
        "kept": held and holds,
        "holds": holds,
        "within": joined and not held and not holds,
        "bought": bought,
        "lapsed": bought and not buys,
        "buys": buys,
        "back": earlier and not bought and buys,
    }


def state_figures(states: list[dict[str, bool]]) -> dict[str, Figure]:
    tally = {name: sum(state[name] for state in states) for name in STATES}
    return {
        "churn_rate": percent(tally["held"] - tally["kept"], tally["held"]),
        "retention_rate": percent(tally["kept"], tally["held"]),
        "churned_within_period": count(tally["within"]),
        "active_subscribers": count(tally["holds"]),
        "lapse_rate": percent(tally["lapsed"], tally["bought"]),
        "active_customers": count(tally["buys"]),
        "reactivated_customers": count(tally["back"]),
    }


STATES = ("held", "kept", "holds", "within", "bought", "lapsed", "buys", "back")


# ---- lifetime values


def yearly_leavers(facts: Facts) -> float | None:
    """Of those active 365 days before the end, the share of those not active at it."""
    given = facts.given
    end = given.as_of + ONE_DAY
    start = end - timedelta(days=365)
    contracts = facts.contracts_of
    active = left = 0
    for person in facts.begun_on:
        if contracts[person]:
            then, now = (
                any(c.is_active(given.start_of(day)) for c in contracts[person])
                for day in (start, end)
            )
        else:
            then, now = (facts.bought_before(person, day) for day in (start, end))
        active += then
        left += then and not now
    return left / active if active else None


def lifetime_values(facts: Facts) -> dict[str, dict[str, float | None]]:
    """Per person with an order: historic, simple and discounted value and their parts, or null."""
    given = facts.given
    revenue = defaultdict(list)
    profit = defaultdict(list)
    for order in facts.orders:
        revenue[order.person].append((order.day, order.goods))
        profit[order.person].append(order.profit)
    for refund in facts.refunds:
        revenue[refund.person].append((refund.day, -refund.amount))
        profit[refund.person].append(-refund.profit)
    first = {person: orders[0].day for person, orders in facts.orders_of.items()}
    age = {person: (given.as_of - day).days for person, day in first.items()}
    old = [person for person in first if age[person] >= 364]
    after = [0.0] * 365  # net revenue of the old on each day after their first order
    for person in old:
        for day, amount in revenue[person]:
            since = (day - first[person]).days
            if amount is not None and 0 <= since < 365:
                after[since] += float(amount)
    company = _margin(
        known_sum(amount for values in profit.values() for amount in values),
        known_sum(amount for values in revenue.values() for _, amount in values),
    )
    leavers = yearly_leavers(facts)
    tenure = _tenure(given, leavers)
    since = given.as_of - timedelta(days=364)
    found = {}
    for person in first:
        own_profit = known_sum(profit[person])
        margin = _margin(own_profit, known_sum(amount for _, amount in revenue[person]))
        margin = company if margin is None else margin
        if age[person] >= 364:
            annual = known_sum(a for day, a in revenue[person] if day >= since)
        else:
            annual = known_sum(amount for _, amount in revenue[person])
            rest = math.fsum(after[age[person] + 1 :]) / len(old) if old else None
            annual = None if annual is None or rest is None else float(annual) + rest
        annual = None if annual is None else float(annual)
        yearly = None if annual is None or margin is None else annual * margin
        found[person] = {
            "annual_value": annual,
            "margin": margin,
            "tenure_years": tenure,
            "ltv_historic": None if own_profit is None else float(own_profit),
            "ltv_simple": None if yearly is None or tenure is None else yearly * tenure,
            "ltv_discounted": _discounted(given, yearly, leavers),
        }
    return found


def _margin(profit: Decimal | None, revenue: Decimal | None) -> float | None:
    if profit is None or not revenue:
        return None
    return float(profit / revenue)


def _tenure(given: Given, leavers: float | None) -> float | None:
    if leavers is None:
        return None
    return min(1 / leavers if leavers else math.inf, given.max_tenure_years)


def _discounted(given: Given, yearly: float | None, leavers: float | None) -> float | None:
    if yearly is None or leavers is None:
        return None
    kept = (1 - leavers) / (1 + given.discount_rate)
    return math.fsum(yearly * kept**year for year in range(given.ltv_horizon_years))


VALUES = ("ltv_historic", "ltv_simple", "ltv_discounted")
PARTS_OF_VALUES = ("annual_value", "margin", "tenure_years")

# ---- the long table

Key = tuple[str, str, date, str, str]
FIRST_BASED = {
    "new_customers",
    "returning_customer_rate",
    "new_customer_repeat_rate",
    "first_repeat_rate",
    "reactivated_customers",
}
RESTS_ON = {
    "refund_rate": ("orders", "refunds"),
    **dict.fromkeys(
        ("churn_rate", "retention_rate", "churned_within_period", "active_subscribers"),
        ("subscriptions",),
    ),
}
GROWTH = "revenue_per_customer_growth"


def kpi_figures(given: Given, facts: Facts, first_day: date) -> dict[Key, Figure]:
    """Every figure of every period from the one of `first_day` to the one of the as-of date."""
    found: dict[Key, Figure] = {}
    values = lifetime_values(facts)
    for grain in GRAINS:
        start = given.period_of(grain, first_day)
        while start <= given.as_of:
            end = min(given.period_end(grain, start), given.as_of + ONE_DAY)
            cells = _purchase_cells(facts, grain, start, end)
            if grain in CUT_GRAINS:
                cells += _state_cells(facts, start, end)
                if given.period_end(grain, start) > given.as_of:
                    cells += _value_cells(facts, values, start)
            for dimension, segment, figures in cells:
                for kpi, figure in figures.items():
                    if dimension == "overall" or (figure.n and is_live(given, kpi)):
                        found[kpi, grain, start, dimension, segment] = figure
            start = given.period_end(grain, start)
    for (kpi, grain, start, _, _), figure in found.items():
        _finish(given, kpi, grain, start, figure)
    hide_small_cells(given, found)
    _add_growth(given, found)
    look_back(given, found)
    return found


Cells = list[tuple[str, str, dict[str, Figure]]]


def _purchase_cells(facts: Facts, grain: str, start: date, end: date) -> Cells:
    orders = [order for order in facts.orders if start <= order.day < end]
    refunds = [refund for refund in facts.refunds if start <= refund.day < end]

    def figures(some_orders: list[Order], some_refunds: list[Refund]) -> dict[str, Figure]:
        return money_figures(some_orders, some_refunds) | person_figures(
            facts, some_orders, some_refunds, end
        )

    cells = [("overall", "all", figures(orders, refunds))]
    if grain not in CUT_GRAINS:
        return cells
    for cut in EVENT_CUTS:
        cells += _each(cut, lambda event: event.cuts[cut], orders, refunds, figures)  # noqa: B023
    for cut in ATTRIBUTES:
        cells += _each(
            cut,
            lambda event: event.person and facts.attributes(event.person, start)[cut],  # noqa: B023
            orders,
            refunds,
            figures,
        )
    return cells + _category_cells(orders, refunds)


def _each(
    cut: str,
    value: Callable[[Order | Refund], str | None],
    orders: list[Order],
    refunds: list[Refund],
    figures: Callable[[list[Order], list[Refund]], dict[str, Figure]],
) -> Cells:
    groups: dict[str, tuple[list, list]] = defaultdict(lambda: ([], []))
    for place, events in enumerate((orders, refunds)):
        for event in events:
            if (segment := value(event)) is not None:
                groups[segment][place].append(event)
    return [(cut, segment, figures(*events)) for segment, events in groups.items()]


def _category_cells(orders: list[Order], refunds: list[Refund]) -> Cells:
    """Orders and refunds split by what was bought; who bought two categories is in both."""
    parts: dict[str, tuple[list, list]] = defaultdict(lambda: ([], []))
    for order in orders:
        for category, goods, profit in _split_order(order):
            part = Order(**{**vars(order), "goods": goods, "profit": profit})
            parts[category][0].append(part)
    for refund in refunds:
        for category, share in _split_refund(refund).items():
            amounts = {"amount": refund.amount * share, "profit": refund.profit * share}
            parts[category][1].append(Refund(**{**vars(refund), **amounts}))
    return [("category", category, money_figures(*events)) for category, events in parts.items()]


def _split_order(order: Order) -> Iterator[tuple[str, Decimal | None, Decimal | None]]:
    if not order.lines:
        yield "unknown", order.goods, order.profit
    for category in sorted({line.category for line in order.lines}):
        lines = [line for line in order.lines if line.category == category]
        yield category, sum(line.amount for line in lines), sum(line.profit for line in lines)


def _split_refund(refund: Refund) -> dict[str, Decimal]:
    """The categories of what was returned, else of the whole order by value."""
    lines = refund.order.lines if refund.order else []
    for line in lines:
        if line.key == refund.line_key:
            return {line.category: Decimal(1)}
    if not lines or not refund.order.goods:
        return {"unknown": Decimal(1)}
    shares: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        shares[line.category] += line.amount / refund.order.goods
    return shares


def _by_attribute(facts: Facts, persons: Iterable[str], start: date) -> dict[tuple, list[str]]:
    groups: dict[tuple[str, str], list[str]] = defaultdict(list)
    for person in persons:
        groups["overall", "all"].append(person)
        for cut, segment in facts.attributes(person, start).items():
            groups[cut, segment].append(person)
    groups.setdefault(("overall", "all"), [])
    return groups


def _state_cells(facts: Facts, start: date, end: date) -> Cells:
    states = {person: states_of(facts, person, start, end) for person in facts.begun_on}
    groups = _by_attribute(facts, states, start)
    return [(*cut, state_figures([states[p] for p in own])) for cut, own in groups.items()]


def _value_cells(facts: Facts, values: Mapping, start: date) -> Cells:
    cells = []
    for cut, persons in _by_attribute(facts, values, start).items():
        figures = {}
        for kpi in VALUES:
            scores = [values[person][kpi] for person in persons]
            figures[kpi] = mean([score for score in scores if score is not None])
        cells.append((*cut, figures))
    return cells


def is_live(given: Given, kpi: str) -> bool:
    """Whether the company has the feeds that the figure rests on."""
    return given.feeds.issuperset(RESTS_ON.get(kpi, ("orders",)))


def _finish(given: Given, kpi: str, grain: str, start: date, figure: Figure) -> None:
    end, over = given.period_end(grain, start), given.as_of + ONE_DAY
    figure.is_complete = end <= over
    if kpi == "first_repeat_rate":
        figure.is_mature = end + timedelta(days=given.first_repeat_days) <= over
    begins = given.history_complete_from
    figure.is_left_truncated = kpi in FIRST_BASED and begins is not None and start < begins
    if not is_live(given, kpi):
        for name in HIDDEN:
            setattr(figure, name, None)


HIDDEN = ("numerator", "denominator", "value", "ci_low", "ci_high", "n", "persons")


def hide_small_cells(given: Given, found: dict[Key, Figure]) -> None:
    groups = defaultdict(list)
    for (kpi, grain, start, dimension, segment), figure in found.items():
        if dimension != "overall":
            groups[kpi, grain, start, dimension].append((figure.persons, segment, figure))
    for cells in groups.values():
        for figure in too_few(cells, given.min_cell_size):
            figure.is_suppressed = True
            for name in HIDDEN:
                setattr(figure, name, None)


def too_few(cells: Iterable[tuple[int, Any, Any]], least: int) -> Iterator[Any]:
    """Of cells with their persons and their name those to be hidden; never a single one."""
    ordered = sorted(cells, key=lambda cell: cell[:2])
    small = sum(persons < least for persons, *_ in ordered)
    for _, _, cell in ordered[: 2 if small == 1 else small]:
        yield cell


def _before(given: Given, grain: str, start: date) -> date:
    if grain in MONTHS:
        return month_after(start, -MONTHS[grain])
    return start - timedelta(days=7 if grain == "week" else 1)


def _add_growth(given: Given, found: dict[Key, Figure]) -> None:
    grown = {}
    for (kpi, grain, start, *cut), now in found.items():
        if kpi != "revenue_per_customer":
            continue
        then = found.get((kpi, grain, given.year_before(grain, start), *cut))
        figure = Figure(n=now.n, persons=now.persons, is_complete=now.is_complete)
        figure.is_suppressed = now.is_suppressed
        if now.is_complete and then and then.value and now.value is not None:
            figure.value = 100 * (now.value - then.value) / then.value
        grown[GROWTH, grain, start, *cut] = figure
    found |= grown


def look_back(given: Given, found: dict[Key, Figure]) -> None:
    for (kpi, grain, start, *cut), figure in found.items():
        if figure.is_complete:
            before = found.get((kpi, grain, _before(given, grain, start), *cut))
            year_ago = found.get((kpi, grain, given.year_before(grain, start), *cut))
            figure.previous_value = before and before.value
            figure.year_ago_value = year_ago and year_ago.value


# ---- cohorts


def cohorts(given: Given, facts: Facts) -> dict[tuple[date, int], dict[str, Any]]:
    """The mart cohort_retention, by cohort month and months since."""
    members = defaultdict(list)
    for person, orders in facts.orders_of.items():
        if orders[0].is_first:
            members[orders[0].day.replace(day=1)].append(person)
    profits = defaultdict(list)
    for order in facts.orders:
        profits[order.person].append((order.day, order.profit))
    for refund in facts.refunds:
        profits[refund.person].append((refund.day, -refund.profit))
    begins = given.history_complete_from
    found = {}
    for month, persons in members.items():
        since = 0
        while (start := month_after(month, since)) <= given.as_of:
            end = month_after(start, 1)
            running = known_sum(p for q in persons for day, p in profits[q] if month <= day < end)
            per_head = None if running is None else float(running) / len(persons)
            active = sum(any(start <= o.day < end for o in facts.orders_of[q]) for q in persons)
            done = end <= given.as_of + ONE_DAY
            found[month, since] = {
                "cohort_size": len(persons),
                "active_customers": active if done else None,
                "retention_rate": 100 * active / len(persons) if done else None,
                "cumulative_gross_profit_per_head": per_head if done else None,
                "is_left_truncated": begins is not None and month < begins,
                "is_complete": done,
            }
            since += 1
    return found


# ---- persons


def customers(given: Given, facts: Facts) -> dict[str, dict[str, Any]]:
    """What the mart customers says of each person who ever ordered or held a contract."""
    values = lifetime_values(facts)
    since = given.as_of - timedelta(days=364)
    found = {}
    for person in facts.begun_on:
        if not facts.persons.allows(person, "analytics"):
            continue
        orders = facts.orders_of.get(person, [])
        refunds = [refund for refund in facts.refunds if refund.person == person]
        revenue = [(order.day, order.goods) for order in orders]
        revenue += [(refund.day, -refund.amount) for refund in refunds]
        profit = [order.profit for order in orders] + [-refund.profit for refund in refunds]
        contracts = facts.contracts_of[person]
        found[person] = {
            **facts.attributes_at_end(person),
            "order_count": len(orders),
            "order_count_365_days": sum(order.day >= since for order in orders),
            "subscription_count": len(contracts),
            "days_since_last_order": (given.as_of - orders[-1].day).days if orders else None,
            "net_revenue_amount": _float(known_sum(amount for _, amount in revenue)),
            "net_revenue_amount_365_days": _float(
                known_sum(amount for day, amount in revenue if day >= since)
            ),
            "gross_profit_amount": _float(known_sum(profit)) if profit else None,
            **values.get(person, dict.fromkeys([*VALUES, *PARTS_OF_VALUES])),
            "is_known": person in facts.persons.current,
            "is_lead": False,
            "is_active_by_order": facts.bought_before(person, given.as_of + ONE_DAY),
            "is_active_by_contract": any(contract.is_active(given.end) for contract in contracts),
            "first_ordered_date": orders[0].day if orders else None,
            "last_ordered_date": orders[-1].day if orders else None,
        }
    return found

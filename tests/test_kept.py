"""A night that builds on the warehouse of the one before: every table equals that of a full one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from orchestration import kept
from orchestration.company import load_company
from orchestration.dbt import LEFT, Dbt, manifest
from orchestration.privacy.traces import clear_work
from tests.differences import raw_data
from tests.engagement_feeds import SENDERS, Engaged
from tests.landed import land
from tests.made_up import given_for
from tests.made_up_lives import MadeUpLives
from tests.purchase_figures import Delivery
from tests.raw_data import DELIVERED_AT, RawData

MODELS = ("+int_purchases_measured", "+int_web_sessions", "+int_messages_measured")
# but those that tell how the others were made
COUNTED = """
    select schema_name, table_name from duckdb_tables()
    where database_name = 'anew' and not contains(table_name, 'touched')
"""


@dataclass
class Nights:
    """Nights over growing raw data, each built on the one before it and once more in full."""

    raw: RawData
    id_systems: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    count: int = 0

    def night(self, as_of: date, compare: bool = True, kind: str = "purchasers") -> set[str]:
        """The persons of whom rows were made anew; every table is that of a full night."""
        self.count += 1
        built = self._build(as_of, "built", builds_on=self.count > 1)
        with duckdb.connect() as connection:
            connection.execute(f"attach '{built}' as built (read_only)")
            touched = connection.sql(f"from built.intermediate.int_touched_{kind}").fetchall()
            persons = {person for (person,) in touched}
            if not compare or self.count == 1:
                return persons
            anew = self._build(as_of, f"anew-{self.count}")
            connection.execute(f"attach '{anew}' as anew (read_only)")
            tables = connection.sql(COUNTED).fetchall()
            assert len(tables) > 20
            different = [".".join(t) for t in tables if _differ(connection, ".".join(t))]
            assert not different, f"night {self.count}: {different}"
        return persons

    def _build(self, as_of: date, name: str, builds_on: bool = False) -> Path:
        self.raw.write_ledger()
        folder = self.raw.company / "data" / "work" / name
        company = load_company(self.raw.company)
        dbt = Dbt(company, as_of, self.id_systems, folder, builds_on=builds_on)
        only = ("--exclude-resource-type", "unit_test", "test")
        done = dbt.run("build", "--quiet", *only, "--select", *MODELS, is_quiet=True)
        assert done.returncode == 0, done.stdout
        return dbt.warehouse


def _differ(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    one, other = f"from built.{table}", f"from anew.{table}"
    found = connection.sql(f"({one} except all {other}) union all ({other} except all {one})")
    return bool(found.fetchone())


class Small:
    """Ten customers who ordered on the first of each month of 2025, and what comes after."""

    def __init__(self, folder: Path) -> None:
        self.raw = RawData(folder / "company", {"name": "One night on another"})
        self.nights = Nights(self.raw, {"customer_id": {"shop": "crm"}})
        self.customers = [
            {"customer_id": f"c{n}", "email": f"c{n}@x", "created_at": datetime(2024, 12, 1)}
            for n in range(10)
        ]
        self.deliver("customers", "crm", self.customers)
        self.prices = [
            {"product_id": name, "category": name, "product_family": family, "grade": grade}
            | {"unit_cost": Decimal(40), "list_price": Decimal(100), "currency": currency}
            for name, family, grade, currency in (
                ("tea", "drinks", 1, "JPY"),
                ("wine", "drinks", 2, "USD"),
                ("pots", None, None, "JPY"),
            )
        ]
        self.deliver("products", "shop", self.prices)
        for person in range(10):
            days = [date(2025, month, 1) for month in range(1, 13)]
            self.order(f"c{person}", *days, product="pots" if person == 7 else "tea")

    def deliver(self, feed: str, system: str, rows: list[dict[str, Any]]) -> None:
        """A load that is newer than all before it."""
        self.raw.deliver(feed, system, rows, DELIVERED_AT + timedelta(hours=len(self.raw.loads)))

    def order(
        self,
        customer: str | None,
        *days: date,
        product: str = "tea",
        name: str | None = None,
        total: int = 90,
        **more: Any,
    ) -> None:
        """An order of one line on each of those days, in one load."""
        ids = [name or f"{customer}-{day}" for day in days]
        orders = [
            {"order_id": id, "customer_id": customer, "status": "paid", "currency": "JPY"}
            | {"ordered_at": datetime.combine(day, datetime.min.time()), **more}
            for id, day in zip(ids, days, strict=True)
        ]
        lines = [
            {"order_item_id": f"{id}-1", "order_id": id, "product_id": product}
            | {"quantity": 1, "line_total": Decimal(total)}
            for id in ids
        ]
        self.deliver("orders", "shop", orders)
        self.deliver("order_items", "shop", lines)


def persons(*numbers: int) -> set[str]:
    return {f"crm:c{number}" for number in numbers}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    small = Small(tmp_path_factory.mktemp("kept"))
    small.nights.night(date(2026, 2, 1))
    return small


def test_late_rows_touch_those_who_ordered(small):
    """Rows 1, 30 and 400 days late, the last of all days first; one for each of two days, and a
    refund, which touches nothing but purchases.
    """
    day = date(2026, 2, 2)
    for customer, late in (("c3", 400), ("c1", 1), ("c2", 30)):
        small.order(customer, day - timedelta(days=late))
    small.order("c4", day, day - timedelta(days=3))
    refund = {"refund_id": "r1", "order_id": "c7-2025-03-01", "amount": Decimal(30)}
    small.deliver("refunds", "shop", [{**refund, "refunded_at": datetime(2026, 2, 2)}])
    assert small.nights.night(day) == persons(1, 2, 3, 4, 7)


def test_a_refund_of_another_s_line_is_touched_with_that_line(small):
    line = {"order_item_id": "c5-2025-02-01-1", "order_id": "c5-2025-02-01", "quantity": 1}
    refund = {"refund_id": "r2", "order_id": "c4-2025-02-01", "amount": Decimal(20)}
    refund |= {"order_item_id": line["order_item_id"], "refunded_at": datetime(2025, 3, 1)}
    small.deliver("refunds", "shop", [refund])
    assert small.nights.night(date(2026, 2, 2), compare=False) == persons(4)
    changed = {**line, "product_id": "pots", "line_total": Decimal(90)}
    small.deliver("order_items", "shop", [changed])
    assert small.nights.night(date(2026, 2, 2)) == persons(4, 5)


def test_restated_and_corrected_rows_touch_those_they_are_of_and_were_of(small):
    """An order with another total, one that is another's after all, one cancelled, a line whose
    product is another, and a guest whom an e-mail makes a person.
    """
    small.order("c1", date(2025, 3, 1), total=200)
    small.order("c3", date(2025, 4, 1), name="c2-2025-04-01")
    small.order("c4", date(2025, 5, 1), status="cancelled", cancelled_at=datetime(2026, 1, 1))
    small.order("c5", date(2025, 6, 1), product="wine")
    small.order(None, date(2025, 7, 1), name="guest", email="c6@new")
    corrected = {**small.customers[6], "email": "c6@new"}
    small.deliver("customers", "crm", [corrected])
    assert small.nights.night(date(2026, 2, 3)) == persons(1, 2, 3, 4, 5, 6)


def test_a_file_that_is_superseded_touches_whom_it_had_and_linked_ids_touch_both(small):
    """The file of c0's lines comes again, with one line less and one of c7's; and somebody decided
    that c8 and c9 are one person.
    """
    superseded = next(load for load in small.raw.loads if load["feed"] == "order_items")
    superseded["is_superseded"] = True
    orders = [f"c0-{date(2025, month, 1)}" for month in range(1, 12)]
    lines = [
        {"order_item_id": f"{order}-1", "order_id": order, "product_id": product}
        | {"quantity": 2, "line_total": Decimal(180)}
        for order, product in (*((order, "tea") for order in orders), ("c7-2025-05-01", "pots"))
    ]
    small.deliver("order_items", "shop", lines)
    columns = "system,customer_id,other_system,other_customer_id,verdict,reason"
    small.raw.reference("person_decisions.csv", f"{columns}\ncrm,c8,crm,c9,same,they said so\n")
    small.raw.link(date(2026, 2, 4), small.nights.id_systems)
    assert small.nights.night(date(2026, 2, 4)) == persons(0, 7, 8, 9)


def test_prices_and_grades_touch_who_bought_of_the_family(small):
    """Wine becomes of a lower grade and dearer: of tea too another grade is now the highest."""
    (wine,) = [row for row in small.prices if row["product_id"] == "wine"]
    changed = wine | {"grade": 0, "unit_cost": Decimal(50)}
    small.deliver("products", "shop", [changed])
    touched = small.nights.night(date(2026, 2, 5))
    assert persons(0, 1) < touched and not touched & persons(7)


def messages(*sent: tuple[str, str, str | None], kind: str = "sent") -> list[dict[str, Any]]:
    """Events: id, message, customer; all of a kind and of 1 February 2026."""
    return [
        {"event_id": event, "message_id": message, "customer_id": customer, "channel": "email"}
        | {"campaign_id": "spring", "event_type": kind, "occurred_at": datetime(2026, 2, 1)}
        for event, message, customer in sent
    ]


def test_events_of_messages_touch_those_to_whom_they_went(small):
    """Somebody opens a message, one was sent to another after all, a new one is delivered late; and
    then a system reports what it never did, which is known of all of its messages.
    """
    sent = messages(*((f"s{n}", f"m{n}", f"c{n}") for n in range(6)))
    opened = messages(("o0", "m0", "c0"), kind="opened")
    small.deliver("message_events", "crm", sent + opened)
    small.nights.night(date(2026, 2, 5), kind="recipients", compare=False)
    small.deliver("message_events", "crm", messages(("o1", "m1", "c1"), kind="opened"))
    small.deliver("message_events", "crm", messages(("s2", "m2", "c3"), ("s9", "m9", None)))
    small.deliver("message_events", "crm", messages(("s4b", "m4b", "c4")))
    touched = small.nights.night(date(2026, 2, 6), kind="recipients")
    assert touched == persons(1, 2, 3, 4)
    small.deliver("message_events", "crm", messages(("b5", "m5", "c5"), kind="bounced"))
    # c8 and c9 are one person, to whom nothing went
    touched = small.nights.night(date(2026, 2, 7), kind="recipients")
    assert touched == persons(0, 1, 3, 4, 5)


def test_a_day_that_goes_by_touches_whose_first_order_matured(small):
    """A new customer's first order is ninety days old; and a day later nothing is another."""
    small.order("c99", date(2026, 2, 8))
    matures = date(2026, 2, 8) + timedelta(days=90)
    assert small.nights.night(date(2026, 2, 8), compare=False) == persons(99)
    assert small.nights.night(matures - timedelta(days=1)) == set()
    assert small.nights.night(matures) == persons(99)


def test_a_night_for_an_earlier_day_takes_back_what_came_after(small):
    assert persons(99) < small.nights.night(date(2026, 1, 31))


MOVED = {
    "web_events": "anonymous_id",
    "order_items": "order_id",
    "orders": "customer_id",
    "message_events": "customer_id",
}
SHARES = (0.8, 0.08, 0.08, 0.04)  # of the rows, by night
SWEEP = pytest.param(range(40, 52), marks=pytest.mark.sweep, id="sweep")


class WrittenTo(MadeUpLives):
    """Persons who are sent messages as well."""

    id_systems: Mapping[str, Mapping[str, str]] = {
        **MadeUpLives.id_systems,
        "customer_id": {**MadeUpLives.id_systems["customer_id"], **dict.fromkeys(SENDERS, "crm")},
    }
    soon, who, send = Engaged.soon, Engaged.who, Engaged.send
    addressee, messages, totals = Engaged.addressee, Engaged.messages, Engaged.totals

    def all_feeds(self) -> list[Delivery]:
        super().all_feeds()
        self.send(200)
        self.deliver("message_stats_daily", "push", list(self.totals(("push", "line"))))
        return self.deliveries


@pytest.mark.parametrize("seeds", [pytest.param(range(31, 32), id="sample"), SWEEP])
def test_random_deliveries_in_any_order(seeds, tmp_path):
    """A made-up company's rows in some nights, cut at random, with days that go back and forth,
    visits, orders and messages that come again as somebody else's, lines as another order's, and
    files that others supersede.
    """
    for seed in seeds:
        random = np.random.default_rng(seed)
        case = {"seed": seed, "as_of": date(2025, 8, 20), "shops": ["shop", "pos"][: 1 + seed % 2]}
        given = given_for(case, WrittenTo)
        raw = raw_data(replace(given, deliveries=[]), tmp_path / str(seed))
        nights = Nights(raw, given.id_systems)
        for turn in range(4):
            for delivery in given.deliveries:
                turns = np.random.default_rng(seed).choice(4, len(delivery.rows), p=SHARES)
                rows = [r for r, t in zip(delivery.rows, turns, strict=True) if t == turn]
                if turn and (moved := MOVED.get(delivery.feed)):
                    again, others = random.choice(len(delivery.rows), (2, 20))
                    rows += [
                        {**delivery.rows[i], moved: delivery.rows[j].get(moved)}
                        for i, j in zip(again, others, strict=True)
                    ]
                at = delivery.delivered_at + timedelta(days=int(random.integers(0, 3)))
                raw.deliver(delivery.feed, delivery.system, rows, at)
            for i in random.choice(len(raw.loads), turn):
                raw.loads[i]["is_superseded"] = True
            nights.night(given.as_of + timedelta(days=int(random.integers(-40, 40))))


ORDERS = "order_id,customer_id,ordered_at,status,currency,subtotal\n"


@pytest.fixture
def left(tmp_path: Path) -> Dbt:
    """A company with one load, of which a night left its warehouse."""
    orders = tmp_path / "landing" / "shop" / "orders"
    orders.mkdir(parents=True)
    (tmp_path / "company.yml").write_text("name: Left\n")
    (orders / "a.csv").write_text(f"{ORDERS}1,c1,2026-02-01T00:00:00Z,paid,JPY,10\n")
    dbt = land(tmp_path, date(2026, 2, 1)).dbt
    dbt.folder.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(dbt.warehouse)) as connection:
        for node in manifest()["nodes"].values():
            if node["name"].endswith(kept.FINGERPRINTS):
                connection.execute(f"create schema if not exists {node['schema']}")
                connection.execute(f"create table {node['schema']}.{node['name']} (nothing int)")
    kept.keep(dbt)
    assert not dbt.warehouse.exists()
    return dbt


def again(dbt: Dbt) -> Dbt:
    """What the next night makes of what was left, of the company as it is now."""
    return kept.resume(replace(dbt, company=load_company(dbt.company.folder)))


def test_the_next_night_goes_on_in_what_was_left_and_leaves_nothing_to_another(left):
    (left.company.landing / "shop" / "orders" / "b.csv").write_text(
        f"{ORDERS}2,c1,2026-02-02T00:00:00Z,paid,JPY,10\n"
    )
    land(left.company.folder, date(2026, 2, 2))
    resumed = again(replace(left, as_of=date(2026, 2, 2)))
    assert resumed.builds_on and resumed.warehouse.is_file()
    assert not again(left).builds_on


def test_what_was_made_in_another_way_is_not_gone_on_in(left, monkeypatch):
    company = left.company.folder
    (company / "company.yml").write_text("name: Left\nfirst_repeat_days: 60\n")
    assert not again(left).builds_on
    (company / "company.yml").write_text("name: Left\n")
    (company / "reference").mkdir()
    rates = company / "reference" / "margin_rates.csv"
    rates.write_text("category,margin_rate\ndefault,0.5\n")
    assert not again(left).builds_on
    rates.unlink()
    assert not again(replace(left, id_systems={"customer_id": {"shop": "crm"}})).builds_on
    with monkeypatch.context() as patched:
        patched.setattr(kept, "fingerprint", lambda: "another project")
        assert not again(left).builds_on
    assert again(left).builds_on


def test_a_warehouse_that_lacks_something_or_cannot_be_read_is_not_gone_on_in(left):
    warehouse = left.company.work / LEFT / left.warehouse.name
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("drop table intermediate.int_purchaser_fingerprints")
    assert not again(left).builds_on
    warehouse.write_text("a warehouse")
    assert not again(left).builds_on


def test_a_ledger_that_was_lost_makes_everything_anew(left):
    """Its first load has the id of the one before, and other rows."""
    left.company.ledger.unlink()
    (left.company.landing / "shop" / "orders" / "a.csv").write_text(
        f"{ORDERS}7,c7,2026-02-01T00:00:00Z,paid,JPY,10\n"
    )
    land(left.company.folder, date(2026, 2, 1))
    assert not again(left).builds_on


def test_whoever_clears_the_work_files_leaves_none_of_it(left):
    clear_work(left.company)
    assert not again(left).builds_on

"""Puts a made-up Japanese shop together: a company folder and the truths planted in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.sample import (
    community,
    company,
    contracts,
    messages,
    people,
    purchases,
    service,
    surveys,
    truths,
    visits,
)
from orchestration.sample import world as w
from orchestration.sample.columns import Ints, keep
from orchestration.sample.files import Columns, Landing, late_numbers

LAST_DAY = date(2026, 6, 30)
CHUNK = 20_000  # customers in memory at a time
SETTINGS = """\
# A made-up shop for coffee and tableware, as `kizuna sample` writes it. Nobody in it is real.
name: 絆コーヒー商店
business_timezone: Asia/Tokyo
reporting_currency: JPY
fiscal_year_start: 4
# The exports begin here; the shop is older, so a first order seen need not be a first order made.
history_complete_from: {first_day}
# Requests to be forgotten are here to be followed by hand (`kizuna erase`): who is planted in these
# exports is told in planted.json, and a night would take them out of landing/.
erase_on_request: false

# Two systems deliver customers (the CRM and the till), so the others say whose ids theirs are.
systems:
  shop: {{ids_of: {{customer_id: crm}}}}
  desk: {{ids_of: {{customer_id: crm}}}}
  community: {{ids_of: {{customer_id: crm}}}}
  mail: {{ids_of: {{customer_id: crm}}}}
  line: {{ids_of: {{customer_id: crm}}}}
  survey: {{ids_of: {{customer_id: crm, order_id: shop}}}}
  web: {{ids_of: {{customer_id: crm, order_id: shop}}}}
"""


def write_sample(
    out: Path,
    customers: int,
    days: int,
    seed: int,
    last_day: date = LAST_DAY,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Write a company folder with `customers` humans over the `days` days that end with `last_day`.

    The same arguments give the same bytes. Raises ValueError for sizes that make no sense, and
    FileExistsError where `out` has a landing zone with files already.
    """
    if customers < 50 or days < 60:
        raise ValueError(
            f"a sample needs at least 50 customers and 60 days, not {customers} and {days}"
        )
    landing = out / "landing"
    if landing.exists() and any(p.is_file() for p in landing.rglob("*")):
        raise FileExistsError(f"{landing} has files already: name an empty folder, or remove it")
    world = w.World(customers, days, seed, last_day)
    exports = Landing(landing, world)
    planted = Planted(out / "planted", world)
    _write_company(world, exports)
    for chunk, start in enumerate(range(0, customers, CHUNK)):
        numbers = np.arange(start, min(start + CHUNK, customers))
        _write_chunk(world, chunk, numbers, exports, planted)
        exports.flush()
        progress(f"{min(start + CHUNK, customers):,} of {customers:,} customers")
    planted.close()
    _write_settings(world, out)
    truth = {
        "customers": customers, "days": days, "seed": seed, "last_day": last_day.isoformat(),
        "first_day": world.first_day.isoformat(), **truths.declared(),
        "totals": planted.totals, "files": exports.counts,
    }  # fmt: skip
    (out / "planted.json").write_text(
        json.dumps(truth, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )


def _write_settings(world: w.World, out: Path) -> None:
    (out / "company.yml").write_text(SETTINGS.format(first_day=world.first_day), "utf-8")
    (out / "mappings").mkdir(exist_ok=True)
    reference = out / "reference"
    reference.mkdir(exist_ok=True)
    month = np.arange(
        np.datetime64(world.first_day, "M") - 1, np.datetime64(world.last_day, "M") + 2
    )
    # a slow wave around 150 yen, the rate that the dollar price list was made with
    rate = 150 + 6 * np.sin(np.arange(len(month)) / 5)
    lines = [f"USD,{m},{r:.2f}" for m, r in zip(month, rate, strict=True)]
    (reference / "fx_rates.csv").write_text(
        "\n".join(["currency,month,rate", *lines]) + "\n", "utf-8"
    )


def _write_company(world: w.World, exports: Landing) -> None:
    """The feeds that do not grow with the customers one by one."""
    posts, readings = company.posts(world)
    exports.write("crm", "campaigns", messages.campaign_columns(world))
    exports.write("shop", "products", purchases.product_columns(world))
    exports.write("survey", "surveys", surveys.survey_columns())
    exports.write("line", "message_stats_daily", messages.line_totals(world))
    exports.write("sns", "accounts_daily", company.account_columns(world))
    exports.write("sns", "posts", posts)
    exports.write("sns", "post_metrics_daily", readings)
    exports.write("sns", "mentions", company.mention_columns(world))
    exports.write("ads", "ads_daily", company.ad_columns(world))
    exports.write("search", "search_daily", company.search_columns(world))
    responses, answers = surveys.employee_answers(world)
    exports.write("survey", "responses", responses)
    # an answer needs its response in the same delivery, so none is late
    exports.write("survey", "answers", answers, late=np.zeros(len(answers["numeric_value"]), bool))


def _write_chunk(
    world: w.World, chunk: int, numbers: Ints, exports: Landing, planted: Planted
) -> None:
    humans = people.make_people(world, chunk, numbers)
    reach = messages.reachability(world, humans, chunk)
    history = purchases.simulate(world, humans, chunk)
    assignments = messages.assign(world, humans, reach, chunk)
    extra = messages.extra_orders(world, assignments, chunk)
    orders = purchases.make_orders(world, humans, chunk, history, extra, chunk * 1_000_000 + 1)
    items = purchases.make_items(world, humans, orders, chunk)
    tickets = service.make_tickets(world, humans, orders, chunk)
    felt = service.experiences(history, tickets)
    _write_people(world, chunk, humans, history, reach, exports, planted)
    _write_orders(world, chunk, humans, orders, items, exports)
    exports.write(
        "desk",
        "support_tickets",
        service.ticket_columns(world, humans, tickets, chunk),
        chunk=chunk,
    )
    exports.write(
        "desk",
        "feedback_items",
        service.feedback_columns(world, humans, tickets, chunk),
        chunk=chunk,
    )
    deals = contracts.make_contracts(world, humans, felt, chunk)
    exports.write(
        "crm", "subscriptions", contracts.contract_columns(world, humans, deals, chunk), chunk=chunk
    )
    exports.write(
        "crm",
        "subscription_changes",
        contracts.change_columns(world, humans, deals, chunk),
        chunk=chunk,
    )
    _write_surveys(world, chunk, humans, orders, tickets, felt, exports)
    exports.write(
        "crm",
        "experiment_assignments",
        messages.assignment_columns(world, humans, assignments),
        chunk=chunk,
    )
    sendings = messages.make_sendings(world, humans, reach, assignments, chunk)
    for system, events in messages.event_columns(world, humans, reach, sendings, chunk).items():
        exports.write(system, "message_events", events, chunk=chunk)
    sessions = visits.make_sessions(world, humans, orders, chunk)
    exports.write(
        "web",
        "web_events",
        visits.event_columns(world, humans, orders, items, sessions, chunk),
        chunk=chunk,
    )
    planted.add(humans, orders, history, deals, assignments)


def where(columns: Columns, mask: np.ndarray) -> Columns:
    """The rows of all columns where the mask is true."""
    kept = pa.array(mask)
    return {k: v[mask] if isinstance(v, np.ndarray) else v.filter(kept) for k, v in columns.items()}


def stacked(first: Columns, second: Columns) -> Columns:
    """The rows of both, null where one has no such column."""
    names = list(dict.fromkeys([*first, *second]))
    return {name: _stack(first, second, name) for name in names}


def _stack(first: Columns, second: Columns, name: str) -> pa.Array | np.ndarray:
    parts = [c.get(name) for c in (first, second)]
    if all(isinstance(p, np.ndarray) for p in parts):
        return np.concatenate(parts)
    arrays = [
        p if isinstance(p, pa.Array) else None if p is None else pa.array(p, from_pandas=True)
        for p in parts
    ]
    kind = next(a.type for a in arrays if a is not None)
    sizes = [len(next(iter(c.values()))) for c in (first, second)]
    return pa.concat_arrays(
        [
            pa.nulls(n, kind) if a is None else a.cast(kind)
            for a, n in zip(arrays, sizes, strict=True)
        ]
    )


def _write_people(
    world: w.World,
    chunk: int,
    humans: people.People,
    history: tuple[Ints, np.ndarray, Ints, np.ndarray],
    reach: messages.Reachability,
    exports: Landing,
    planted: Planted,
) -> None:
    rises = purchases.tier_changes(history)
    rises = tuple(c[rises[1] < world.days] for c in rises)
    versions = people.crm_versions(world, humans, chunk, *rises)
    twins = people.second_signups(world, humans, chunk)
    members = people.pos_customers(world, humans, chunk)
    planted.add_pairs(humans, members, twins)
    exports.write("crm", "customers", stacked(versions, twins.columns), chunk=chunk)
    exports.write("pos", "customers", members.columns, chunk=chunk)
    exports.write("crm", "accounts", community.account_columns(world, humans), chunk=chunk)
    exports.write(
        "crm", "identities", community.identity_columns(world, humans, chunk), chunk=chunk
    )
    exports.write(
        "crm", "consents", messages.consent_columns(world, humans, reach, chunk), chunk=chunk
    )
    exports.write(
        "crm", "erasure_requests", community.erasure_columns(world, humans, chunk), chunk=chunk
    )
    exports.write(
        "crm", "action_outcomes", community.outcome_columns(world, humans, chunk), chunk=chunk
    )
    first_order = np.full(len(humans), np.nan)
    is_first = history[2] == 1
    first_order[history[0][is_first]] = history[1][is_first]
    exports.write(
        "crm",
        "referrals",
        community.referral_columns(world, humans, first_order, chunk),
        chunk=chunk,
    )
    exports.write(
        "community",
        "community_events",
        community.community_columns(world, humans, chunk),
        chunk=chunk,
    )
    exports.write("sns", "mentions", community.mention_columns(world, humans, chunk), chunk=chunk)


def _write_orders(
    world: w.World,
    chunk: int,
    humans: people.People,
    orders: purchases.Orders,
    items: purchases.Items,
    exports: Landing,
) -> None:
    tables = purchases.order_columns(world, humans, orders, items, chunk)
    in_pos, is_late = orders.in_pos, late_numbers(orders.number)
    earlier = purchases.paid_versions(world, orders, tables.orders, chunk)
    shop = stacked(where(tables.orders, ~in_pos), earlier)
    shop_late = np.concatenate([is_late[~in_pos], np.zeros(len(earlier["subtotal"]), bool)])
    again, again_items = purchases.corrections(world, orders, items, tables)
    exports.write("shop", "orders", shop, chunk=chunk, late=shop_late, again=again)
    exports.write("pos", "orders", where(tables.orders, in_pos), chunk=chunk, late=is_late[in_pos])
    of_pos, of_late = in_pos[items.order], is_late[items.order]
    exports.write(
        "shop", "order_items", where(tables.items, ~of_pos),
        chunk=chunk, late=of_late[~of_pos], again=again_items,
    )  # fmt: skip
    exports.write(
        "pos", "order_items", where(tables.items, of_pos), chunk=chunk, late=of_late[of_pos]
    )
    refunds = purchases.refund_columns(world, orders, items, tables, chunk)
    exports.write("shop", "refunds", refunds, chunk=chunk)


def _write_surveys(
    world: w.World,
    chunk: int,
    humans: people.People,
    orders: purchases.Orders,
    tickets: service.Tickets,
    felt: service.Experiences,
    exports: Landing,
) -> None:
    asked = surveys.make_asked(world, humans, orders, tickets, chunk)
    exports.write(
        "survey", "invitations", surveys.invitation_columns(world, humans, asked), chunk=chunk
    )
    answers = surveys.respond(world, humans, orders, asked, felt, chunk)
    exports.write(
        "survey", "responses", answers.responses, chunk=chunk, late=late_numbers(answers.number)
    )
    exports.write(
        "survey",
        "answers",
        answers.answers,
        chunk=chunk,
        late=late_numbers(answers.number[answers.response]),
    )


class Planted:
    """The truths that no export tells: who is who, what was late, what an experiment caused."""

    SCHEMAS: ClassVar[dict[str, dict[str, pa.DataType]]] = {
        "persons": {
            "person": pa.int64(),
            "crm_id": pa.string(),
            "second_crm_id": pa.string(),
            "pos_id": pa.string(),
            "affinity": pa.float64(),
            "created_day": pa.float64(),
            "is_buyer": pa.bool_(),
        },
        "pairs": {
            "system_a": pa.string(),
            "id_a": pa.string(),
            "system_b": pa.string(),
            "id_b": pa.string(),
            "kind": pa.string(),
        },
        "orders": {
            "order_id": pa.string(),
            "person": pa.int64(),
            "sequence": pa.int64(),
            "is_late": pa.bool_(),
            "experiment": pa.int64(),
        },
        "contracts": {
            "subscription_id": pa.string(),
            "person": pa.int64(),
            "start_day": pa.float64(),
            "end_day": pa.float64(),
            "bad_experience_at_end": pa.bool_(),
            "months": pa.float64(),
            "bad_months": pa.float64(),
        },
    }

    def __init__(self, folder: Path, world: w.World) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.world = world
        self.totals: dict[str, int] = {}
        self._writers = {
            name: pq.ParquetWriter(
                folder / f"{name}.parquet",
                pa.schema(schema),
                compression="zstd",
                store_schema=False,
            )
            for name, schema in self.SCHEMAS.items()
        }

    def _write(self, name: str, columns: dict[str, pa.Array | np.ndarray]) -> None:
        schema = pa.schema(self.SCHEMAS[name])
        arrays = [
            c if isinstance(c, pa.Array) else pa.array(c, from_pandas=True)
            for c in columns.values()
        ]
        table = pa.table(arrays, names=list(columns)).cast(schema)
        self._writers[name].write_table(table)
        self._add(name, len(table))

    def _add(self, name: str, count: int) -> None:
        self.totals[name] = self.totals.get(name, 0) + int(count)

    def add_pairs(
        self, humans: people.People, members: people.Duplicates, twins: people.Duplicates
    ) -> None:
        """Every pair of records that are one human."""
        for duplicates, other, system in (
            (members, humans.pos_id, "pos"), (twins, humans.second_id, "crm"),
        ):  # fmt: skip
            both = humans.in_crm[duplicates.person]
            person, kind = duplicates.person[both], duplicates.kind[both]
            n = len(person)
            self._write(
                "pairs",
                {
                    "system_a": pa.array(["crm"] * n, pa.string()), "id_a": humans.crm_id(person),
                    "system_b": pa.array([system] * n, pa.string()), "id_b": other(person),
                    "kind": pa.array(list(people.DUPLICATE_KINDS)).take(pa.array(kind)),
                },
            )  # fmt: skip

    def add(
        self,
        humans: people.People,
        orders: purchases.Orders,
        history: tuple[Ints, np.ndarray, Ints, np.ndarray],
        deals: contracts.Contracts,
        assignments: messages.Assignments,
    ) -> None:
        everyone = np.arange(len(humans))
        has_second = humans.has_second & (humans.created < self.world.days - 60)
        self._write(
            "persons",
            {
                "person": humans.number, "crm_id": humans.crm_id(everyone, humans.in_crm),
                "second_crm_id": keep(humans.second_id(everyone), has_second),
                "pos_id": humans.pos_id(everyone, humans.in_pos), "affinity": humans.affinity,
                "created_day": humans.created, "is_buyer": humans.is_buyer,
            },
        )  # fmt: skip
        n = np.arange(len(orders))
        known = np.maximum(orders.person, 0)
        self._write(
            "orders",
            {
                "order_id": orders.order_id(n),
                "person": np.where(orders.person >= 0, humans.number[known], -1),
                "sequence": orders.sequence,
                "is_late": orders.is_late,
                "experiment": orders.experiment,
            },
        )
        deal = np.arange(len(deals))
        self._write(
            "contracts",
            {
                "subscription_id": deals.subscription_id(deal),
                "person": humans.number[deals.person],
                "start_day": deals.start,
                "end_day": np.where(np.isfinite(deals.end), deals.end, np.nan),
                "bad_experience_at_end": deals.bad_at_end,
                "months": deals.months,
                "bad_months": deals.bad_months,
            },
        )
        self._add("assignments", len(assignments.person))
        self._add("guest_orders", orders.is_guest.sum())
        self._add("guest_orders_of_known_persons", (orders.is_guest & (orders.person >= 0)).sum())
        self._add("late_orders", orders.is_late.sum())
        self._add("test_orders", orders.is_test.sum())
        self._add("cancelled_orders", orders.is_cancelled.sum())
        self._add("pending_orders", orders.is_pending.sum())

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()

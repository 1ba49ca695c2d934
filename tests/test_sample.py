"""The sample: in the contract's shape, the same for a seed, its planted truths in the data."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest

from orchestration.contract import Column, feeds_by_name
from orchestration.sample import write_sample
from orchestration.sample.files import FORMS
from orchestration.sample.truths import CHURN, DRIVERS, EXPERIMENTS, REPURCHASE
from orchestration.sample.world import World

DAYS = 730
CUSTOMERS = 12_000
BUNDLED = Path(__file__).parents[1] / "seeds" / "sample"
FEEDS = [(system, feed) for system, feeds in FORMS.items() for feed in feeds]
HAPPENED = [
    (system, feed)
    for system, feed in FEEDS
    if feeds_by_name()[feed].event_at and not feeds_by_name()[feed].may_lie_ahead
]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, CUSTOMERS, DAYS, 11)
    return folder


@pytest.fixture(scope="module")
def truth(sample: Path) -> dict[str, Any]:
    return json.loads((sample / "planted.json").read_text("utf-8"))


def rows_of(folder: Path, system: str, feed: str) -> str:
    """A FROM clause over all files of a feed, text formats untyped."""
    files = [str(p) for p in sorted((folder / "landing" / system / feed).iterdir())]
    if files[0].endswith(".parquet"):
        return f"read_parquet({files}, union_by_name = true)"
    if ".jsonl" in files[0]:
        return f"read_json({files}, union_by_name = true, format = 'newline_delimited')"
    return f"read_csv({files}, all_varchar = true, header = true, union_by_name = true)"


def column(folder: Path, system: str, feed: str, sql: str) -> dict[str, np.ndarray]:
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Tokyo'")
        return connection.execute(sql.replace("rows", rows_of(folder, system, feed))).fetchnumpy()


def planted(folder: Path, name: str) -> dict[str, np.ndarray]:
    table = pq.read_table(folder / "planted" / f"{name}.parquet")
    return {c: table[c].to_numpy(zero_copy_only=False) for c in table.column_names}


def digest(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


# ---- shape
def test_every_feed_of_the_contract_is_delivered():
    assert {feed for _, feed in FEEDS} == set(feeds_by_name())


def wrong(column: Column) -> str:
    """The condition under which a value breaks the contract."""
    name = column.name
    condition = f"({name} is not null and try_cast({name} as {column.duckdb_type}) is null)"
    if column.required:
        condition += f" or {name} is null"
    if column.enum:
        condition += f" or {name} not in ({', '.join(repr(v) for v in column.enum)})"
    if column.min is not None:
        condition += f" or try_cast({name} as double) < {column.min}"
    return condition


@pytest.mark.parametrize(("system", "feed"), HAPPENED)
def test_nothing_happens_after_the_last_day(sample: Path, system: str, feed: str):
    # instants are read as the wall clock of the shop
    moment = f"try_cast({feeds_by_name()[feed].event_at} as timestamptz)::timestamp"
    found = column(
        sample,
        system,
        feed,
        f"""select count(*) as late from rows
        where {moment} >= timestamp '2026-07-01' and {moment} < timestamp '2099-01-01'""",
    )
    assert found["late"][0] == 0


@pytest.mark.parametrize(("system", "feed"), FEEDS)
def test_files_have_the_contracts_columns_and_values(
    sample: Path, truth: dict[str, Any], system: str, feed: str
):
    declared = {c.name: c for c in feeds_by_name()[feed].columns}
    source = rows_of(sample, system, feed)
    with duckdb.connect() as connection:
        names = [r[0] for r in connection.execute(f"describe select * from {source}").fetchall()]
        assert set(names) <= set(declared)
        assert {n for n, c in declared.items() if c.required} <= set(names)
        bad = " or ".join(f"coalesce({n}::varchar like 'BAD-%', false)" for n in names)
        for name in names:
            found = connection.execute(
                f"select count(*) from {source} where not ({bad}) and ({wrong(declared[name])})"
            ).fetchone()
            assert found == (0,), name
        total, marked = connection.execute(
            f"select count(*), count(*) filter ({bad}) from {source}"
        ).fetchone()
    counts = truth["files"][system][feed]
    assert (total, marked) == (counts["rows"], sum(counts["bad"].values()))
    assert marked <= 0.01 * total


def test_the_feeds_together_hold_every_kind_of_trouble(truth: dict[str, Any]):
    counts = [c for feeds in truth["files"].values() for c in feeds.values()]
    kinds = {kind for c in counts for kind in c["bad"]}
    assert kinds >= {"impossible_date", "off_scale", "negative", "unknown_value", "missing"}
    for key in ("late", "delivered_twice", "conflicting", "delivered_again"):
        assert sum(c.get(key, 0) for c in counts) > 0


# ---- determinism
def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        write_sample(tmp_path / name, 120, 120, seed, date(2026, 3, 31))
    first, second, other = (digest(tmp_path / name) for name in "abc")
    assert first == second
    alike = {k for k in first if first[k] == other.get(k) and "_late." not in k}
    assert alike <= {
        # what no chance enters
        "reference/fx_rates.csv", "company.yml", "landing/survey/surveys/surveys.csv",
        "landing/shop/products/products.csv",
    }  # fmt: skip


def test_a_filled_folder_is_not_written_over(tmp_path: Path):
    write_sample(tmp_path, 60, 90, 1)
    with pytest.raises(FileExistsError, match="landing"):
        write_sample(tmp_path, 60, 90, 1)


def test_sizes_that_make_no_sense_are_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="at least 50 customers"):
        write_sample(tmp_path, 0, 90, 1)


def test_the_bundled_sample_is_small_and_long_enough():
    size = sum(
        p.stat().st_size for p in BUNDLED.rglob("*") if p.is_file() and "data" not in p.parts
    )
    assert size <= 2_000_000
    assert json.loads((BUNDLED / "planted.json").read_text("utf-8"))["days"] >= 548


# ---- truths
def orders_in_time(sample: Path) -> dict[str, np.ndarray]:
    """Every order with its human, by human and day, as the exports and the planted links tell."""
    sql = """select order_id, min(ordered_at::timestamptz::timestamp) as at
    from rows where order_id not like 'BAD%' group by all"""
    shop = column(sample, "shop", "orders", sql.replace("::timestamptz", ""))
    pos = column(sample, "pos", "orders", sql)
    at = dict(zip([*shop["order_id"], *pos["order_id"]], [*shop["at"], *pos["at"]], strict=True))
    truth = planted(sample, "orders")
    known = truth["person"] >= 0
    columns = {k: v[known] for k, v in truth.items()}
    world = World(CUSTOMERS, DAYS, 11, date(2026, 6, 30))
    first = np.datetime64(world.first_day, "us")
    moments = np.array([at[o] for o in columns["order_id"]], dtype="datetime64[us]")
    columns["day"] = (moments - first) / np.timedelta64(1, "D")
    order = np.lexsort((columns["day"], columns["person"]))
    return {k: v[order] for k, v in columns.items()}


def test_repurchase_hazards_are_in_the_orders(sample: Path):
    """Occurrence over exposure, per band of days and number of orders."""
    orders = orders_in_time(sample)
    people = planted(sample, "persons")
    world = World(CUSTOMERS, DAYS, 11, date(2026, 6, 30))
    drawn = orders["experiment"] < 0
    person, day, sequence, late = (
        orders[k][drawn] for k in ("person", "day", "sequence", "is_late")
    )
    is_new = people["created_day"][person] >= 0
    person, day, sequence, late = (c[is_new] for c in (person, day, sequence, late))
    # the clock runs in days of average season
    clock = world.to_season(np.floor(day))
    end = world.to_season(np.array([float(DAYS)]))[0]
    has_next = np.append(person[1:] == person[:-1], False)
    gap = np.where(has_next, np.append(clock[1:], 0) - clock, end - clock)
    weight = np.exp(REPURCHASE.affinity_effect * people["affinity"][person])
    weight = weight * np.where(late, REPURCHASE.late_delivery_factor, 1.0)
    bounds = [*REPURCHASE.band_starts, 1e9]
    for rates, of in (
        (REPURCHASE.after_one, sequence == 1),
        (REPURCHASE.after_two_or_three, (sequence == 2) | (sequence == 3)),
        (REPURCHASE.after_four, sequence >= 4),
    ):
        for rate, low, high in zip(rates, bounds[:-1], bounds[1:], strict=True):
            exposure = np.sum((np.clip(gap, low, high) - low)[of] * weight[of])
            events = np.sum(has_next & of & (gap >= low) & (gap < high))
            if events > 150:
                assert events / exposure == pytest.approx(rate, rel=4 / np.sqrt(events) + 0.05)


def test_a_late_delivery_lowers_the_hazard_of_the_next_order(sample: Path):
    orders = orders_in_time(sample)
    has_next = np.append(orders["person"][1:] == orders["person"][:-1], False)
    gap = np.where(has_next, np.append(orders["day"][1:], 0) - orders["day"], DAYS - orders["day"])
    of = (orders["day"] < DAYS - 90) & (orders["sequence"] >= 1)
    soon = has_next & (gap <= 90)
    shares = [soon[of & (orders["is_late"] == late)].mean() for late in (False, True)]
    assert shares[1] < shares[0] - 0.08


def test_churn_hazards_are_in_the_contracts(sample: Path):
    contracts = planted(sample, "contracts")
    people = planted(sample, "persons")
    new = contracts["start_day"] >= 0
    ended = np.isfinite(contracts["end_day"])
    weight = np.exp(CHURN.affinity_effect * people["affinity"][contracts["person"]])
    bad, good = contracts["bad_months"], contracts["months"] - contracts["bad_months"]
    after_bad = contracts["bad_experience_at_end"] & ended
    hazards = [
        after_bad[new].sum() / (bad * weight)[new].sum(),
        (ended & ~after_bad)[new].sum() / (good * weight)[new].sum(),
    ]
    assert hazards[0] / hazards[1] == pytest.approx(CHURN.bad_experience_factor, rel=0.3)
    months = contracts["months"]
    first = np.sum(ended & new & (months <= 3)) / np.sum((np.minimum(months, 3) * weight)[new])
    assert first == pytest.approx(CHURN.monthly[0] * 1.1, rel=0.25)
    # and the exports say the same as the truths
    exported = column(
        sample,
        "crm",
        "subscriptions",
        "select distinct subscription_id from rows where subscription_id not like 'BAD%'",
    )
    assert set(exported["subscription_id"]) == set(contracts["subscription_id"])


@pytest.mark.parametrize("index", range(len(EXPERIMENTS)))
def test_experiments_have_their_planted_effect(sample: Path, index: int):
    experiment = EXPERIMENTS[index]
    orders = orders_in_time(sample)
    persons = planted(sample, "persons")
    number = dict(zip(persons["crm_id"], persons["person"], strict=True))
    assigned = column(
        sample,
        "crm",
        "experiment_assignments",
        f"""select customer_id, any_value(variant) as variant
        from rows where experiment_id = '{experiment.experiment_id}' group by all""",
    )
    start = np.floor(DAYS * experiment.start_share) + 9 / 24
    inside = (orders["day"] >= start) & (orders["day"] < start + 14)
    ordered = set(orders["person"][inside])
    did = np.array([number[c] in ordered for c in assigned["customer_id"]])
    base = did[assigned["variant"] == "control"].mean()
    for variant, rate in experiment.extra_order_rate.items():
        of = assigned["variant"] == variant
        # who would have ordered anyway is not won by the extra order
        error = 4 * np.sqrt(2 * base * (1 - base) / of.sum())
        assert did[of].mean() - base == pytest.approx(rate * (1 - base), abs=error)


def test_drivers_of_the_score_are_in_the_answers(sample: Path):
    wide = column(
        sample,
        "survey",
        "answers",
        f"""from (
            pivot (select response_id, question_code, numeric_value::double as value
                   from rows where response_id not like 'BAD%')
            on question_code in ('nps', '{"', '".join(DRIVERS.weights)}')
            using any_value(value) group by response_id
        ) where {" + ".join(DRIVERS.weights)} is not null""",
    )
    items = list(DRIVERS.weights)
    design = np.column_stack([np.ones(len(wide["nps"])), *(wide[i].astype(float) for i in items)])
    weights = np.linalg.lstsq(design, wide["nps"].astype(float), rcond=None)[0][1:]
    for found, (code, wanted) in zip(weights, DRIVERS.weights.items(), strict=True):
        # the ceiling of 10 takes a tenth of the slope, affinity adds a little
        assert found == pytest.approx(wanted, abs=0.15), code
    assert list(np.argsort(-weights)) == list(range(len(items)))


def test_planted_pairs_are_records_of_both_systems(sample: Path):
    pairs = planted(sample, "pairs")
    ids = {
        system: set(
            column(sample, system, "customers", "select distinct customer_id from rows")[
                "customer_id"
            ]
        )
        for system in ("crm", "pos")
    }
    assert set(pairs["id_a"]) <= ids["crm"]
    for system in ("crm", "pos"):
        assert set(pairs["id_b"][pairs["system_b"] == system]) <= ids[system]
    assert len(set(zip(pairs["id_a"], pairs["id_b"], strict=True))) == len(pairs["id_a"])


def test_amounts_of_orders_add_up(sample: Path):
    """Lines are worth the subtotal without the discount, and the total adds shipping and tax."""
    with duckdb.connect() as connection:
        off = connection.execute(f"""
            with lines as (select distinct * from {rows_of(sample, "shop", "order_items")}
                where order_item_id not like 'BAD%'
                qualify updated_at = max(updated_at) over (partition by order_id)),
            items as (select order_id, sum(line_total) as goods from lines group by 1),
            orders as (
                select order_id, subtotal::double - discount::double as net,
                    total::double - shipping::double - tax::double as paid
                from {rows_of(sample, "shop", "orders")} where order_id not like 'BAD%'
                qualify updated_at = max(updated_at) over (partition by order_id))
            select count(*) from orders join items using (order_id)
            where abs(net - goods) > 0.005 or abs(net - paid) > 0.005
            """).fetchone()[0]
    assert off == 0

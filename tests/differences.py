"""A warehouse built of made-up deliveries, and its rows beside those computed apart from it."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from tests.purchase_figures import Figure, Given, Key
from tests.raw_data import RawData

FIELDS = list(Figure.__dataclass_fields__)
NOT_SETTINGS = ("deliveries", "as_of", "id_systems", "fx_rates", "margin_rates")


def raw_data(given: Given, folder: Path) -> RawData:
    names = [name for name in Given.__dataclass_fields__ if name not in NOT_SETTINGS]
    settings = {name: getattr(given, name) for name in names}
    settings["history_complete_from"] = (
        given.history_complete_from and given.history_complete_from.isoformat()
    )
    raw = RawData(folder / "company", settings)
    for delivery in given.deliveries:
        raw.deliver(delivery.feed, delivery.system, delivery.rows, delivery.delivered_at)
    rates = [f"{currency},{month},{rate}" for (currency, month), rate in given.fx_rates.items()]
    raw.reference("fx_rates.csv", "\n".join(["currency,month,rate", *rates, ""]))
    margins = [f"{category},{rate}" for category, rate in given.margin_rates.items()]
    raw.reference("margin_rates.csv", "\n".join(["category,margin_rate", *margins, ""]))
    return raw


def build(given: Given, folder: Path, select: str) -> duckdb.DuckDBPyConnection:
    warehouse = raw_data(given, folder).build(given.as_of, select, given.id_systems, tests=False)
    return duckdb.connect(str(warehouse), read_only=True)


def published_figures(
    warehouse: duckdb.DuckDBPyConnection, kpis: Iterable[str]
) -> dict[Key, dict[str, Any]]:
    """What the long table of a warehouse says of some KPIs."""
    rows = warehouse.execute(
        f"""
        select kpi, grain, period_start, segment_dimension, segment_value, {", ".join(FIELDS)}
        from marts.kpi_values where kpi in (select unnest(?))
        """,
        [list(kpis)],
    ).fetchall()
    found = {tuple(row[:5]): dict(zip(FIELDS, row[5:], strict=True)) for row in rows}
    assert len(found) == len(rows), "a figure stands twice in kpi_values"
    return found


def mart_differences(
    warehouse: duckdb.DuckDBPyConnection, mart: str, keys: Sequence[str], expected: dict
) -> list[str]:
    """In words, where a mart is not what is expected of its columns, by key."""
    names = list(next(iter(expected.values())))
    rows = warehouse.execute(f"select {', '.join([*keys, *names])} from marts.{mart}").fetchall()
    found = {row[: len(keys)]: dict(zip(names, row[len(keys) :], strict=True)) for row in rows}
    assert len(found) == len(rows), f"a row stands twice in {mart}"
    return differences(found, expected)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Decimal):  # of a mart, rounded to four places
        return other is not None and abs(float(one) - other) <= 5.1e-5
    if isinstance(one, float | int) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-7)
    return one == other


def differences(found: dict, expected: dict) -> list[str]:
    """In words, what one side has and the other has not or has otherwise."""
    told = []
    for key in sorted(found.keys() | expected.keys(), key=str):
        if key not in found or key not in expected:
            side = "found" if key in found else "expected"
            told.append(f"{key}: only {side}, {(found.get(key) or expected.get(key))}")
            continue
        wrong = {
            name: (value, expected[key][name])
            for name, value in found[key].items()
            if not same(value, expected[key][name])
        }
        if wrong:
            told.append(f"{key}: (found, expected) {wrong}")
    return told


def summary(told: list[str]) -> str:
    by_kpi: dict[str, list[str]] = defaultdict(list)
    for line in told:
        by_kpi[line.split(",")[0]].append(line)
    return "\n".join(f"{len(lines)} of\n  " + "\n  ".join(lines[:3]) for lines in by_kpi.values())

"""The cells of a KPI in the long table, from rows with a day, a person and their cuts."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from orchestration.contract import feeds_by_name
from tests.purchase_figures import (
    ATTRIBUTES,
    CUT_GRAINS,
    GRAINS,
    MONTHS,
    ONE_DAY,
    Facts,
    Figure,
    Given,
    Key,
    Row,
    month_after,
    percent,
    too_few,
)

HIDDEN = ("numerator", "denominator", "value", "ci_low", "ci_high", "n", "persons")


@dataclass(frozen=True)
class Kpi:
    """How a KPI is measured; `measure` sees the rows of a cell and its counted days."""

    measure: Callable[[list[Row], int], Figure]
    rows: list[Row]
    cuts: tuple[str, ...] = ()
    is_about_persons: bool = True
    matures_after: int = 0
    is_live: bool = True


def first_day(given: Given) -> date:
    """The first business date with an event in any feed."""
    found = []
    for delivery in given.deliveries:
        happened = feeds_by_name()[delivery.feed].event_at
        if happened is None:
            continue
        for row in given.rows(delivery.feed):
            at = row.get(happened)
            if at is not None:
                found.append(given.day_of(at) if isinstance(at, datetime) else at)
    return min(found)


def figures(given: Given, facts: Facts, kpis: dict[str, Kpi]) -> dict[Key, Figure]:
    """Every cell of every period from the first with an event to the one of the as-of date."""
    found: dict[Key, Figure] = {}
    begun = first_day(given)
    for code, kpi in kpis.items():
        own: dict[Key, Figure] = {}
        by_day = defaultdict(list)
        for row in kpi.rows:
            by_day[row["day"]].append(row)
        for grain in GRAINS:
            start = given.period_of(grain, begun)
            while start <= given.as_of:
                end = given.period_end(grain, start)
                counted_to = min(end, given.as_of + ONE_DAY)
                days = (counted_to - start).days
                rows = [row for i in range(days) for row in by_day[start + timedelta(days=i)]]
                for (dimension, value), part in _parts(facts, kpi, rows, grain, start).items():
                    figure = kpi.measure(part, days)
                    if dimension == "overall" or (figure.n and kpi.is_live):
                        own[code, grain, start, dimension, value] = figure
                start = end
        _hide(given, kpi, own)
        for (_, grain, start, *_), figure in own.items():
            _finish(given, kpi, given.period_end(grain, start), figure)
        found |= own
    _look_back(given, found)
    return found


def _parts(facts: Facts, kpi: Kpi, rows: list[Row], grain: str, start: date) -> dict:
    parts: dict[tuple[str, str], list[Row]] = defaultdict(list)
    parts["overall", "all"] = rows
    event_cuts = [cut for cut in kpi.cuts if grain in CUT_GRAINS or cut == "platform"]
    for row in rows:
        for cut in event_cuts:
            if row.get(cut) is not None:
                parts[cut, row[cut]].append(row)
        if kpi.is_about_persons and grain in CUT_GRAINS and row["person"] is not None:
            for cut, value in facts.attributes(row["person"], start).items():
                parts[cut, value].append(row)
    return parts


def _hide(given: Given, kpi: Kpi, found: dict[Key, Figure]) -> None:
    if not kpi.is_about_persons:
        return
    groups = defaultdict(list)
    for (_, grain, start, dimension, value), figure in found.items():
        if dimension != "overall":
            groups[grain, start, dimension].append((figure.persons, value, figure))
    for cells in groups.values():
        for figure in too_few(cells, given.min_cell_size):
            figure.is_suppressed = True
            _empty(figure)


def _empty(figure: Figure) -> None:
    for name in HIDDEN:
        setattr(figure, name, None)


def _finish(given: Given, kpi: Kpi, end: date, figure: Figure) -> None:
    over = given.as_of + ONE_DAY
    figure.is_complete = end <= over
    figure.is_mature = end + timedelta(days=kpi.matures_after) <= over or not kpi.matures_after
    if not kpi.is_about_persons:
        figure.persons = None
    if not kpi.is_live:
        _empty(figure)


def _look_back(given: Given, found: dict[Key, Figure]) -> None:
    for (code, grain, start, *cut), figure in found.items():
        if figure.is_complete:
            before = found.get((code, grain, _before(grain, start), *cut))
            year_ago = found.get((code, grain, given.year_before(grain, start), *cut))
            figure.previous_value = before and before.value
            figure.year_ago_value = year_ago and year_ago.value


def _before(grain: str, start: date) -> date:
    if grain in MONTHS:
        return month_after(start, -MONTHS[grain])
    return start - timedelta(days=7 if grain == "week" else 1)


# ---- measures


def persons_of(rows: Iterable[Row]) -> set[Any]:
    return {row["person"] for row in rows} - {None}


def share(part: str, base: str) -> Callable[[list[Row], int], Figure]:
    """Of the counts in column `base` those in `part`, over the rows that know both.

    Of a row no more than its base can be part of it.
    """

    def measure(rows: list[Row], days: int) -> Figure:
        known = [row for row in rows if row[part] is not None and row[base] is not None]
        of = [row for row in known if row[base] > 0]
        figure = percent(sum(min(row[part], row[base]) for row in of), sum(row[base] for row in of))
        figure.persons = len(persons_of(of))
        if rows and not known:
            figure.numerator = figure.denominator = None
        return figure

    return measure


def number(rows: list[Row], days: int) -> Figure:
    """How many rows."""
    return Figure(len(rows), 1, len(rows), n=len(rows), persons=len(rows))


def number_of_persons(rows: list[Row], days: int) -> Figure:
    known = len(persons_of(rows))
    return Figure(known, 1, known, n=known, persons=known)


def times_per_person(per_days: int) -> Callable[[list[Row], int], Figure]:
    """Rows of known persons ÷ those persons ÷ days × `per_days`."""

    def measure(rows: list[Row], days: int) -> Figure:
        own = [row for row in rows if row["person"] is not None]
        known = len(persons_of(own))
        base = known * days / per_days
        return Figure(len(own), base, len(own) / base if base else None, n=known, persons=known)

    return measure


__all__ = [
    "ATTRIBUTES",
    "Kpi",
    "figures",
    "first_day",
    "number",
    "number_of_persons",
    "share",
    "times_per_person",
]

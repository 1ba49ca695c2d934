"""Rows of the long table out of figures of single cells: what is alike for every KPI."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from tests.purchase_figures import (
    ATTRIBUTES,
    CUT_GRAINS,
    GRAINS,
    HIDDEN,
    ONE_DAY,
    Facts,
    Figure,
    Given,
    Key,
    hide_small_cells,
    look_back,
)

Cells = list[tuple[str, str, dict[str, Figure]]]


class Event(Protocol):
    """Whatever is counted: it may have a person, and values of event cuts."""

    person: str | None
    cuts: dict[str, str | None]


@dataclass(frozen=True)
class Kpi:
    """What the page says of a KPI beside its figures."""

    rests_on: tuple[tuple[str, ...], ...]  # of each, the company must have one feed
    grains: tuple[str, ...] = GRAINS
    cuts: tuple[str, ...] = ()  # beside the attributes of persons
    is_of_persons: bool = True
    is_first_based: bool = False
    matures_after: int = 0

    def is_live(self, given: Given) -> bool:
        return all(given.feeds.intersection(feeds) for feeds in self.rests_on)


# The cells of a period: of its grain, its first day and the day after its last counted one.
CellsOf = Callable[[str, date, date], Cells]


def cells_of(
    facts: Facts,
    grain: str,
    start: date,
    events: Iterable[Any],
    figures: Callable[[list[Any]], dict[str, Figure]],
    cuts: Iterable[str] = (),
) -> Cells:
    """The figures of the events of a period: of all, by their own cuts, by their persons'."""
    events = list(events)
    groups: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for event in events if grain in CUT_GRAINS else ():
        for cut in cuts:
            if event.cuts.get(cut) is not None:
                groups[cut, event.cuts[cut]].append(event)
        if event.person:
            attributes = facts.attributes(event.person, start)
            for cut in ATTRIBUTES:
                groups[cut, attributes[cut]].append(event)
    cells = [(*cut, figures(own)) for cut, own in groups.items()]
    return [("overall", "all", figures(events)), *cells]


def long_table(
    given: Given, first_day: date, kpis: dict[str, Kpi], cells_of: CellsOf
) -> dict[Key, Figure]:
    """Every figure of every period from the one of `first_day` to the one of the as-of date."""
    found: dict[Key, Figure] = {}
    for grain in GRAINS:
        start = given.period_of(grain, first_day)
        while start <= given.as_of:
            end = given.period_end(grain, start)
            for dimension, segment, figures in cells_of(
                grain, start, min(end, given.as_of + ONE_DAY)
            ):
                for code, figure in figures.items():
                    kpi = kpis[code]
                    if grain in kpi.grains and _is_published(given, kpi, dimension, figure):
                        _finish(given, kpi, start, end, figure)
                        found[code, grain, start, dimension, segment] = figure
            start = end
    hide_small_cells(given, found)
    look_back(given, found)
    return found


def _is_published(given: Given, kpi: Kpi, dimension: str, figure: Figure) -> bool:
    if dimension == "overall":
        return True
    if dimension in ATTRIBUTES and not kpi.is_of_persons:
        return False
    if dimension not in ATTRIBUTES and dimension not in kpi.cuts:
        return False
    return bool(figure.n) and kpi.is_live(given)


def _finish(given: Given, kpi: Kpi, start: date, end: date, figure: Figure) -> None:
    over, begins = given.as_of + ONE_DAY, given.history_complete_from
    figure.is_complete = end <= over
    figure.is_mature = (
        end + timedelta(days=kpi.matures_after) <= over if kpi.matures_after else True
    )
    figure.is_left_truncated = kpi.is_first_based and begins is not None and start < begins
    if not kpi.is_live(given):
        for name in HIDDEN:
            setattr(figure, name, None)

"""Who stands in which stage of the journey and who moves between them, apart from the SQL."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import product
from statistics import median
from typing import Any

from orchestration.contract import feeds_by_name
from tests.contract_figures import months
from tests.journey_figures import STAGE_DAYS, STAGES, Engagement
from tests.long_table import first_day
from tests.purchase_figures import CUT_GRAINS, ONE_DAY, Facts, Given, too_few

COUNTS = ("person_count", "entered_count", "moved_on_count", "fell_back_count")
NAMING = {"identities": "linked_at"}  # beside the events

Key = tuple[str, date, str, str, str]


@dataclass(frozen=True)
class Turn:
    """A person comes into a stage at the beginning of a business date."""

    day: date
    stage: str
    before: str | None


@dataclass
class Journeys:
    """The stages of every person, day by day."""

    engagement: Engagement

    @property
    def facts(self) -> Facts:
        return self.engagement.facts

    @property
    def given(self) -> Given:
        return self.facts.given

    @cached_property
    def named_on(self) -> dict[str, date | None]:
        """Every person but those the CRM knows of, on the date of the first row that names them."""
        given = self.given
        found: dict[str, list[date]] = defaultdict(list)
        ordered_at = {row["order_key"]: row["ordered_at"] for row in given.rows("orders")}
        for feed in feeds_by_name().values():
            at = feed.event_at or NAMING.get(feed.name)
            names = [c.name for c in feed.columns if c.name.endswith("customer_id")]
            if at is None or not names:
                continue
            for row in given.rows(feed.name):
                happened = row.get(at)
                if feed.name == "refunds" and happened is None:
                    happened = ordered_at.get(row["order_key"])
                for person in (row[f"{name[:-3]}_key"] for name in names):
                    if person is not None and given.happened(happened):
                        found[person] += [given.day_of(happened)] if happened else []
        return {person: min(days, default=None) for person, days in found.items()}

    @cached_property
    def begun(self) -> date:
        """The first date of the calendar."""
        return first_day(self.given)

    @property
    def shown(self) -> set[str]:
        """Those of whom a mart may tell."""
        return {p for p in self.persons if self.facts.persons.allows(p, "analytics")}

    @cached_property
    def persons(self) -> set[str]:
        return set(self.facts.persons.current) | set(self.named_on)

    def begins(self, person: str) -> date:
        """The first date at whose beginning the person exists."""
        created_at = self.facts.persons.current.get(person, {}).get("created_at")
        day = self.named_on.get(person) if created_at is None else self.given.day_of(created_at)
        days = [act.day for act in self.engagement.acts.get(person, ())]
        contracts = self.facts.contracts_of.get(person, ())
        days += [self.given.day_of(contract.started_at) for contract in contracts]
        days += [] if day is None else [day]
        return min(days, default=self.begun) + ONE_DAY

    def held(self, person: str) -> dict[date, str]:
        """The furthest stage that holds at the beginning of each date, awareness left out."""
        given = self.given
        spans = [(act.day, act.day, act.kind) for act in self.engagement.acts.get(person, ())]
        for contract in self.facts.contracts_of.get(person, ()):
            last = given.day_of(contract.ended_at) if contract.ended_at else given.as_of
            spans.append((given.day_of(contract.started_at), last, "use"))
        found: dict[date, str] = {}
        for first, last, stage in spans:
            for days in range(1, (last - first).days + STAGE_DAYS + 1):
                day = first + timedelta(days=days)
                found[day] = max(found.get(day, stage), stage, key=STAGES.index)
        return found

    @cached_property
    def turns(self) -> dict[str, list[Turn]]:
        """The changes of each person's stage up to the end of the as-of date."""
        found = {}
        for person in self.persons:
            held, day, before = self.held(person), self.begins(person), None
            found[person] = []
            while day <= self.given.as_of + ONE_DAY:
                stage = held.get(day, "awareness")
                if stage != before:
                    found[person].append(Turn(day, stage, before))
                before, day = stage, day + ONE_DAY
        return found

    # ---- the mart journey_stages

    def stages(self) -> dict[Key, dict[str, Any]]:
        """Rows by grain, period, dimension, segment and stage."""
        found: dict[Key, dict[str, Any]] = {}
        for grain in CUT_GRAINS:
            start = self.given.period_of(grain, self.begun)
            while start <= self.given.as_of:
                end = self.given.period_end(grain, start)
                is_complete = end <= self.given.as_of + ONE_DAY
                for key, row in self._period(start, min(end, self.given.as_of + ONE_DAY)).items():
                    found[grain, start, *key] = {**row, "is_complete": is_complete}
                start = end
        hide(found, self.given.min_cell_size)
        return found

    def _period(self, start: date, counted_to: date) -> dict[tuple, dict[str, Any]]:
        tallies: dict[tuple, Counter] = {("overall", "all", stage): Counter() for stage in STAGES}
        days_in = defaultdict(list)
        for person in self.persons:
            cuts = [("overall", "all"), *self.facts.attributes(person, start).items()]
            told = self._changes(person, start, counted_to)
            for cut, (stage, name) in product(cuts, told):
                tallies.setdefault((*cut, stage), Counter())[name] += 1
            standing = self._last(person, counted_to)
            for cut in cuts if standing else ():
                days_in[*cut, standing.stage].append((counted_to - standing.day).days)
        return {
            key: {
                **{name: tally[name] for name in COUNTS},
                "median_days": median(days_in[key]) if days_in[key] else None,
                "is_suppressed": False,
            }
            for key, tally in tallies.items()
        }

    def _last(self, person: str, day: date) -> Turn | None:
        return next((turn for turn in reversed(self.turns[person]) if turn.day <= day), None)

    def _changes(self, person: str, start: date, counted_to: date) -> set[tuple[str, str]]:
        """Stages with what the person did there: once each, however often."""
        found = set()
        for turn in self.turns[person]:
            if start < turn.day <= counted_to:
                found.add((turn.stage, "entered_count"))
                if turn.before is not None:
                    is_on = STAGES.index(turn.stage) > STAGES.index(turn.before)
                    found.add((turn.before, "moved_on_count" if is_on else "fell_back_count"))
        was, is_in = self._last(person, start), self._last(person, counted_to)
        found |= {(was.stage, "was_in")} if was else set()
        return found | ({(is_in.stage, "person_count")} if is_in else set())


def hide(rows: dict[Key, dict[str, Any]], least: int) -> None:
    """Of each figure what fewer count, and with a single one the next that fewest count."""
    groups = defaultdict(list)
    for (grain, start, dimension, segment, stage), row in rows.items():
        if dimension != "overall":
            for name in COUNTS:
                groups[grain, start, dimension, stage, name].append((row[name], segment, row))
    for (*_, name), cells in groups.items():
        for row in too_few(cells, least):
            row[name], row["is_suppressed"] = None, True
            if name == "person_count":
                row["median_days"] = None


# ---- the mart tier_migrations


def tier_migrations(facts: Facts, begun: date) -> dict[tuple, dict[str, Any]]:
    """Rows by month and pair of tiers, of which unknown is one."""
    persons = facts.persons
    found: dict[tuple, dict[str, Any]] = {}
    for start, counted_to, is_complete in months(facts, begun):
        tiers = (
            tuple(persons.attributes(p, day)["membership_tier"] for day in (start, counted_to))
            for p in persons.current
        )
        moves = Counter(pair for pair in tiers if pair[0] != pair[1])
        rows = {
            pair: {"person_count": number, "is_complete": is_complete, "is_suppressed": False}
            for pair, number in moves.items()
        }
        cells = [(row["person_count"], pair, row) for pair, row in rows.items()]
        for row in too_few(cells, facts.given.min_cell_size):
            row.update(person_count=None, is_suppressed=True)
        found |= {(start, *pair): row for pair, row in rows.items()}
    return found

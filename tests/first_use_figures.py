"""Figures of how soon a new person orders, signs a contract or uses a feature, apart from SQL."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from statistics import median

from tests.figure_cells import Cells, Kpi, cells_of
from tests.purchase_figures import Facts, Figure, Given, percent

WITHIN_DAYS = 30
RESTS_ON = (("customers",), ("orders", "subscriptions", "web_events"))
KPIS = {
    "activation_rate": Kpi(RESTS_ON, is_first_based=True, matures_after=WITHIN_DAYS),
    "days_to_first_value": Kpi(RESTS_ON, is_first_based=True, matures_after=WITHIN_DAYS),
}


@dataclass
class Created:
    """A person on the day they were created, and the days until they had something of it."""

    person: str
    day: date
    days: int | None
    cuts: dict[str, str | None] = field(default_factory=dict)


def users(given: Given) -> dict[str, str]:
    """The person of each anonymous id that is exactly one person's, keyed with its system."""
    systems = {row["system"] for row in given.rows("web_events")}
    found = defaultdict(set)
    for row in given.rows("web_events"):
        if row["customer_key"] and given.happened(row["occurred_at"]):
            found[_anonymous(row)].add(row["customer_key"])
    for row in given.rows("identities"):
        if row["identity_type"] == "web_anonymous_id" and given.happened(row.get("linked_at")):
            named = row.get("identity_system")
            for system in [named] if named in systems else systems:
                found[f"{system}:{row['identity_value']}"].add(row["customer_key"])
    return {key: min(persons) for key, persons in found.items() if len(persons) == 1}


def _anonymous(row: dict) -> str:
    return f"{row['system']}:{row['anonymous_id']}"


def created_persons(facts: Facts) -> list[Created]:
    given = facts.given
    used = defaultdict(set)
    for person, orders in facts.orders_of.items():
        used[person] |= {order.day for order in orders}
    for contract in facts.contracts:
        used[contract.person].add(given.day_of(contract.started_at))
    known_as = users(given)
    for row in given.rows("web_events"):
        if row["event_name"] == "feature_use" and given.happened(row["occurred_at"]):
            person = row["customer_key"] or known_as.get(_anonymous(row))
            used[person].add(given.day_of(row["occurred_at"]))
    found = []
    for person, row in facts.persons.current.items():
        if row.get("created_at") is not None:
            day = given.day_of(row["created_at"])
            waited = [(use - day).days for use in used[person]]
            within = [days for days in waited if 0 <= days <= WITHIN_DAYS]
            found.append(Created(person, day, min(within, default=None)))
    return found


def first_use_cells(
    facts: Facts, created: list[Created], grain: str, start: date, end: date
) -> Cells:
    persons = [person for person in created if start <= person.day < end]
    return cells_of(facts, grain, start, persons, first_use_figures)


def first_use_figures(persons: list[Created]) -> dict[str, Figure]:
    waited = [person.days for person in persons if person.days is not None]
    days = median(waited) if waited else None
    return {
        "activation_rate": percent(len(waited), len(persons)),
        "days_to_first_value": Figure(value=days, n=len(waited), persons=len(waited)),
    }

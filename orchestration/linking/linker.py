"""A night's links: from raw and people's decisions to the table that dbt reads of them."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa

from orchestration.company import Company
from orchestration.ingest import duck
from orchestration.ledger import Ledger, write_export
from orchestration.linking.clusters import MANUAL, Edge, find_clusters, name_persons
from orchestration.linking.decided import FILE, read_decided
from orchestration.linking.evidence import Evidence
from orchestration.linking.probable import probable_links
from orchestration.privacy.journal import Journal
from orchestration.vault import Vault

TABLE = "person_links"
FIRST = "first"  # the rule of the id that names its person
LINKS = pa.schema({
    "customer_key": pa.string(),
    "person_key": pa.string(),
    "rule": pa.string(),
    "linked_to": pa.string(),
    "probability": pa.float64(),
    "since_date": pa.date32(),
})  # fmt: skip


@dataclass(frozen=True)
class Linked:
    """The ids of persons who have several, and what a person should know of how they came."""

    table: pa.Table
    warnings: tuple[str, ...] = ()


def link_persons(
    company: Company,
    as_of: date,
    id_systems: Mapping[str, Mapping[str, str]],
    target: str = "duckdb",
) -> Linked:
    """Find which source ids are one person as of a day, and write it down for dbt; `target` is
    where dbt runs, DuckDB or Spark.

    Raises ConfigError where people's decisions cannot be understood.
    """
    settings = company.settings
    decided = read_decided(company)
    places = (company.work / "linking", company.raw, company.vault)
    with closing(duck.connect(*places)) as connection:
        owners = id_systems.get("customer_id", {})
        evidence = Evidence(
            connection,
            company.raw,
            company.start_of(as_of + timedelta(days=1)),
            owners,
            settings.allows_by_default("sns_linking"),
        )
        edges = [*decided.links, *_erased(company), *evidence.told()]
        edges += evidence.shared_values(settings.max_ids_of_a_value)
        evidence.look_up(Vault(company))
        records = evidence.records(settings.max_ids_of_a_value)
        if len(records) > 1 and settings.link_probability < 1:
            edges += probable_links(connection, records, settings.link_probability, target)
        ids = sorted({key for edge in edges for key in (edge.one, edge.other)})
        traits = evidence.traits(ids)
        clusters = find_clusters(edges, decided.splits, traits, settings.max_ids_of_a_person)
        members = {key for cluster in clusters for key in cluster.ids}
        ranks = evidence.ranks(sorted(members | {key for key, _ in decided.lines}))
    rows = [
        {
            "customer_key": key,
            "person_key": person,
            "rule": edge.rule if edge else FIRST,
            "linked_to": edge and edge.beside(key),
            "probability": edge.probability if edge else 1.0,
            "since_date": edge and _night(company, edge.since, as_of),
        }
        for key, person, edge in name_persons(clusters, ranks)
    ]
    table = pa.Table.from_pylist(rows, LINKS)
    write_export(company.raw, TABLE, table)
    unknown = [
        f"reference/{FILE} line {line}: no delivered row names the customer id {key}"
        for key, line in decided.lines
        if key not in ranks
    ]
    return Linked(table, tuple(unknown))


def _erased(company: Company) -> Iterator[Edge]:
    """What stands for the ids of one person who was erased is one nobody, as they were one."""
    for first, *others in filter(None, Journal(Ledger(company.ledger)).stand_ins()):
        yield from (Edge(MANUAL, *sorted((first, other))) for other in others)


def no_links() -> pa.Table:
    """The table where no person has several ids."""
    return LINKS.empty_table()


def _night(company: Company, delivered_at: datetime | None, as_of: date) -> date | None:
    """The business date of the night that could first tell: its end is its deliveries' time."""
    if delivered_at is None:
        return None
    local = delivered_at.replace(tzinfo=UTC).astimezone(company.zone)
    return min(local.date() - timedelta(days=1), as_of)

"""Who does not allow a purpose is in no row and no joint that serves it, and in every total."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from orchestration.contract import consent_purposes, feeds_by_name, load_contract
from tests.every_feed import AsOf, EveryFeed, Feeds, Row
from tests.purchase_figures import ATTRIBUTES
from tests.test_as_of import deliver

AS_OF = AsOf(date(2025, 3, 31), ZoneInfo("Asia/Tokyo"))
REFUSERS = [f"refuser-{i}" for i in range(9)]
OPEN = [f"open-{i}" for i in range(6)]  # who allow everything
CLOSED = [f"closed-{i}" for i in range(6)]  # who allow to be analysed and no more
PERSONS = REFUSERS + OPEN + CLOSED
PREFECTURE = "Refusia"  # where only refusers live
NEEDLES = ("refuser-", PREFECTURE)  # every id, key and token of theirs begins with it
# What leads to a person where the feed names no customer, by how its value begins to differ.
TOKENS = {
    "orders": ("email", "email"),
    "message_events": ("recipient", "email"),
    "support_tickets": ("requester_email", "email"),
    "responses": ("email", "email"),
    "mentions": ("author_handle", "sns_handle"),
    "web_events": ("anonymous_id", "web_anonymous_id"),
}
# What a row says of its person, or by what else of theirs; the rest of it stays.
WITHHELD = {
    *("person_key", "is_guest", "is_anonymous", "order_number", "next_ordered_date"),
    *("earlier_grade", "is_new_category", "is_known_family", "is_upgrade", "is_premium"),
    *("invitation_key", "order_key", "session_key", "session_id"),
}
ABOUT_ONE_PERSON = {"customers", "customer_timeline", "person_ids", "person_links"}
# Moves between two values of an attribute: there is no whole to which they add up.
WITHOUT_TOTALS = {"tier_migrations"}


class Planted(EveryFeed):
    """Rows of every feed, many of them of persons who will allow a purpose or refuse it."""

    def feeds(self, prefix: str = "", share: float = 1) -> Feeds:
        made = super().feeds(prefix, share)
        for person in PERSONS:
            made["customers"].append(self.customer(person))
            made["identities"] += self.identities(person)
        for name, rows in made.items():
            if name not in ("customers", "identities", "consents"):
                for row in rows:
                    if self.often(0.5):
                        self.give(name, row, self.pick(*PERSONS))
        # the last row of a key is of whom it is given to
        return {name: self.once(name, rows) for name, rows in made.items()}

    def once(self, name: str, rows: list[Row]) -> list[Row]:
        key = [*feeds_by_name()[name].key, "updated_at"]
        return list({tuple(row[part] for part in key): row for row in rows}.values())

    def customer(self, person: str) -> Row:
        is_refuser = person in REFUSERS
        own = {
            "customer_id": person,
            "email": f"{person}-email",
            "phone": f"{person}-phone",
            "created_at": AS_OF.end - timedelta(days=300),
            "updated_at": None,
        }
        where = {"prefecture": PREFECTURE} if is_refuser else {}
        return self.row(feeds_by_name()["customers"], own | where)

    def identities(self, person: str) -> Iterator[Row]:
        feed = feeds_by_name()["identities"]
        for kind in feed.column("identity_type").enum:
            system = {"sns_handle": "x", "web_anonymous_id": "web"}.get(kind)
            own = {"customer_id": person, "identity_type": kind, "identity_system": system}
            value = {"identity_value": f"{person}-{kind}", "linked_at": None}
            yield self.row(feed, own | value)

    def give(self, name: str, row: Row, person: str) -> None:
        """Make the row the person's, by their id or by what else leads to them."""
        named = [c.name for c in feeds_by_name()[name].columns if c.id_of == "customers"]
        column, kind = TOKENS.get(name, (None, None))
        if column and (not named or self.often(0.5)):
            row |= dict.fromkeys(named) | {column: f"{person}-{kind}"}
            if name == "mentions":
                row["platform"] = "x"
            if name == "web_events":
                row["session_id"] = None
        elif named:
            row[self.pick(*named)] = person

    def consents(self, refused: dict[str, list[str]]) -> Iterator[Row]:
        """What the planted said: the opposite before, and again right after the as-of date."""
        for person in PERSONS:
            for purpose in consent_purposes():
                granted = purpose not in refused.get(person, ())
                words = {-100 * 86400: not granted, -1: granted, 0: not granted}
                for seconds, word in words.items():
                    yield {
                        "consent_id": f"{person} {purpose} {seconds}",
                        "customer_id": person,
                        "purpose": purpose,
                        "granted": word,
                        "recorded_at": AS_OF.end + timedelta(seconds=seconds),
                        "updated_at": None,
                    }


def rows_where(refusers_refuse: bool) -> Feeds:
    maker = Planted(7, AS_OF)
    made = maker.feeds()
    others = [purpose for purpose in consent_purposes() if purpose != "analytics"]
    refused = dict.fromkeys(CLOSED, others)
    if refusers_refuse:
        refused |= {person: ["analytics"] for person in REFUSERS}
    return made | {"consents": made["consents"] + list(maker.consents(refused))}


@pytest.fixture(scope="module")
def warehouses(tmp_path_factory) -> dict[str, Path]:
    """Of the same rows, but that the refusers allow to be analysed in one of them."""
    return {
        name: deliver(
            tmp_path_factory.mktemp(name),
            AS_OF,
            [(None, rows_where(name == "refused"))],
            {},
            date.max,
        )
        for name in ("granted", "refused")
    }


@pytest.fixture(scope="module")
def marts(warehouses) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as both:
        for name, path in warehouses.items():
            both.execute(f"attach '{path}' as {name} (read_only)")
        yield both


def columns_of(marts: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for mart, column in marts.sql(
        "select table_name, column_name from duckdb_columns()"
        " where database_name = 'granted' and schema_name = 'marts'"
        " and table_name in (select table_name from duckdb_tables()) order by all"
    ).fetchall():
        found.setdefault(mart, []).append(column)
    return found


def of_persons(marts: duckdb.DuckDBPyConnection) -> set[str]:
    return {mart for mart, columns in columns_of(marts).items() if "person_key" in columns}


def leaks(warehouse: Path) -> dict[str, set[str]]:
    """Each mart with its columns that hold an id, a key or a token of a refuser."""
    found: dict[str, set[str]] = {}
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for mart, column in connection.sql(
            "select table_name, column_name from duckdb_columns() where schema_name = 'marts'"
        ).fetchall():
            hit = " or ".join(f"contains(cast({column} as varchar), '{n}')" for n in NEEDLES)
            (count,) = connection.sql(f"select count(*) from marts.{mart} where {hit}").fetchone()
            if count:
                found.setdefault(mart, set()).add(column)
    return found


def differing(marts: duckdb.DuckDBPyConnection, one: str, other: str) -> list[tuple[Any, ...]]:
    return marts.sql(
        f"(({one}) except all ({other})) union all (({other}) except all ({one}))"
    ).fetchall()


def test_without_consent_to_analytics_no_row_of_any_mart_leads_to_the_person(warehouses):
    assert leaks(warehouses["refused"]) == {}


def test_with_consent_they_are_in_every_mart_about_persons(warehouses, marts):
    found = leaks(warehouses["granted"])
    assert of_persons(marts) <= found.keys()
    assert {"kpi_values", "kpi_report", "journey_stages"} <= found.keys()  # where they live
    assert {mart for mart in of_persons(marts) if "person_key" not in found[mart]} == set()


def test_every_feed_names_the_persons_who_refuse():
    made = rows_where(True)
    silent = {
        feed.name
        for feed in load_contract()
        if any(column.id_of == "customers" or column.pii for column in feed.columns)
        and not any("refuser-" in str(value) for row in made[feed.name] for value in row.values())
    }
    assert silent == {"answers"}  # whose response names the person


def test_the_rows_of_all_others_and_of_things_stay_as_they_are(marts):
    columns, totals = columns_of(marts), {}
    for mart in of_persons(marts):
        others = "where person_key not like '%refuser-%'"
        granted, refused = f"from granted.marts.{mart}", f"from refused.marts.{mart}"
        gone = f"{granted} {others} except all {refused}"
        assert marts.sql(gone).fetchall() == [], mart
        if mart in ABOUT_ONE_PERSON:
            continue
        kept = ", ".join(name for name in columns[mart] if name not in WITHHELD)
        assert differing(marts, f"select {kept} {granted}", f"select {kept} {refused}") == [], mart
        totals[mart] = marts.sql(f"select count(*) {refused} where person_key is null").fetchall()
    assert min(totals.values()) > [(3,)], totals


def test_no_total_changes_by_a_digit(marts):
    compared = 0
    for mart, columns in columns_of(marts).items():
        if mart in of_persons(marts) | WITHOUT_TOTALS:
            continue
        cuts = "', '".join(ATTRIBUTES)
        whole = f"where segment_dimension not in ('{cuts}')" * ("segment_dimension" in columns)
        granted, refused = (f"from {w}.marts.{mart} {whole}" for w in ("granted", "refused"))
        assert differing(marts, granted, refused) == [], mart
        compared += marts.sql(f"select count(*) {granted}").fetchall()[0][0]
    assert compared > 10_000


def test_in_every_cut_by_what_they_are_they_are_unknown(marts):
    """Of tenure too, which nobody has to tell: those of whom it is told are the fewer."""
    for mart, count in {
        "kpi_values": "case when kpi = 'active_customers' then persons end",
        "journey_stages": "person_count",
        "survey_representativeness": "customer_count",
    }.items():
        known = "segment_dimension = 'tenure_band' and segment_value <> 'unknown'"
        before, after = (
            marts.sql(f"select sum({count}) from {which}.marts.{mart} where {known}").fetchone()[0]
            for which in ("granted", "refused")
        )
        assert before - after > 5, mart


def test_who_does_not_allow_handles_to_be_joined_is_joined_to_none(marts):
    for mart, where in {
        "person_ids": "id_type in ('sns_handle', 'line_id')",
        "person_links": "id_type in ('sns_handle', 'line_id')",
        "community_activity": "activity_type = 'mention'",
        "customer_timeline": "kind = 'mentioned_us'",
    }.items():
        persons = f"select distinct person_key from granted.marts.{mart} where {where}"
        joined = {key.partition(":")[2] for (key,) in marts.sql(persons).fetchall() if key}
        assert joined & {*OPEN} and not joined & {*CLOSED}, mart


def test_no_channel_is_open_to_a_person_who_does_not_allow_it(marts):
    channels = [name for name in columns_of(marts)["customers"] if "is_contactable_by" in name]
    assert len(channels) == sum(purpose.startswith("marketing_") for purpose in consent_purposes())
    for persons, state in ((OPEN, True), (CLOSED, False)):
        keys = ", ".join(f"'crm:{person}'" for person in persons)
        asked = f"select {', '.join(channels)} from granted.marts.customers"
        rows = marts.sql(f"{asked} where person_key in ({keys})").fetchall()
        assert rows == [(state,) * len(channels)] * len(persons)

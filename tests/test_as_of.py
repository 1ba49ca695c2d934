"""As of any day: the figures of then over all that is known today, and nothing of later."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest

from orchestration.contract import load_contract
from tests.every_feed import (
    TIMELESS,
    AsOf,
    EveryFeed,
    Feeds,
    id_systems,
    later_columns,
    parent_of,
    time_column,
)
from tests.raw_data import RawData

# What tells of deliveries and nights and not of what happened.
OF_NIGHTS = ("runs", "quarantined_rows", "data_quality")
NEWCOMER = "newcomer"  # a system from which nothing came before the date's end
DELIVERED_AT = datetime(2030, 1, 1)
CASES: dict[str, dict[str, Any]] = {
    "leap_day": {"as_of": date(2024, 2, 29)},
}
SWEEP: dict[str, dict[str, Any]] = {
    "month_end_in_new_york": {
        "as_of": date(2024, 4, 30),
        "business_timezone": "America/New_York",
        "fiscal_year_start": 4,
    },
    "mid_month": {"as_of": date(2024, 7, 17), "business_timezone": "Europe/London"},
    "year_boundary": {"as_of": date(2023, 12, 31), "history_complete_from": "2023-01-15"},
    "before_history_complete_from": {
        "as_of": date(2023, 5, 10),
        "history_complete_from": "2023-06-01",
    },
}


def maker_for(case: dict[str, Any]) -> EveryFeed:
    zone = ZoneInfo(case.get("business_timezone", "Asia/Tokyo"))
    return EveryFeed(case["as_of"].toordinal(), AsOf(case["as_of"], zone))


def deliver(
    folder: Path, as_of: AsOf, parts: list[tuple[str | None, Feeds]], settings: dict, rates_to: date
) -> Path:
    """The warehouse of these rows, part by part, each delivered a day after the one before."""
    raw = RawData(folder / "company", {"business_timezone": as_of.zone.key, **settings})
    for days, (system, feeds) in enumerate(parts):
        for feed in load_contract():
            if feeds[feed.name]:
                at = DELIVERED_AT + timedelta(days=days)
                raw.deliver(feed.name, system or feed.source, feeds[feed.name], at)
    months = [date(2020 + i // 12, i % 12 + 1, 1) for i in range(84)]
    rates = [f"USD,{m:%Y-%m},{150 if m <= as_of.day else 300}" for m in months if m <= rates_to]
    raw.reference("fx_rates.csv", "\n".join(["currency,month,rate", *rates, ""]))
    systems = id_systems()
    systems["customer_id"][NEWCOMER] = "crm"
    assert raw.link(as_of.day, systems).table.num_rows
    return raw.build(as_of.day, "+marts", systems, tests=False)


def differences(one: Path, other: Path) -> list[str]:
    """In words, in which marts two warehouses differ, with a few rows of each side."""
    told = []
    with duckdb.connect() as both:
        both.execute(f"attach '{one}' as one (read_only); attach '{other}' as other (read_only)")
        marts = both.sql(
            "select table_name from duckdb_tables()"
            " where database_name = 'one' and schema_name = 'marts' order by table_name"
        ).fetchall()
        for (mart,) in marts:
            if mart in OF_NIGHTS:
                continue
            for here, there in (("one", "other"), ("other", "one")):
                rows = both.sql(
                    f"{named(both, here, mart)} except all {named(both, there, mart)}"
                ).fetchall()
                if rows:
                    told.append(f"{mart}, {len(rows)} only in {here}: {rows[:3]}")
    return told


def named(both: duckdb.DuckDBPyConnection, side: str, mart: str) -> str:
    """A mart's rows with each person named by the least of their ids: what names a person is the
    id that was delivered first, which is not the same where others came late.
    """
    columns = both.sql(f"describe {side}.marts.{mart}").fetchall()
    persons = [name for name, *_ in columns if name.endswith("person_key")]
    least = (
        f"(select min(customer_key) from {side}.intermediate.int_person_ids as ids"
        f" where ids.person_key = mart.{{}})"
    )
    # which of two linked ids joined the other follows from that
    joined = ["rule", "linked_to", "probability", "since_date"] if mart == "person_links" else []
    shown = [
        least.format(name) if name in persons else f"mart.{name}"
        for name, *_ in columns
        if name not in joined
    ]
    return f"select {', '.join(shown)} from {side}.marts.{mart} as mart"


def late(maker: EveryFeed, feeds: Feeds) -> tuple[Feeds, Feeds]:
    """The rows in two deliveries; what belongs to one thing comes whole."""
    on_time: Feeds = {}
    delayed: Feeds = {}
    for feed in load_contract():
        name = feed.parent or feed.key[0]
        ids = {row[name] for row in feeds[feed.name]}
        again = {value for value in sorted(ids) if maker.often(0.3)}
        on_time[feed.name] = [row for row in feeds[feed.name] if row[name] not in again]
        delayed[feed.name] = [row for row in feeds[feed.name] if row[name] in again]
    return on_time, delayed


def test_every_feed_has_a_time_or_is_known_to_have_none():
    without = [
        feed.name
        for feed in load_contract()
        if not time_column(feed) and not parent_of(feed) and feed.name not in TIMELESS
    ]
    assert not without, f"tests/every_feed.py does not know since when rows of {without} are known"


def test_of_every_feed_something_lies_on_either_side_of_the_date():
    maker = maker_for(CASES["leap_day"])
    as_of, feeds = maker.as_of, maker.feeds()
    before, past = maker.cut(feeds), maker.past(feeds)
    missing = [
        feed.name
        for feed in load_contract()
        if not before[feed.name] or (feed.name not in TIMELESS and not past[feed.name])
    ]
    assert not missing
    never = [
        f"{feed.name}.{name}"
        for feed in load_contract()
        for name in later_columns(feed)
        if not any(as_of.is_past(row[name]) for row in feeds[feed.name])
    ]
    assert not never


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=name) for name, case in CASES.items()]
    + [pytest.param(case, id=name, marks=pytest.mark.sweep) for name, case in SWEEP.items()],
)
def test_nothing_after_the_date_changes_a_mart_and_late_rows_count(case, tmp_path):
    settings = {name: value for name, value in case.items() if name != "as_of"}
    maker = maker_for(case)
    as_of, feeds = maker.as_of, maker.feeds()
    then = deliver(tmp_path / "then", as_of, [(None, maker.cut(feeds))], settings, as_of.day)

    on_time, delayed = late(maker, maker.moved(feeds))
    added = maker.past(EveryFeed(0, as_of, days_before=0).feeds("new-", 0.1))
    parts = [(None, on_time), (None, delayed), (NEWCOMER, added)]
    now = deliver(tmp_path / "now", as_of, parts, settings, date.max)
    told = differences(then, now)
    assert not told, "\n".join(told)

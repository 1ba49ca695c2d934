"""Figures of messages, computed row by row and apart from the SQL."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.long_table import Kpi, share, times_per_person
from tests.purchase_figures import Facts, Given, Row

CUTS = ("message_channel", "campaign")
MATURES_AFTER = 7
STATS = ("sent", "delivered", "opened", "clicked", "bounced", "unsubscribed")


def message_kpis(facts: Facts) -> dict[str, Kpi]:
    """The KPIs of section 6 by code."""
    given = facts.given
    messages, totals = list(messages_of(facts)), list(totals_of(given))
    of_email = [row for row in messages if row["message_channel"] == "email"]
    totals_of_email = [row for row in totals if row["message_channel"] == "email"]

    def kpi(measure: Any, rows: list[Row], *feeds: str) -> Kpi:
        is_live = bool(given.feeds & set(feeds or ("message_events", "message_stats_daily")))
        return Kpi(measure, rows, CUTS, matures_after=MATURES_AFTER, is_live=is_live)

    return {
        "message_delivery_rate": kpi(share("arrived", "sent"), messages + totals),
        "email_open_rate": kpi(share("read", "delivered"), of_email, "message_events"),
        "email_open_rate_raw": kpi(share("opened", "delivered"), of_email + totals_of_email),
        "message_click_rate": kpi(share("clicked", "delivered"), messages + totals),
        "email_click_to_open_rate": kpi(
            share("clicked", "read_or_clicked"), of_email, "message_events"
        ),
        "message_unsubscribe_rate": kpi(share("unsubscribed", "delivered"), messages + totals),
        "message_bounce_rate": kpi(share("bounced", "sent"), messages + totals),
        "contact_frequency": kpi(times_per_person(30), messages, "message_events"),
    }


def messages_of(facts: Facts) -> Iterator[Row]:
    """One row per message; what its system never reports is null."""
    given = facts.given
    several = len({row["system"] for row, _ in given.delivered("campaigns")}) > 1
    parts = defaultdict(list)
    reported = defaultdict(set)
    for row in given.rows("message_events"):
        if given.happened(row["occurred_at"]):
            parts[row["system"], row.get("channel") or "email", row["message_id"]].append(row)
            reported[row["system"]].add(row["event_type"])
    for (system, channel, message_id), events in parts.items():
        events.sort(key=lambda row: (row["occurred_at"], row["event_id"]))
        sent = [row for row in events if row["event_type"] == "sent"]
        at = (sent or events)[0]["occurred_at"]
        campaign = "campaign_key" if several else "campaign_id"
        yield {
            "system": system,
            "message_id": message_id,
            "message_channel": channel,
            "campaign": _first(events, campaign),
            "person": _first(events, "customer_key") or _recipient(facts, events),
            "at": at,
            "day": given.day_of(at),
            **_became(events, reported[system]),
        }


def _first(events: list[Row], name: str) -> Any:
    return next((row[name] for row in events if row.get(name) is not None), None)


def _recipient(facts: Facts, events: list[Row]) -> str | None:
    owners = (facts.persons.owners.get(row.get("recipient")) for row in events)
    return next((owner for owner in owners if owner), None)


def _became(events: list[Row], reported: set[str]) -> dict[str, int | None]:
    types = {row["event_type"] for row in events}
    read = any(row["event_type"] == "opened" and not row.get("is_machine_open") for row in events)
    clicked, opened = "clicked" in types, "opened" in types
    delivered = bool(types & {"delivered", "opened", "clicked"})
    if "delivered" not in reported:
        delivered = delivered or "bounced" not in types

    def known(value: bool, *needs: str) -> int | None:
        return int(value) if reported.issuperset(needs) else None

    return {
        "sent": 1,
        "delivered": int(delivered),
        "arrived": int(delivered) if reported & {"delivered", "bounced"} else None,
        "opened": known(opened, "opened"),
        "read": known(read, "opened"),
        "clicked": known(clicked, "clicked"),
        "read_or_clicked": known(read or clicked, "opened", "clicked"),
        "unsubscribed": known("unsubscribed" in types and delivered, "unsubscribed"),
        "bounced": known("bounced" in types, "bounced"),
    }


def totals_of(given: Given) -> Iterator[Row]:
    """One row per system, channel, campaign and day of which only totals are known."""
    several = len({row["system"] for row, _ in given.delivered("campaigns")}) > 1
    told_apart = {
        (row["system"], row.get("channel") or "email")
        for row in given.rows("message_events")
        if given.happened(row["occurred_at"])
    }
    rows = [row for row in given.rows("message_stats_daily") if row["date"] <= given.as_of]
    reported = {(row["system"], name) for row in rows for name in STATS if row[name] is not None}
    for row in rows:
        if (row["system"], row["channel"]) in told_apart:
            continue
        delivered = row["delivered"]
        if (row["system"], "delivered") not in reported and row["sent"] is not None:
            delivered = row["sent"] - (row["bounced"] or 0)
        derived = (row["system"], "delivered") in reported or (row["system"], "bounced") in reported
        yield {
            "message_channel": row["channel"],
            "campaign": row["campaign_key"] if several else row["campaign_id"],
            "person": None,
            "day": row["date"],
            **{name: row[name] for name in STATS},
            "delivered": delivered,
            "arrived": delivered if derived else None,
        }

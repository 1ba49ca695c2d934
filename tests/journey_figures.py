"""Community, mentions and the stage a person is in, computed apart from the SQL."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from tests.long_table import Kpi, number, number_of_persons, share
from tests.purchase_figures import ONE_DAY, Facts, Given, Row

CONTRIBUTIONS = {"post", "answer", "review", "ugc", "idea"}
MADE_BY_USERS = {"ugc", "review"}
STAGES = ("awareness", "consideration", "purchase", "use", "advocacy")
STAGE_DAYS = 180
CONSIDERING = {"product_view", "document_download", "add_to_cart"}
USING = {"app_open", "feature_use"}


@dataclass(frozen=True)
class Act:
    """Something a person did."""

    person: str
    at: datetime
    day: date
    kind: str


@dataclass
class Engagement:
    """What persons did beside buying, by the as-of date."""

    facts: Facts
    linked: dict[str, set[str]] = field(default_factory=dict)

    @property
    def given(self) -> Given:
        return self.facts.given

    def _happened(self, feed: str, at: str) -> Iterator[Row]:
        for row in self.given.rows(feed):
            if row[at] is not None and self.given.happened(row[at]):
                yield {**row, "at": row[at], "day": self.given.day_of(row[at])}

    @cached_property
    def community(self) -> list[Row]:
        rows = self._happened("community_events", "occurred_at")
        return [{**row, "person": row["customer_key"]} for row in rows]

    @cached_property
    def mentions(self) -> list[Row]:
        return [
            {**row, "person": self._author(row)}
            for row in self._happened("mentions", "occurred_at")
        ]

    def _author(self, mention: Row) -> str | None:
        """The one person to whom the handle is linked on that platform, if they allow it."""
        found = {
            row["customer_key"]
            for row in self.given.rows("identities")
            if row["identity_type"] == "sns_handle"
            and self.given.happened(row.get("linked_at"))
            and row["identity_value"] == mention.get("author_handle")
            and row.get("identity_system") in (mention["platform"], mention["system"])
        }
        if len(found) != 1 or not self.facts.persons.allows(*found, "sns_linking"):
            return None
        return found.pop()

    @cached_property
    def made_by_users(self) -> list[Row]:
        """UGC: ugc and reviews in the community, and mentions that carry the author's own."""
        written = [row for row in self.community if row["event_type"] in MADE_BY_USERS]
        return written + [row for row in self.mentions if row.get("is_ugc")]

    @cached_property
    def referrals(self) -> list[Row]:
        """Converted ones, by when they were."""
        rows = self._happened("referrals", "converted_at")
        return [
            {**row, "person": row["referrer_customer_key"]}
            for row in rows
            if self.given.happened(row["referred_at"])
        ]

    @cached_property
    def feedback(self) -> list[Row]:
        rows = self._happened("feedback_items", "received_at")
        return [{**row, "person": row["customer_key"]} for row in rows]

    # ---- answers

    @cached_property
    def responses(self) -> dict[str, Row]:
        """Complete ones to a customer survey, by key."""
        kinds = {row["survey_key"]: row["kind"] for row in self.given.rows("surveys")}
        invited = {
            row["invitation_key"]: row["customer_key"]
            for row in self._happened("invitations", "sent_at")
        }
        found = {}
        for row in self._happened("responses", "responded_at"):
            kind = kinds.get(row["survey_key"])
            if row.get("is_complete") is False or kind in (None, "employee"):
                continue
            person = row["customer_key"] or invited.get(row["invitation_key"])
            person = person or self.facts.persons.owners.get(row.get("email"))
            found[row["response_key"]] = {**row, "person": person, "kind": kind}
        return found

    @cached_property
    def answers(self) -> list[Row]:
        """Numbers answered, with the response they are of."""
        return [
            {**self.responses[row["response_key"]], **row}
            for row in self.given.rows("answers")
            if row["response_key"] in self.responses and row.get("numeric_value") is not None
        ]

    @cached_property
    def promoters(self) -> list[Row]:
        return [r for r in self.answers if r["question_code"] == "nps" and r["numeric_value"] >= 9]

    # ---- the web

    @cached_property
    def web(self) -> list[Row]:
        rows = list(self._happened("web_events", "occurred_at"))
        known = defaultdict(set)
        visitors = {(row["system"], row["anonymous_id"]) for row in rows}
        systems = {system for system, _ in visitors}
        for row in rows:
            if row["customer_key"]:
                known[row["system"], row["anonymous_id"]].add(row["customer_key"])
        for row in self.given.rows("identities"):
            if row["identity_type"] != "web_anonymous_id":
                continue
            if self.given.happened(row.get("linked_at")):
                named = row.get("identity_system")
                for system in {named} & systems or systems:
                    known[system, row["identity_value"]].add(row["customer_key"])
        return [
            {
                **row,
                "person": row["customer_key"] or _only(known[row["system"], row["anonymous_id"]]),
            }
            for row in rows
        ]

    # ---- stages

    @cached_property
    def acts(self) -> dict[str, list[Act]]:
        """What lifts a person into a stage, contracts left out, by person."""
        found = defaultdict(list)

        def add(stage: str, rows: list[Row]) -> None:
            for row in rows:
                if row["person"] is not None:
                    act = Act(row["person"], row["at"], row["day"], stage)
                    found[row["person"]].append(act)

        add("advocacy", self.promoters + self.referrals + self.made_by_users)
        for person, orders in self.facts.orders_of.items():
            found[person] += [Act(person, o.at, o.day, "purchase") for o in orders]
        add("consideration", [row for row in self.web if row["event_name"] in CONSIDERING])
        first = {person: orders[0].at for person, orders in self.facts.orders_of.items()}
        add(
            "use",
            [
                row
                for row in self.web
                if row["event_name"] in USING and row["at"] > first.get(row["person"], datetime.max)
            ],
        )
        return dict(found)

    def stage(self, person: str, day: date) -> str:
        """The furthest reached in the 180 days before the business date `day` begins."""
        since = day - timedelta(days=STAGE_DAYS)
        reached = {act.kind for act in self.acts.get(person, ()) if since <= act.day < day}
        for contract in self.facts.contracts_of.get(person, ()):
            ended = contract.ended_at or datetime.max
            begins, begun = self.given.start_of(since), self.given.start_of(day)
            if contract.started_at < begun and ended >= begins:
                reached.add("use")
        return max(reached, key=STAGES.index, default="awareness")


def _only(found: set[Any]) -> Any:
    return next(iter(found)) if len(found) == 1 else None


def advocacy_kpis(engagement: Engagement) -> dict[str, Kpi]:
    """Those of section 7 on the community and on what users made."""
    feeds = engagement.given.feeds
    has_community = "community_events" in feeds
    contributions = [r for r in engagement.community if r["event_type"] in CONTRIBUTIONS]
    return {
        "ugc_created": Kpi(
            number,
            engagement.made_by_users,
            ("platform",),
            is_about_persons=False,
            is_live=bool(feeds & {"community_events", "mentions"}),
        ),
        "event_attendance_rate": Kpi(
            _attendance, list(_registrations(engagement)), is_live=has_community
        ),
        "community_contributors": Kpi(number_of_persons, contributions, is_live=has_community),
    }


def _registrations(engagement: Engagement) -> Iterator[Row]:
    def pair(row: Row) -> tuple:
        return row["person"], row["system"], row.get("community_event_id")

    named = [row for row in engagement.community if None not in pair(row)]
    attended = {pair(row) for row in named if row["event_type"] == "event_attended"}
    for row in named:
        if row["event_type"] == "event_registered":
            yield {**row, "pair": pair(row), "one": 1, "attended": int(pair(row) in attended)}


def _attendance(rows: list[Row], days: int) -> Any:
    """A pair registered twice in the period is one."""
    return share("attended", "one")(list({row["pair"]: row for row in rows}.values()), days)


def ends_of(day: date) -> date:
    return day + ONE_DAY

"""Random deliveries of what health and contact rest on: tickets, consents, terms and edges."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

from tests.engagement_feeds import Engaged
from tests.purchase_figures import Delivery, Row

PURPOSES = (
    "marketing_email", "marketing_line", "marketing_sms", "marketing_push", "marketing_phone",
    "analytics", "sns_linking",
)  # fmt: skip
# Ages in days on both sides of the windows of contacts, of the health score and of terms.
WATCHED = (
    *(-91, -90, -31, -2, -1, 0, 1, 6, 7, 8, 29, 30, 31, 89, 90, 91, 179, 180, 181, 269, 270),
    *(359, 360, 361, 364, 365, 366, 400),
)


class Cared(Engaged):
    """Beside what persons do: whether they asked for help, may be written to and stay."""

    def all_feeds(self) -> list[Delivery]:
        super().all_feeds()
        tickets = [self.ticket(i) for i in range(250)]
        again = {"resolved_at": [None, self.moment()], "customer_id": [None]}
        self.deliver_again("support_tickets", "help", tickets, **again)
        self.deliver("consents", "crm", list(self.consents(400)))
        self.deliver_again("subscription_changes", "crm", list(self.terms()), term_ends_at=[None])
        self.promoted()
        self.watched()
        self.deliver("support_tickets", "help", list(self.insistent()))
        return self.deliveries

    def ticket(self, number: int) -> Row:
        opened_at = self.moment()
        return {
            "ticket_id": f"T{number}",
            "customer_id": self.pick(None, self.who(), self.who()),
            "requester_email": self.pick(None, f"mailC{self.below(70)}", "shared", "nobody"),
            "opened_at": opened_at,
            "resolved_at": self.pick(None, opened_at, self.soon(opened_at), self.soon(opened_at)),
        }

    def insistent(self) -> Iterator[Row]:
        """Somebody who never asked before and asks three times in the last week."""
        for i in range(3):
            ticket = {"ticket_id": f"I{i}", "customer_id": "I", "requester_email": None}
            yield {**ticket, "opened_at": self.aged(2 + i), "resolved_at": None}

    def consents(self, number: int) -> Iterator[Row]:
        """Words given and taken back, some of both in one instant."""
        for i in range(number):
            word = {
                "consent_id": f"W{i}",
                "customer_id": self.who() or "C1",
                "purpose": self.pick(*PURPOSES),
                "granted": self.often(0.6),
                "recorded_at": self.pick(self.moment(), self.aged(self.pick(-1, 0, 1))),
            }
            yield word
            if self.often(0.1):
                yield {**word, "consent_id": f"V{i}", "granted": not word["granted"]}

    # ---- tiers

    def promoted(self) -> None:
        """Persons whose tier changes together, at the beginning of a month and beside it."""
        for name, days in product(range(20), (200, 400)):
            who = f"T{name}-{days}"
            first = {**self.customer(who), "email": None, "created_at": self.aged(500)}
            before, after = self.pick(("silver", "gold"), ("silver", "gold"), ("gold", "silver"))
            month = (self.as_of - timedelta(days=days)).replace(day=1)
            edge = datetime(month.year, month.month, 1, tzinfo=self.zone)
            edge = edge.astimezone(UTC).replace(tzinfo=None)
            at = edge + timedelta(seconds=self.pick(-1, 0, 0, 1, 86400 * 9))
            versions = [
                {**first, "membership_tier": before, "updated_at": self.aged(500)},
                {**first, "membership_tier": after, "updated_at": at},
                {**first, "membership_tier": after, "updated_at": at + timedelta(days=9)},
            ]
            for late, version in enumerate(versions):
                self.deliver("customers", "crm", [version], late)

    # ---- contracts

    def contract(self, number: int) -> Row:
        row = super().contract(number)
        due = (None, self.moment(), self.aged(self.pick(*WATCHED)), self.aged(-self.below(120)))
        return {**row, "term_ends_at": self.pick(*due)}

    def terms(self) -> Iterator[Row]:
        for i in range(120):
            change = {
                "change_id": f"H{i}",
                "subscription_id": f"S{self.below(62)}",
                "change_type": self.pick("renewed", "renewed", "amount_changed"),
                "amount": self.pick(None, self.money(100)),
                "effective_at": self.moment(),
                "term_ends_at": self.pick(None, self.moment(), self.aged(self.pick(*WATCHED))),
            }
            yield change
            if self.often(0.1):  # two in one second
                due = self.pick(change["term_ends_at"], self.aged(-40))
                yield {**change, "change_id": f"G{i}", "term_ends_at": due}

    # ---- edges

    def watched(self) -> None:
        """Persons of whom each thing that is looked at lies on the edge of its window."""
        made: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for place, days in enumerate(WATCHED * 2):
            who = f"H{place}"
            for i in range(1 + self.below(4)):
                at = self.aged(days + self.pick(0, 0, 0, 1, -1, 60, 180))
                for feed, row in self.deeds(who, f"{who}-{i}", at, days):
                    made[feed].append(row if feed[0] == "answers" else {"customer_id": who, **row})
            for i in range(self.pick(0, 3, 12)):
                seen = self.visit(who, f"{who}+{i}", self.aged(days + i))
                made["web_events", "app"].append({"customer_id": who, **seen})
            for i in range(self.pick(0, 6, 7, 8)):
                asked = {"invitation_id": f"{who}+{i}", "sent_at": self.aged(days)}
                made["invitations", "survey"].append(
                    {"customer_id": who, "survey_id": "REL", **asked}
                )
            for i in range(self.pick(1, 2, 3) if days >= 0 else 0):
                running = {"customer_id": who, "ended_at": None, "started_at": self.aged(days + i)}
                contract = {**self.contract(900 + 3 * place + i), **running}
                made["subscriptions", "crm"].append(contract)
        for (feed, system), rows in made.items():
            self.deliver(feed, system, rows)

    def deeds(
        self, who: str, name: str, at: datetime, days: int
    ) -> Iterator[tuple[tuple[str, str], Row]]:
        if self.often(0.7):
            plain = {"status": "completed", "currency": "JPY", "is_test": False}
            ordered_at = self.aged(max(days, 0) + self.pick(0, 1, 30, 180, 181, 360))
            plain |= {"order_id": name, "customer_id": who, "ordered_at": ordered_at}
            yield ("orders", "shop"), {**self.order(0), **plain}
        yield ("web_events", "app"), self.visit(who, name, at)
        if self.often(0.5):
            resolved_at = self.pick(None, None, self.aged(-1), self.aged(0))
            ticket = {"ticket_id": name, "opened_at": at, "resolved_at": resolved_at}
            yield ("support_tickets", "help"), {"requester_email": None, **ticket}
        for event in self.sent(name, days):
            yield ("message_events", "mail"), event
        sent = {"invitation_id": name, "survey_id": "REL", "sent_at": at}
        yield ("invitations", "survey"), sent
        response = {"response_id": name, "survey_id": self.pick("REL", "TRX", "EMP")}
        responded_at = self.pick(at, self.aged(days))
        yield ("responses", "survey"), {**response, "responded_at": responded_at}
        score = Decimal(self.below(11))
        answer = {"response_id": name, "question_code": "nps", "numeric_value": score}
        yield ("answers", "survey"), answer

    def visit(self, who: str, name: str, at: datetime) -> Row:
        return {
            "event_id": name,
            "anonymous_id": who,
            "session_id": None,
            "occurred_at": at,
            "event_name": self.pick("app_open", "app_open", "feature_use", "login"),
            "platform": self.pick("ios", "android"),
        }

    def sent(self, name: str, days: int) -> Iterator[Row]:
        """A message, which may have come and been opened."""
        at = self.aged(days)
        message = {"message_id": name, "channel": self.pick("email", "line", "sms")}
        yield {**message, "event_id": f"{name}-0", "event_type": "sent", "occurred_at": at}
        shares = {"delivered": 0.7, "bounced": 0.1, "opened": 0.4, "clicked": 0.2}
        for kind, share in shares.items():
            if self.often(share):
                yield {
                    **message,
                    "event_id": f"{name}-{kind}",
                    "event_type": kind,
                    "occurred_at": self.soon(at),
                    "is_machine_open": self.often(0.2) if kind == "opened" else None,
                }

"""Random deliveries of all that persons do and are sent beside buying, awkward rows included."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product

from tests.made_up import CATEGORIES, MadeUp
from tests.purchase_figures import Delivery, Row

# What each system of messages reports beside `sent`, and over which channels it sends.
SENDERS: dict[str, tuple[tuple[str, ...], tuple[str | None, ...]]] = {
    "mail": (
        ("delivered", "bounced", "opened", "clicked", "unsubscribed", "complained", "other"),
        (None, None, "email", "line"),
    ),
    "push": (("bounced", "clicked"), ("push", "sms", "email")),
    "old": (("opened", "unsubscribed"), ("email", "other")),
}
COMMUNITY = ("post", "answer", "review", "ugc", "idea", "other")
EVENTS = (
    "page_view", "product_view", "document_download", "add_to_cart", "purchase", "login",
    "app_open", "feature_use", "other",
)  # fmt: skip
# Ages in days on both sides of what the definitions look back.
EDGES = (0, 30, 31, 60, 61, 90, 91, 120, 121, 179, 180, 181, 240, 241, 364, 365)


class Engaged(MadeUp):
    """The deliveries of purchases, and messages, community, mentions, answers and the app."""

    id_systems: Mapping[str, Mapping[str, str]] = {
        "customer_id": dict.fromkeys(
            ["shop", "forum", "survey", "web", "app", "help", *SENDERS], "crm"
        ),
        "product_id": {"pos": "shop"},
        "campaign_id": dict.fromkeys(["totals", "web", *SENDERS], "crm"),
    }

    def all_feeds(self) -> list[Delivery]:
        super().all_feeds()
        self.send(700)
        self.deliver("message_stats_daily", "totals", list(self.totals(("line", "email"))))
        self.deliver("message_stats_daily", "push", list(self.totals(("push", "line"))))
        community = list(self.community(500))
        self.deliver_again("community_events", "forum", community, event_type=[*COMMUNITY])
        self.deliver("identities", "crm", list(self.handles()))
        self.deliver("mentions", "sns", list(self.mentions(300)))
        self.deliver_again("referrals", "crm", list(self.referrals(120)), converted_at=[None])
        items = [self.feedback(i) for i in range(120)]
        self.deliver_again("feedback_items", "help", items, received_at=[self.moment()])
        self.answers()
        self.deliver("web_events", "web", list(self.visits("web", 500)))
        self.deliver("web_events", "app", list(self.visits("app", 500)))
        self.on_the_edge()
        return self.deliveries

    def soon(self, at: datetime) -> datetime:
        """Some time after: at once, in an hour, days or more than a month."""
        seconds = self.pick(0, self.below(3600), self.below(7 * 86400), self.below(50 * 86400))
        return at + timedelta(seconds=seconds)

    def who(self) -> str | None:
        """A customer, one whom the CRM does not know, or nobody."""
        return self.pick(*[f"C{self.below(70)}"] * 7, f"X{self.below(4)}", None)

    def aged(self, days: int) -> datetime:
        """An instant so many business dates before the last, often at its very edge."""
        day = self.as_of - timedelta(days=days)
        hour, minute, second = self.pick((0, 0, 0), (23, 59, 59), (self.below(24), 5, 0))
        local = datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=self.zone)
        return local.astimezone(UTC).replace(tzinfo=None)

    # ---- messages

    def send(self, number: int) -> None:
        """Events of about so many messages of each system."""
        for system, (reported, channels) in SENDERS.items():
            events = list(self.messages(system, reported, channels, number))
            self.deliver_again("message_events", system, events, event_type=["other", *reported])

    def messages(
        self, system: str, reported: tuple[str, ...], channels: tuple, number: int
    ) -> Iterator[Row]:
        used = set()
        for i in range(number):
            message_id, channel = f"M{self.below(number)}", self.pick(*channels)
            if (message_id, channel or "email") in used:
                continue  # but in another channel or system it is another message
            used.add((message_id, channel or "email"))
            to, at = self.addressee(), self.moment()
            campaign = self.pick(None, "K1", "K2", "K9")
            types = ["sent"] if self.often(0.85) else []
            types += [kind for kind in reported if self.often(0.3)]
            types += [self.pick(*reported)] if self.often(0.1) or not types else []
            for place, kind in enumerate(types):
                yield {
                    "event_id": f"{system[0]}{i}-{place}",
                    **(to if place == 0 or self.often(0.6) else {}),
                    "campaign_id": campaign if place == 0 or self.often(0.7) else None,
                    "message_id": message_id,
                    "channel": channel,
                    "event_type": kind,
                    "occurred_at": at if place == 0 else self.soon(at),
                    "is_machine_open": self.pick(None, True, False) if kind == "opened" else None,
                }

    def addressee(self) -> Row:
        who = self.below(70)
        return self.pick(
            {"customer_id": f"C{who}", "recipient": "nobody"},
            {"customer_id": f"C{who}"},
            {"customer_id": f"X{who % 5}"},
            {"recipient": f"mailC{who}"},
            {"recipient": f"mailC{who}@pos"},
            {"recipient": self.pick("shared", "nobody", "only3")},
            {},
        )

    def totals(self, channels: tuple[str, ...]) -> Iterator[Row]:
        without = self.pick("delivered", "opened", "unsubscribed", "bounced")
        for _ in range(200):
            sent = self.below(40)
            delivered = sent - self.below(sent + 1) // 4
            row = {
                "channel": self.pick(*channels),
                "campaign_id": self.pick("K1", "K2", "K9"),
                "date": self.first + timedelta(days=self.below(940)),
                "sent": sent,
                "delivered": delivered,
                "opened": self.below(delivered + 1),
                "clicked": self.below(delivered + 3),  # some of messages of another day
                "bounced": sent - delivered,
                "unsubscribed": self.below(delivered + 1) // 5,
            }
            for name in ("sent", "delivered", "opened", "clicked", "bounced", "unsubscribed"):
                if name == without or self.often(0.05):
                    row[name] = None
            yield row

    # ---- community, mentions, referrals, feedback

    def community(self, number: int) -> Iterator[Row]:
        for i in range(number):
            is_event = self.often(0.5)
            kind = self.pick("event_registered", "event_registered", "event_attended")
            yield {
                "event_id": f"V{i}",
                "customer_id": self.who(),
                "event_type": kind if is_event else self.pick(*COMMUNITY),
                "community_event_id": self.pick("meet1", "meet2", None) if is_event else None,
                "channel": self.pick("forum", "offline_meetup", None),
                "occurred_at": self.moment(),
            }

    def handles(self) -> Iterator[Row]:
        """Handles of one person, of two, of one platform or of any, some linked later."""
        for i in range(60):
            yield {
                "customer_id": f"C{self.below(70)}",
                "identity_type": self.pick("sns_handle", "sns_handle", "sns_handle", "line_id"),
                "identity_system": self.pick(None, "x", "instagram"),
                "identity_value": f"handle{self.below(45)}",
                "linked_at": self.pick(None, None, self.moment()),
            }
            yield {
                "customer_id": f"C{self.below(70)}",
                "identity_type": "web_anonymous_id",
                "identity_system": self.pick(None, "web", "app"),
                "identity_value": f"W{i}",
                "linked_at": self.pick(None, self.moment()),
            }

    def mentions(self, number: int) -> Iterator[Row]:
        for i in range(number):
            yield {
                "platform": self.pick("x", "instagram", "google"),
                "mention_id": f"Q{i // 2}",
                "author_handle": self.pick(None, *[f"handle{self.below(50)}"] * 9),
                "occurred_at": self.moment(),
                "rating": self.pick(None, Decimal(self.below(5) + 1)),
                "is_ugc": self.pick(None, True, False),
            }

    def referrals(self, number: int) -> Iterator[Row]:
        for i in range(number):
            at = self.moment()
            yield {
                "referral_id": f"R{i}",
                "referrer_customer_id": self.who() or "C1",
                "referee_customer_id": self.who(),
                "referred_at": at,
                "converted_at": self.pick(None, self.soon(at), at + timedelta(days=400)),
            }

    def feedback(self, number: int) -> Row:
        return {
            "feedback_id": f"F{number}",
            "customer_id": self.who(),
            "theme": "price",
            "received_at": self.moment(),
        }

    # ---- answers

    def answers(self) -> None:
        kinds = {"REL": "relationship", "TRX": "transactional", "ENG": "engagement"}
        surveys = [{"survey_id": i, "kind": k} for i, k in {**kinds, "EMP": "employee"}.items()]
        self.deliver("surveys", "survey", surveys)
        invitations = [
            {
                "invitation_id": f"I{i}",
                "survey_id": "REL",
                "customer_id": self.who(),
                "sent_at": self.moment(),
            }
            for i in range(150)
        ]
        self.deliver("invitations", "survey", invitations)
        responses = [
            {
                "response_id": f"A{i}",
                "survey_id": self.pick("REL", "REL", "TRX", "ENG", "EMP", "GONE"),
                "invitation_id": self.pick(None, f"I{self.below(160)}"),
                "customer_id": self.pick(None, self.who(), self.who()),
                "email": self.pick(None, f"mailC{self.below(70)}", "shared"),
                "is_complete": self.pick(None, True, True, False),
                "responded_at": self.moment(),
            }
            for i in range(400)
        ]
        self.deliver("responses", "survey", responses)
        self.deliver("answers", "survey", list(self.scores(responses)))

    def scores(self, responses: list[Row]) -> Iterator[Row]:
        questions = {"nps": (0, 11), "empathy_1": (1, 6), "empathy_2": (1, 6)}
        questions |= {"attachment_1": (1, 6), "attachment_x": (1, 6), "csat": (1, 6)}
        for response, (question, (low, high)) in product(responses, questions.items()):
            if self.often(0.4):
                yield {
                    "response_id": response["response_id"],
                    "question_code": question,
                    "numeric_value": self.pick(
                        None, *[Decimal(low + self.below(high - low))] * 8, Decimal(high - 1)
                    ),
                }

    # ---- the app and the web

    def visits(self, system: str, number: int) -> Iterator[Row]:
        for i in range(number):
            yield {
                "event_id": f"E{i}",
                "anonymous_id": f"W{self.below(60)}",
                "customer_id": self.pick(None, None, None, self.who()),
                "session_id": self.pick(None, f"S{i // 3}"),
                "occurred_at": self.moment(),
                "event_name": self.pick(*EVENTS),
                "platform": "web" if system == "web" else self.pick("ios", "android"),
            }

    # ---- products and orders with all that upgrades, premium and discounts need

    def price_list(self) -> None:
        rows = []
        for i in range(20):
            fixed = {"product_family": self.pick(None, "lamps", "chairs", "desks"), "grade": i % 6}
            fixed["grade"] = self.pick(fixed["grade"], fixed["grade"], None)
            moments = [None if self.often(0.5) else self.moment() for _ in range(2)]
            for valid_from in dict.fromkeys(moments):
                rows.append(
                    {
                        "product_id": f"P{i}",
                        "valid_from": valid_from,
                        "name": f"Product {i}",
                        "category": self.pick(*CATEGORIES, "plants", "tools", "paper"),
                        **fixed,
                        "list_price": self.pick(None, Decimal(30), Decimal(45), Decimal(60)),
                        "reference_price": self.pick(None, Decimal(30), Decimal(45)),
                        "unit_cost": self.pick(None, self.money(40)),
                        "currency": self.pick(None, "JPY", "JPY", "USD"),
                    }
                )
        self.deliver("products", "shop", rows)

    def items(self, number: int) -> list[Row]:
        rows = super().items(number)
        for row in rows:
            if self.often(0.5):
                row["line_total"] = row["quantity"] * self.pick(
                    Decimal(30), Decimal(45), Decimal("44.99"), Decimal(60)
                )
            row["discount"] = self.pick(None, Decimal(0), Decimal(0), Decimal(5))
        return rows

    def order(self, number: int) -> Row:
        row = super().order(number)
        row["discount"] = self.pick(None, Decimal(0), row["discount"])
        return row

    def on_the_edge(self) -> None:
        """Persons who did one thing, or a few, exactly as long ago as a definition looks back."""
        orders, refunds, events, mails, posts = [], [], [], [], []
        for place, (days, number) in enumerate(product(EDGES, (1, 2, 3))):
            who = f"Z{place}"
            for i in range(number if place % 4 else number + 4):
                orders.append(
                    {
                        **self.order(0),
                        "order_id": f"{who}-{i}",
                        "customer_id": who,
                        "ordered_at": self.aged(days + self.pick(0, 0, i)),
                        "status": "completed",
                        "subtotal": self.pick(Decimal(0), Decimal(10), Decimal(10), Decimal(20)),
                        "discount": self.pick(None, Decimal(0), Decimal(5)),
                        "currency": "JPY",
                        "is_test": False,
                    }
                )
            if self.often(0.2):
                refunds.append(
                    {
                        "refund_id": f"{who}-back",
                        "order_id": f"{who}-0",
                        "amount": self.pick(Decimal(10), Decimal(30)),
                        "refunded_at": self.aged(self.pick(0, days)),
                    }
                )
            doer = self.pick(who, f"Y{place}", f"C{self.below(70)}")
            events.append(
                {
                    "event_id": f"edge{place}",
                    "customer_id": doer,
                    "event_type": self.pick("ugc", "review", "idea", "post"),
                    "occurred_at": self.aged(days),
                }
            )
            posts.append(
                {
                    "event_id": f"edge{place}",
                    "anonymous_id": f"edge{place}",
                    "customer_id": self.pick(who, f"Y{place}"),
                    "session_id": None,
                    "occurred_at": self.aged(days),
                    "event_name": self.pick(*EVENTS),
                    "platform": "ios",
                }
            )
            mails.append(
                {
                    "referral_id": f"edge{place}",
                    "referrer_customer_id": self.pick(who, f"Y{place}"),
                    "referee_customer_id": None,
                    "referred_at": self.aged(days),
                    "converted_at": self.pick(None, self.aged(days)),
                }
            )
        known = [{**self.customer(f"Z{i}"), "email": None} for i in range(0, len(EDGES) * 3, 2)]
        self.deliver("customers", "crm", known)
        self.deliver("orders", "shop", orders)
        self.deliver("refunds", "shop", refunds)
        self.deliver("community_events", "forum", events)
        self.deliver("web_events", "app", posts)
        self.deliver("referrals", "crm", mails)

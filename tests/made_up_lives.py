"""Random deliveries of persons who also buy in grades, renew contracts, answer and are won."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

from tests.made_up import CATEGORIES, MadeUp
from tests.purchase_figures import Delivery, Row

SECOND = timedelta(seconds=1)
QUESTIONS = ("nps", "empathy_1", "empathy_2", "empathy_trust", "attachment_1", "attachment_2")


class MadeUpLives(MadeUp):
    """Beside sales: grades and prices, terms and amounts, answers, costs and feature use."""

    id_systems: Mapping[str, Mapping[str, str]] = {
        "customer_id": {"shop": "crm", "survey": "crm", "web": "crm"},
        "product_id": {"pos": "shop"},
        "campaign_id": {"ads": "crm"},
    }

    def all_feeds(self) -> list[Delivery]:
        super().all_feeds()
        self.given_up()
        self.changes()
        self.costs()
        self.surveys()
        self.web()
        return self.deliveries

    def rows(self, feed: str) -> Iterable[Row]:
        return [row for d in self.deliveries if d.feed == feed for row in d.rows]

    def near(self, moment: datetime, *days: int) -> datetime:
        """So many days from a moment, at its time of the day or a second off."""
        return moment + timedelta(days=self.pick(*days)) + self.pick(-1, 0, 0, 1) * SECOND

    # ---- what is bought

    def price_list(self) -> None:
        self.prices: dict[str, list[Row]] = {}
        for i in range(24):
            family, grade = self.pick(None, "pen", "pen", "pen", "bag"), self.pick(None, 1, 2, 3, 4)
            for valid_from in self.different(0.3):
                if self.often(0.1):
                    grade = self.pick(None, 1, 2, 3, 4)
                self.prices.setdefault(f"P{i}", []).append(
                    {
                        "product_id": f"P{i}",
                        "valid_from": valid_from,
                        "name": f"Product {i}",
                        "category": self.pick(*CATEGORIES, "music", "games"),
                        "product_family": family,
                        "grade": grade,
                        "list_price": self.pick(None, self.money(60), self.money(60)),
                        "reference_price": self.pick(None, self.money(60), self.money(60)),
                        "unit_cost": self.pick(None, self.money(40), self.money(40)),
                        "currency": self.pick(None, "JPY", "JPY", "USD"),
                    }
                )
        rows = [row for prices in self.prices.values() for row in prices]
        self.deliver_again("products", "shop", rows, grade=[None, 2], list_price=[None, Decimal(9)])

    def items(self, number: int) -> list[Row]:
        """Lines of which many cost just what a price list says, or a little more or less."""
        lines = super().items(number)
        for line in lines:
            if line["product_id"] != "unknown":
                line["product_id"] = f"P{self.below(24) if self.often(0.5) else self.below(6)}"
            prices = self.prices.get(line["product_id"])
            if prices and self.often(0.7):
                asked = self.pick(*prices)[self.pick("list_price", "reference_price")]
                if asked is not None:
                    off = self.pick(Decimal(0), Decimal(0), Decimal("0.01"), Decimal("-0.01"))
                    line["line_total"] = max(Decimal(0), asked * line["quantity"] + off)
        return lines

    # ---- contracts

    def contract(self, number: int) -> Row:
        row = super().contract(number)
        if number % 8 == 7:  # another contract of a person who has one
            row["customer_id"] = self.owner
        self.owner = row["customer_id"]
        if self.often(0.1):
            row["ended_at"] = self.edge(row["started_at"])
        due = self.pick(None, *[self.near(row["started_at"], 30, 90, 365)] * 3, self.moment())
        return {
            **row,
            "amount": self.pick(Decimal(0), self.money(100), self.money(100), self.money(3000)),
            "currency": self.pick("JPY", "JPY", "USD"),
            "billing_period": self.pick("month", "month", "year"),
            "plan": self.pick(None, "basic", "plus"),
            "cancel_reason": self.pick(None, "price", "moved"),
            "term_ends_at": due,
        }

    def given_up(self) -> None:
        """Contracts that so many end in two months that their reasons can be shown."""
        rows = []
        for i in range(40):
            day = (self.as_of - timedelta(days=self.pick(100, 400))).replace(day=1)
            ended_at = self.begin(day) + self.pick(-1, 0, 1, 86400, 86400 * 20) * SECOND
            row = {**self.contract(200 + i), "customer_id": f"L{self.pick(i, i, i // 2)}"}
            row |= {"started_at": ended_at - timedelta(days=60 + i), "ended_at": ended_at}
            rows.append({**row, "plan": "basic", "cancel_reason": self.pick("price", "moved")})
        self.deliver("subscriptions", "crm", rows)

    def edge(self, after: datetime) -> datetime:
        """The beginning of a month, in the business zone, or a second beside it."""
        day = (after + timedelta(days=40 + self.below(300))).date().replace(day=1)
        return self.begin(day) + self.pick(-1, 0, 1) * SECOND

    def begin(self, day: date) -> datetime:
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone)
        return (local - local.utcoffset()).replace(tzinfo=None)

    def changes(self) -> None:
        """Of each contract a history, which the contract's own row does not always know."""
        found = []
        for row in {row["subscription_id"]: row for row in self.rows("subscriptions")}.values():
            found += self.history(row)
        found += [
            {
                "subscription_id": "S404",
                "change_type": "renewed",
                "amount": Decimal(5),
                "effective_at": self.moment(),
                "term_ends_at": self.moment(),
            }
        ]
        numbered = [{"change_id": f"H{i}", **row} for i, row in enumerate(found)]
        self.deliver_again("subscription_changes", "crm", numbered, amount=[None, Decimal(8)])

    def history(self, row: Row) -> Iterable[Row]:
        started_at = row["started_at"]
        if self.often(0.3):
            yield self.change(row, "started", started_at, self.near(started_at, 30, 365))
        due = row["term_ends_at"] or self.near(started_at, 30, 365)
        for _ in range(self.below(5)):
            at = self.near(due, -31, -30, -3, 0, 0, 0, 7, 30, 31)
            due = self.near(due, 30, 31, 90)
            yield self.change(row, "renewed", at, self.pick(due, due, None))
        for _ in range(self.below(4)):
            at = self.pick(self.moment(), self.edge(started_at), started_at - 9 * SECOND)
            yield self.change(row, "amount_changed", at, None)
            if self.often(0.2):  # two in one second
                yield self.change(row, "amount_changed", at, None)
        if row["ended_at"] and self.often(0.5):
            yield self.change(row, "cancelled", row["ended_at"], None)

    def change(self, row: Row, kind: str, at: datetime, due: datetime | None) -> Row:
        return {
            "subscription_id": row["subscription_id"],
            "change_type": kind,
            "amount": self.pick(None, self.money(100), row["amount"]),
            "effective_at": at,
            "term_ends_at": due,
        }

    # ---- what it costs to win a customer

    def costs(self) -> None:
        names = [f"K{i}" for i in range(1, 9)]
        self.deliver("campaigns", "crm", [self.paid_campaign(name) for name in names], late=1)
        days = [self.first + timedelta(days=self.below(930)) for _ in range(500)]
        days += [self.as_of + timedelta(days=i) for i in (-1, 0, 1)]
        rows = [
            {
                "platform": self.pick("x", "instagram"),
                "campaign_id": self.pick("K1", "K2", "K3", "K4", "K404"),
                "ad_id": self.pick("A", "B"),
                "date": day,
                "cost": self.pick(None, self.money(50), self.money(50)),
                "currency": self.pick(None, "JPY", "USD"),
            }
            for day in days
        ]
        rows += [
            {
                "platform": "x",
                "campaign_id": "K5",
                "ad_id": "unpaid",
                "date": self.first + timedelta(days=300 + i),
                "cost": None,
                "currency": "JPY",
            }
            for i in range(40)
        ]
        self.deliver_again("ads_daily", "ads", rows, cost=[None, Decimal(4)])

    def paid_campaign(self, name: str) -> Row:
        started_at = self.moment()
        return {
            **self.campaign(name),
            "started_at": started_at,
            "ended_at": self.pick(
                None,
                started_at,
                self.edge(started_at),
                started_at + timedelta(days=self.below(400)),
                max(started_at, self.begin(self.as_of + timedelta(days=self.below(40)))),
            ),
            "objective": self.pick("acquisition", "acquisition", "acquisition", "retention", None),
            "cost": self.pick(None, self.money(4000), self.money(4000), self.money(4000)),
            "currency": self.pick(None, "JPY", "USD"),
        }

    # ---- answers

    def surveys(self) -> None:
        kinds = {"REL": "relationship", "TRX": "transactional", "ENG": "engagement"}
        kinds |= {"REL2": "relationship", "EMP": "employee"}
        rows = [{"survey_id": name, "kind": kind} for name, kind in kinds.items()]
        self.deliver("surveys", "survey", rows)
        invitations = [
            {
                "invitation_id": f"V{i}",
                "survey_id": self.pick(*kinds),
                "customer_id": self.pick(None, f"C{self.below(80)}"),
                "sent_at": self.moment(),
            }
            for i in range(60)
        ]
        self.deliver("invitations", "survey", invitations)
        responses = [self.response(i) for i in range(700)]
        self.deliver_again("responses", "survey", responses, is_complete=[False, None])
        answers = [answer for row in responses for answer in self.answers(row["response_id"])]
        self.deliver("answers", "survey", [*answers, *self.answers("unknown")])
        again = [a for i in range(30) for a in self.answers(f"R{i}")]  # a response's answers anew
        self.deliver("answers", "survey", again, late=1)
        self.orders_after(responses)

    def response(self, number: int) -> Row:
        return {
            "response_id": f"R{number}",
            "survey_id": self.pick("REL", "REL", "REL", "REL2", "TRX", "ENG", "EMP", "gone"),
            "invitation_id": self.pick(None, None, f"V{self.below(64)}"),
            "customer_id": self.pick(None, *[f"C{self.below(70)}"] * 4, f"C{self.below(8)}", "X7"),
            "email": self.pick(None, "shared", f"mailC{self.below(70)}"),
            "touchpoint": self.pick(None, "shop", "call"),
            "store_id": self.pick(None, "1", "2", "2"),
            "is_complete": self.pick(None, True, True, True, False),
            "responded_at": self.moment(),
        }

    def answers(self, response_id: str) -> Iterable[Row]:
        for question in QUESTIONS:
            score = self.below(11) if question == "nps" else 1 + self.below(5)
            if self.often(0.6):
                yield {
                    "response_id": response_id,
                    "question_code": question,
                    "numeric_value": self.pick(None, *[Decimal(score)] * 9),
                }

    def orders_after(self, responses: list[Row]) -> None:
        """Orders at, just before and just after an answer and the end of its 180 days."""
        answered = [row for row in responses if row["customer_id"]][:120]
        orders = [
            {
                **self.order(i),
                "order_id": f"N{i}",
                "customer_id": row["customer_id"],
                "status": "completed",
                "cancelled_at": None,
                "is_test": None,
                "ordered_at": self.near(row["responded_at"], 0, 0, 1, 179, 180, 181),
            }
            for i, row in enumerate(answered)
        ]
        self.deliver("orders", "shop", orders, late=1)

    # ---- web and app

    def web(self) -> None:
        created = {
            row["customer_id"]: row["created_at"]
            for row in self.rows("customers")
            if row["created_at"]
        }
        names = sorted(created)
        links = [
            {
                "customer_id": f"C{self.below(70)}",
                "identity_type": "web_anonymous_id",
                "identity_system": self.pick(None, "web", "app"),
                "identity_value": f"W{self.below(60)}",
                "linked_at": self.pick(None, self.moment()),
            }
            for _ in range(30)
        ]
        self.deliver("identities", "crm", links, late=1)
        events = []
        for i in range(400):
            name = self.pick(*names)
            events.append(
                {
                    "event_id": f"E{i}",
                    "anonymous_id": f"W{self.below(60)}",
                    "customer_id": self.pick(None, name, name) if self.often(0.3) else None,
                    "occurred_at": self.pick(
                        self.moment(), self.near(created[name], -1, 0, 1, 15, 29, 30, 31)
                    ),
                    "event_name": self.pick("feature_use", "feature_use", "app_open", "page_view"),
                    "platform": self.pick("web", "ios", None),
                }
            )
        self.deliver("web_events", "web", events)

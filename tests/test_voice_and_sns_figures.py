"""Every figure of votes, invitations, posts, followers and mentions, computed a second time.

Random deliveries full of awkward cases go through the models once; the same figures are
then computed here, row by row and apart from the SQL, at every grain and cut.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.raw_data import RawData

AS_OF = date(2025, 8, 20)
FISCAL_YEAR_START = 4
ZONE = timedelta(hours=9)  # Asia/Tokyo has no summer time
GRAINS = ("day", "week", "month", "quarter", "year")
PERSON_CUTS = [
    "membership_tier",
    "prefecture",
    "acquisition_channel",
    "customer_segment",
    "gender",
    "age_band",
    "industry",
    "company_size",
    "tenure_band",
]
EVENT_TIMES = [
    "sent_at",
    "responded_at",
    "posted_at",
    "occurred_at",
    "ordered_at",
    "started_at",
    "date",
]
Z = 1.959963984540054

BREAK = date(2025, 7, 15)
BREAKS = f"""platform,metric,break_date,reason
instagram,impressions,{BREAK},views replace impressions
x,followers,{BREAK},bots left out
tiktok,likes,{BREAK},nobody posts there
youtube,followers,{BREAK - timedelta(days=40)},nobody reads them there
"""

Row = dict[str, Any]
Cells = dict[tuple[str, str], list[Row]]


# ---- random deliveries


def made_up(seed: int) -> dict[str, list[Row]]:
    """Feeds by name, with answers around midnight, ties, unknown parents and gaps."""
    random = np.random.default_rng(seed)

    def pick(*options: Any) -> Any:
        return options[random.integers(len(options))]

    def moment(first: date, days: int) -> datetime:
        whole = datetime(first.year, first.month, first.day) - ZONE
        seconds = pick(0, 86399, int(random.integers(86400)), int(random.integers(86400)))
        return whole + timedelta(days=int(random.integers(days)), seconds=seconds)

    spring, days = date(2025, 5, 20), 110
    births = [
        pick(None, date(1950, 8, 1) + timedelta(days=int(random.integers(20000))))
        for _ in range(50)
    ]
    customers = [
        {
            "customer_id": f"C{i}",
            "account_id": pick(None, f"A{i % 3}"),
            "email": "shared@x" if i in (1, 2) else f"c{i}@x",
            "birth_date": births[i],
            "gender": pick("female", "male", None),
            "prefecture": pick("Tokyo", "Osaka", "Kyoto"),
            "acquisition_channel": pick("store", "paid_social"),
            "customer_segment": pick("consumer", "business"),
            "membership_tier": pick("gold", "silver", None),
            "created_at": datetime(2025, 1, 5),
            "updated_at": moment(date(2025, 3, 1), 160),
        }
        for i in range(50)
        for _ in range(pick(1, 1, 2))
    ]
    surveys = [
        {"survey_id": "REL", "kind": "relationship"},
        {"survey_id": "REL2", "kind": "relationship"},
        {"survey_id": "TRX", "kind": "transactional"},
        {"survey_id": "ENG", "kind": "engagement"},
        {"survey_id": "EMP", "kind": "employee"},
    ]
    invitations = [
        {
            "invitation_id": f"I{i}",
            "survey_id": pick("REL", "TRX"),
            "customer_id": pick(None, f"C{random.integers(60)}", f"C{random.integers(60)}"),
            "touchpoint": pick(None, "shop", "call"),
            "sent_at": moment(spring, days),
        }
        for i in range(250)
    ]
    responses = [
        {
            "response_id": f"R{i}",
            "survey_id": pick("REL", "REL", "REL2", "TRX", "TRX", "ENG", "EMP", "UNKNOWN"),
            "invitation_id": pick(None, f"I{random.integers(260)}"),
            "customer_id": pick(None, f"C{random.integers(20)}", f"C{random.integers(60)}"),
            "email": pick(None, f"c{random.integers(60)}@x", "shared@x"),
            "department": pick("sales", "support", "support"),
            "touchpoint": pick(None, "shop", "call"),
            "store_id": pick(None, "S1", "S2", "S2"),
            "weight": pick(None, 0.5, 1.25, 3),
            "is_complete": pick(None, True, True, True, False),
            "responded_at": moment(spring, days),
        }
        for i in range(900)
    ]
    scales = {"nps": (0, 11), "csat": (1, 6), "ces": (1, 8), "empathy_1": (1, 6)}
    answers = [
        {
            "response_id": response["response_id"],
            "question_code": question,
            "numeric_value": pick(None, *[int(random.integers(*scale))] * 9),
        }
        for response in [*responses, {"response_id": "UNKNOWN"}]
        for question, scale in scales.items()
        if random.random() < 0.7
    ]
    accounts = [
        {
            "platform": platform,
            "account_id": f"main_{platform}",
            "date": spring + timedelta(days=day),
            "followers": pick(None, *[int(random.integers(900, 1100))] * 6),
            "blocks": pick(None, int(random.integers(100))),
        }
        for platform in ("instagram", "facebook", "line", "x")
        for day in range(-5, days)
        if random.random() < 0.3
    ]
    posts = [
        {
            "platform": (platform := pick("instagram", "facebook", "line", "x", "youtube")),
            "post_id": f"P{i}",
            "account_id": pick(None, f"main_{platform}", f"main_{platform}"),
            "posted_at": moment(spring, days),
            "content_type": pick(None, "photo", "video"),
            "campaign_id": pick(None, "K1", "K2"),
        }
        for i in range(120)
    ]
    readings = [
        {
            "platform": post["platform"],
            "post_id": post["post_id"],
            "date": (post["posted_at"] + ZONE).date() + timedelta(days=age),
            "reach": None if post["platform"] == "x" else pick(None, int(random.integers(500))),
            **{name: pick(None, int(random.integers(60))) for name in FIGURES},
        }
        for post in posts
        for age in range(45)
        if random.random() < 0.12
    ]
    mentions = [
        {
            "platform": pick("instagram", "google"),
            "mention_id": f"M{i}",
            "occurred_at": moment(spring, days),
            "rating": pick(None, int(random.integers(1, 6))),
            "is_ugc": pick(None, True, False),
        }
        for i in range(150)
    ]
    return {
        "customers": customers,
        "accounts": [
            {
                "account_id": f"A{i}",
                "industry": ("retail", None, "food")[i],
                "company_size": "1-9",
                "updated_at": datetime(2025, 1, 1),
            }
            for i in range(2)
        ],
        "campaigns": [{"campaign_id": "K1", "name": "Summer", "started_at": moment(spring, 5)}],
        "orders": [
            {
                "order_id": f"O{i}",
                "customer_id": f"C{random.integers(50)}",
                "ordered_at": moment(date(2024, 7, 1), 410),
                "status": "completed",
                "currency": "JPY",
                "subtotal": 100,
            }
            for i in range(40)
        ],
        "surveys": surveys,
        "invitations": invitations,
        "responses": responses,
        "answers": answers,
        "accounts_daily": accounts,
        "posts": posts,
        "post_metrics_daily": readings,
        "mentions": mentions,
    }


FIGURES = ["impressions", "likes", "comments", "shares", "saves", "clicks", "follows"]
SYSTEMS = {
    **dict.fromkeys(["customers", "accounts", "campaigns"], "crm"),
    "orders": "shop",
    **dict.fromkeys(["surveys", "invitations", "responses", "answers"], "survey"),
    **dict.fromkeys(["accounts_daily", "posts", "post_metrics_daily", "mentions"], "sns"),
}


@pytest.fixture(scope="module")
def feeds() -> dict[str, list[Row]]:
    return made_up(7)


@pytest.fixture(scope="module")
def warehouse(feeds, tmp_path_factory):
    settings = {
        "name": "Test",
        "fiscal_year_start": FISCAL_YEAR_START,
        "min_cell_size_employees": 6,
    }
    raw = RawData(tmp_path_factory.mktemp("voice") / "company", settings)
    for feed, rows in feeds.items():
        raw.deliver(feed, SYSTEMS[feed], rows)
    raw.reference("metric_breaks.csv", BREAKS)
    crm = {"customer_id": {"survey": "crm", "shop": "crm"}, "campaign_id": {"sns": "crm"}}
    path = raw.build(AS_OF, "+kpi_report +survey_answers +sns_posts +sns_post_readings", crm)
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


# ---- the calendar and the persons, once more


def day_of(instant: datetime) -> date:
    return (instant + ZONE).date()


def period_of(grain: str, day: date) -> date:
    if grain == "day":
        return day
    if grain == "week":
        return day - timedelta(days=day.weekday())
    months = {"month": 1, "quarter": 3, "year": 12}[grain]
    behind = (day.month - FISCAL_YEAR_START) % 12 % months
    return _first_of(day.year * 12 + day.month - 1 - behind)


def end_of(grain: str, start: date) -> date:
    if grain in ("day", "week"):
        return start + timedelta(days=7 if grain == "week" else 1)
    months = {"month": 1, "quarter": 3, "year": 12}[grain]
    return _first_of(start.year * 12 + start.month - 1 + months)


def _first_of(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)


class Persons:
    """Who a customer id or an e-mail is, and what they were when a period began."""

    def __init__(self, feeds: dict[str, list[Row]]) -> None:
        self.versions = defaultdict(list)
        for row in feeds["customers"]:
            self.versions[row["customer_id"]].append(row)
        self.accounts = {row["account_id"]: row for row in feeds["accounts"]}
        owners = defaultdict(set)
        for row in feeds["customers"]:
            owners[row["email"]].add(row["customer_id"])
        self.owners = {email: min(ids) for email, ids in owners.items() if len(ids) == 1}
        self.first_orders: dict[str, date] = {}
        for row in feeds["orders"]:
            day, known = day_of(row["ordered_at"]), self.first_orders.get(row["customer_id"])
            if day <= AS_OF and (known is None or day < known):
                self.first_orders[row["customer_id"]] = day

    @cache  # noqa: B019
    def attributes(self, person: str, start: date) -> dict[str, str]:
        versions = sorted(self.versions[person], key=lambda row: row["updated_at"])
        begun = datetime(start.year, start.month, start.day) - ZONE
        said = [row for row in versions if row["updated_at"] <= begun] or versions[:1]
        crm = said[-1] if said else {}
        account = self.accounts.get(crm.get("account_id")) or {}
        known = {name: crm.get(name) for name in PERSON_CUTS[:5]}
        known["age_band"] = self._age_band(crm.get("birth_date"), start)
        known |= {name: account.get(name) for name in ("industry", "company_size")}
        return {k: v or "unknown" for k, v in known.items()} | {
            "tenure_band": self._tenure_band(person, start)
        }

    @staticmethod
    def _age_band(birth: date | None, start: date) -> str | None:
        if birth is None:
            return None
        age = start.year - birth.year - ((start.month, start.day) < (birth.month, birth.day))
        return (
            "0-19" if age < 20 else "60+" if age >= 60 else f"{age // 10 * 10}-{age // 10 * 10 + 9}"
        )

    def _tenure_band(self, person: str, start: date) -> str:
        first = self.first_orders.get(person)
        if first is None or first >= start:
            return "none"
        days = (start - first).days
        return "0-90" if days <= 90 else "91-365" if days <= 365 else "366+"


# ---- values and intervals


def wilson(part: float, base: int) -> tuple[float, float]:
    share = part / base
    centre = (share + Z * Z / 2 / base) / (1 + Z * Z / base)
    half = Z / (1 + Z * Z / base) * math.sqrt(share * (1 - share) / base + Z * Z / 4 / base**2)
    return 100 * max(0, centre - half), 100 * min(1, centre + half)


def adjusted_wald(promoters: int, detractors: int, base: int) -> tuple[float, float]:
    p, d = (promoters + 0.75) / (base + 3), (detractors + 0.75) / (base + 3)
    half = 1.959964 * math.sqrt((p + d - (p - d) ** 2) / (base + 3))
    return max(-100, 100 * (p - d - half)), min(100, 100 * (p - d + half))


@cache
def student_t(df: int) -> float:
    """The 97.5 % quantile, by bisection of the integrated density."""

    def central(t: float) -> float:
        x = np.linspace(0, t, 20001)
        scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2)
        density = math.exp(scale) / math.sqrt(df * math.pi) * (1 + x * x / df) ** (-(df + 1) / 2)
        return float(np.sum((density[1:] + density[:-1]) / 2) * (x[1] - x[0]))

    low, high = 1.0, 13.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if central(middle) < 0.475 else (low, middle)
    return low


def t_interval(scores: list[float]) -> tuple[float, float]:
    half = student_t(len(scores) - 1) * np.std(scores, ddof=1) / math.sqrt(len(scores))
    return np.mean(scores) - half, np.mean(scores) + half


Figure = tuple[float | None, float | None, float | None, float | None, float | None, int]


def percent(rows: list[Row], holds: Callable[[Row], bool], interval: bool = True) -> Figure:
    part = sum(map(holds, rows))
    if not rows:
        return 0, 0, None, None, None, 0
    return part, len(rows), 100 * part / len(rows), *wilson(part, len(rows)), len(rows)


def mean(scores: list[float]) -> Figure:
    if not scores:
        return 0, 0, None, None, None, 0
    bounds = t_interval(scores) if len(scores) > 1 else (None, None)
    return sum(scores), len(scores), float(np.mean(scores)), *bounds, len(scores)


def net_promoters(rows: list[Row]) -> Figure:
    n = len(rows)
    if not n:
        return 0, 0, None, None, None, 0
    promoters = sum(row["score"] >= 9 for row in rows)
    detractors = sum(row["score"] <= 6 for row in rows)
    bounds = adjusted_wald(promoters, detractors, n) if n > 1 else (None, None)
    return promoters - detractors, n, 100 * (promoters - detractors) / n, *bounds, n


def weighted(rows: list[Row]) -> Figure:
    rows = [row for row in rows if row["weight"] is not None]
    base = sum(row["weight"] for row in rows)
    won = sum(row["weight"] * ((row["score"] >= 9) - (row["score"] <= 6)) for row in rows)
    return won, base, 100 * won / base if base else None, None, None, len(rows)


def added(rows: list[Row], name: str) -> Figure:
    known = [row[name] for row in rows if row.get(name) is not None]
    total = sum(known) if known or not rows else None
    return total, 1, total, None, None, len(rows)


def rate(rows: list[Row], parts: list[str], base: str) -> Figure:
    both = [
        (sum(row[part] or 0 for part in parts), row[base])
        for row in rows
        if row[base] is not None and any(row[part] is not None for part in parts)
    ]
    if not both:
        return (None if rows else 0), (None if rows else 0), None, None, None, 0
    part, whole = (sum(column) for column in zip(*both, strict=True))
    return part, whole, 100 * part / whole if whole else None, None, None, len(both)


# ---- the figures, period by period


def expected(feeds: dict[str, list[Row]]) -> pd.DataFrame:
    persons = Persons(feeds)
    votes = list(votes_of(feeds, persons))
    invitations = list(invitations_of(feeds))
    posts = list(posts_of(feeds))
    mentions = [
        row | {"day": day_of(row["occurred_at"])}
        for row in feeds["mentions"]
        if day_of(row["occurred_at"]) <= AS_OF
    ]
    rows = []
    for grain in GRAINS:
        for start in sorted({period_of(grain, day) for day in calendar(feeds)}):
            end = end_of(grain, start)

            def of(things: list[Row], start: date = start, end: date = end) -> list[Row]:
                return [thing for thing in things if start <= thing["day"] < end]

            figures = [
                *vote_figures(of(votes), persons, start),
                *invitation_figures(of(invitations), persons, start),
                *post_figures(of(posts)),
                *follower_figures(feeds["accounts_daily"], start, end),
                *mention_figures(of(mentions)),
            ]
            for kpi, cells, figure, about in figures:
                rows += finished(kpi, grain, start, cells, figure, about)
    names = ["kpi", "grain", "period_start", "segment_dimension", "segment_value"]
    return pd.DataFrame(rows).set_index(names).sort_index()


def finished(
    kpi: str,
    grain: str,
    start: date,
    cells: Cells,
    figure: Callable[[list[Row]], Figure],
    about: int | None,
) -> Iterator[Row]:
    """The cells that are published; nothing of a small one, nor of what would give one away."""
    computed = {}
    for cell, things in cells.items():
        dimension = cell[0]
        if dimension not in ("overall", "platform") and grain in ("day", "week"):
            continue
        result = figure(things)
        if dimension == "overall" or result[-1]:
            computed[cell] = (*result, None if about is None else heads(things, kpi))
    hidden = set()
    for dimension in {dimension for dimension, _ in computed} - {"overall"}:
        sizes = sorted((v[-1], k) for k, v in computed.items() if k[0] == dimension and about)
        small = [cell for size, cell in sizes if size < about]
        hidden.update(small if len(small) != 1 else [cell for _, cell in sizes[:2]])
    columns = ["numerator", "denominator", "value", "ci_low", "ci_high", "n", "persons"]
    for (dimension, value), result in computed.items():
        is_hidden = (dimension, value) in hidden
        yield {
            "kpi": kpi,
            "grain": grain,
            "period_start": start,
            "segment_dimension": dimension,
            "segment_value": value,
            **dict(zip(columns, [None] * 7 if is_hidden else result, strict=True)),
            "is_suppressed": is_hidden,
        }


def heads(things: list[Row], kpi: str) -> int:
    if kpi == "nps_weighted":
        things = [thing for thing in things if thing["weight"] is not None]
    known = {thing["person"] for thing in things} - {None}
    return len(known) + sum(thing["person"] is None for thing in things)


def calendar(feeds: dict[str, list[Row]]) -> Iterable[date]:
    first = min(
        day
        for rows in feeds.values()
        for row in rows
        for name in EVENT_TIMES
        if row.get(name) is not None
        for day in [row[name] if name == "date" else day_of(row[name])]
    )
    return [first + timedelta(days=i) for i in range((AS_OF - first).days + 1)]


def cut(things: list[Row], *dimensions: str) -> Cells:
    cells = defaultdict(list, {("overall", "all"): things})
    for dimension in dimensions:
        for thing in things:
            if thing[dimension] is not None:
                cells[dimension, thing[dimension]].append(thing)
    return cells


def cut_by_person(things: list[Row], persons: Persons, start: date) -> Cells:
    cells = defaultdict(list)
    for thing in things:
        if thing["person"] is not None:
            for dimension, value in persons.attributes(thing["person"], start).items():
                cells[dimension, value].append(thing)
    return cells


def votes_of(feeds: dict[str, list[Row]], persons: Persons) -> Iterator[Row]:
    kinds = {row["survey_id"]: row["kind"] for row in feeds["surveys"]}
    invited = {
        row["invitation_id"]: row["customer_id"]
        for row in feeds["invitations"]
        if day_of(row["sent_at"]) <= AS_OF
    }
    responses = {row["response_id"]: row for row in feeds["responses"]}
    for answer in feeds["answers"]:
        response = responses.get(answer["response_id"])
        if response is None or response["is_complete"] is False or answer["numeric_value"] is None:
            continue
        kind = kinds.get(response["survey_id"])
        if day_of(response["responded_at"]) > AS_OF or kind is None:
            continue
        yield {
            "question": answer["question_code"],
            "kind": kind,
            "score": answer["numeric_value"],
            "person": response["customer_id"]
            or invited.get(response["invitation_id"])
            or persons.owners.get(response["email"]),
            "response": response["response_id"],
            "at": response["responded_at"],
            "day": day_of(response["responded_at"]),
            "touchpoint": response["touchpoint"],
            "store": response["store_id"],
            "department": response["department"],
            "weight": response["weight"],
        }


def last_of_each(votes: list[Row], *by: str) -> list[Row]:
    last: dict[tuple, Row] = {}
    for vote in sorted(votes, key=lambda vote: (vote["at"], vote["response"])):
        voter = (vote["person"], None if vote["person"] else vote["response"])
        last[(*voter, vote["kind"], *(vote[name] for name in by))] = vote
    return list(last.values())


def vote_figures(votes: list[Row], persons: Persons, start: date) -> Iterator[tuple]:
    def asked(question: str, *kinds: str) -> list[Row]:
        return [v for v in votes if v["question"] == question and v["kind"] in kinds]

    loyal = last_of_each(asked("nps", "relationship"))
    cells = {**cut(loyal, "store"), **cut_by_person(loyal, persons, start)}
    yield "nps", cells, net_promoters, 5
    yield "nps_weighted", cells, weighted, 5
    yield "promoter_rate", cells, lambda rows: percent(rows, lambda v: v["score"] >= 9), 5
    yield "passive_rate", cells, lambda rows: percent(rows, lambda v: v["score"] in (7, 8)), 5
    yield "detractor_rate", cells, lambda rows: percent(rows, lambda v: v["score"] <= 6), 5

    touched = last_of_each(asked("nps", "transactional"), "touchpoint")
    cells = {**cut(touched, "store", "touchpoint"), **cut_by_person(touched, persons, start)}
    yield "nps_touchpoint", cells, net_promoters, 5

    yield "enps", cut(asked("nps", "employee"), "department"), net_promoters, 6

    for question, good, of_good, of_mean in (
        ("csat", 4, "csat", "csat_mean"),
        ("ces", 5, "ces_easy_rate", "ces"),
    ):
        all_votes = asked(question, "relationship", "transactional", "engagement")
        last = last_of_each(all_votes)
        cells = {**cut(last, "store"), **cut_by_person(last, persons, start)}
        at_touchpoints = cut(last_of_each(all_votes, "touchpoint"), "touchpoint")
        cells |= {cell: at for cell, at in at_touchpoints.items() if cell[0] == "touchpoint"}
        yield of_good, cells, lambda rows, good=good: percent(rows, lambda v: v["score"] >= good), 5
        yield of_mean, cells, lambda rows: mean([v["score"] for v in rows]), 5


def invitations_of(feeds: dict[str, list[Row]]) -> Iterator[Row]:
    answered = {
        row["invitation_id"]
        for row in feeds["responses"]
        if row["is_complete"] is not False and day_of(row["responded_at"]) <= AS_OF
    }
    for row in feeds["invitations"]:
        if day_of(row["sent_at"]) <= AS_OF:
            yield {
                "person": row["customer_id"],
                "touchpoint": row["touchpoint"],
                "day": day_of(row["sent_at"]),
                "is_answered": row["invitation_id"] in answered,
            }


def invitation_figures(sent: list[Row], persons: Persons, start: date) -> Iterator[tuple]:
    cells = {**cut(sent, "touchpoint"), **cut_by_person(sent, persons, start)}
    yield "survey_response_rate", cells, lambda rows: percent(rows, lambda v: v["is_answered"]), 5


def posts_of(feeds: dict[str, list[Row]]) -> Iterator[Row]:
    for post in feeds["posts"]:
        day = day_of(post["posted_at"])
        if day > AS_OF:
            continue
        until = min(AS_OF, day + timedelta(days=28))
        readings = [
            row
            for row in feeds["post_metrics_daily"]
            if (row["platform"], row["post_id"]) == (post["platform"], post["post_id"])
            and row["date"] <= until
        ]
        last = max(readings, key=lambda row: row["date"], default={})
        followed = [
            (row["date"], followers_of(row))
            for row in feeds["accounts_daily"]
            if row["account_id"] == post["account_id"]
            and row["date"] <= day
            and row["followers"] is not None
        ]
        yield {
            **{name: last.get(name) for name in [*FIGURES, "reach"]},
            "followers": max(followed)[1] if followed else None,
            "day": day,
            "platform": post["platform"],
            "content_type": post["content_type"],
            "campaign": post["campaign_id"],
            "post": 1,
        }


def followers_of(row: Row) -> int:
    return row["followers"] - ((row["blocks"] or 0) if row["platform"] == "line" else 0)


def post_figures(posts: list[Row]) -> Iterator[tuple]:
    cells = cut(posts, "platform", "content_type", "campaign")
    three = ["likes", "comments", "shares"]
    for kpi, parts, base in (
        ("sns_engagement_rate_reach", three, "reach"),
        ("sns_engagement_rate_reach_with_saves", [*three, "saves"], "reach"),
        ("sns_engagement_rate_impressions", ["clicks", *three, "follows"], "impressions"),
        ("sns_engagement_rate_followers", three, "followers"),
    ):
        yield kpi, cells, lambda rows, parts=parts, base=base: rate(rows, parts, base), None
    for kpi, name in (
        ("sns_posts", "post"),
        *((f"sns_{name}", name) for name in [*three, "saves", "impressions"]),
        ("sns_reach_gross", "reach"),
    ):
        yield kpi, cells, lambda rows, name=name: added(rows, name), None


def follower_figures(readings: list[Row], start: date, end: date) -> Iterator[tuple]:
    accounts = defaultdict(list)
    for row in readings:
        if row["date"] <= AS_OF and row["followers"] is not None:
            accounts[row["platform"]].append((row["date"], followers_of(row)))
    standing = []
    for platform, known in accounts.items():
        within = [reading for reading in known if start <= reading[0] < end]
        before = [reading for reading in known if reading[0] < start]
        if platform == "x" and before and within and max(before)[0] < BREAK <= max(within)[0]:
            before = []
        if within:
            standing.append(
                {
                    "platform": platform,
                    "now": max(within)[1],
                    "before": max(before)[1] if before else None,
                }
            )

    def stock(rows: list[Row]) -> Figure:
        total = sum(row["now"] for row in rows) if rows else None
        return total, 1, total, None, None, len(rows)

    def growth(rows: list[Row]) -> Figure:
        both = [row for row in rows if row["before"] is not None]
        if not both or end > AS_OF + timedelta(days=1):
            return None, (None if rows else 0), None, None, None, len(both)
        before = sum(row["before"] for row in both)
        won = sum(row["now"] for row in both) - before
        return won, before, 100 * won / before, None, None, len(both)

    yield "sns_followers", cut(standing, "platform"), stock, None
    yield "sns_follower_growth_rate", cut(standing, "platform"), growth, None


def mention_figures(mentions: list[Row]) -> Iterator[tuple]:
    cells = cut(mentions, "platform")
    yield "sns_mentions", cells, lambda rows: (len(rows), 1, len(rows), None, None, len(rows)), None
    yield "sns_ugc_share", cells, lambda rows: percent(rows, lambda m: bool(m["is_ugc"])), None
    yield (
        "review_rating",
        cells,
        lambda rows: mean([m["rating"] for m in rows if m["rating"] is not None]),
        None,
    )


# ---- the comparison


@pytest.fixture(scope="module")
def computed(feeds) -> pd.DataFrame:
    return expected(feeds)


@pytest.fixture(scope="module")
def published(warehouse, computed) -> pd.DataFrame:
    codes = ", ".join(f"'{kpi}'" for kpi in sorted(set(computed.index.get_level_values("kpi"))))
    rows = warehouse.execute(f"select * from marts.kpi_values where kpi in ({codes})").df()
    rows["period_start"] = [moment.date() for moment in rows["period_start"]]
    return rows.set_index(computed.index.names).sort_index()


def test_the_same_cells_are_published(published, computed):
    missing = computed.index.difference(published.index)
    more = published.index.difference(computed.index)
    assert not len(missing) and not len(more), f"missing {missing[:5]}, too many {more[:5]}"
    hidden = computed.index[computed["is_suppressed"] != published["is_suppressed"]]
    assert not len(hidden), f"hidden differently: {hidden[:5]}"


@pytest.mark.parametrize(
    "column", ["numerator", "denominator", "value", "ci_low", "ci_high", "n", "persons"]
)
def test_every_figure_is_the_same(published, computed, column):
    both = computed.index.intersection(published.index)
    left = computed.loc[both, column].astype(float).to_numpy()
    right = published.loc[both, column].astype(float).to_numpy()
    differs = ~np.isclose(left, right, rtol=1e-7, atol=1e-7, equal_nan=True)
    sample = pd.DataFrame({"computed": left, "published": right}, both)[differs]
    assert sample.empty, f"{len(sample)} of {len(left)}:\n{sample.head(12)}"


def test_the_comparison_has_something_to_compare(computed):
    shown = computed[computed["value"].notna()].reset_index()
    assert len(shown) > 5000
    cuts = {"touchpoint", "store", "department", "platform", "content_type", "campaign"}
    assert {*PERSON_CUTS, *cuts, "overall"} <= set(shown["segment_dimension"])
    assert computed["is_suppressed"].sum() > 50


def test_no_series_crosses_a_break_of_its_metric(published):
    broken = {
        "sns_impressions": "instagram",
        "sns_engagement_rate_impressions": "instagram",
        "sns_followers": "x",
        "sns_follower_growth_rate": "x",
        "sns_engagement_rate_followers": "x",
    }
    crossing = 0
    for (kpi, grain, start, dimension, value), row in published.iterrows():
        before = (kpi, grain, period_of(grain, start - timedelta(days=1)), dimension, value)
        known = published.loc[before, "value"] if before in published.index else None
        if not row["is_complete"] or before[2] == start:
            known = None
        is_crossed = before[2] < BREAK < end_of(grain, start)
        if kpi in broken and is_crossed and (dimension != "platform" or value == broken[kpi]):
            crossing += known is not None and not math.isnan(known)
            known = None
        assert row["previous_value"] == pytest.approx(
            math.nan if known is None else known, nan_ok=True
        ), (kpi, grain, start, dimension, value)
    assert crossing > 10


# ---- the rows behind the figures


def test_every_answer_that_counts_is_a_row_and_says_whose(warehouse, feeds):
    votes = {(v["response"], v["question"]): v for v in votes_of(feeds, Persons(feeds))}
    rows = warehouse.execute("select * from marts.survey_answers where is_counted").fetchall()
    names = [column[0] for column in warehouse.description]
    counted = {}
    for values in rows:
        row = dict(zip(names, values, strict=True))
        counted[row["response_id"], row["question_code"]] = row
    assert counted.keys() == votes.keys()
    for key, vote in votes.items():
        person = vote["person"] and f"crm:{vote['person']}"
        assert counted[key]["person_key"] == person
        assert counted[key]["score"] == vote["score"]
        assert counted[key]["is_anonymous"] == (person is None)


def test_answers_that_do_not_count_say_why(warehouse):
    reasons = warehouse.execute(
        "select distinct left_out_because from marts.survey_answers where not is_counted"
    ).fetchall()
    told = {"response unknown", "response not complete", "survey unknown", "no score"}
    assert {reason for (reason,) in reasons} == told


def test_a_month_of_nps_is_the_answers_that_nothing_superseded_in_it(warehouse):
    rows = warehouse.execute(
        """
        select
            sum((nps_class = 'promoter')::int) - sum((nps_class = 'detractor')::int), count(*)
        from marts.survey_answers
        where is_counted and question_code = 'nps' and survey_kind = 'relationship'
            and responded_date between date '2025-07-01' and date '2025-07-31'
            and (superseded_date is null or superseded_date > date '2025-07-31')
        """
    ).fetchone()
    published = warehouse.execute(
        """
        select numerator, denominator from marts.kpi_values
        where kpi = 'nps' and grain = 'month' and period_start = date '2025-07-01'
            and segment_dimension = 'overall'
        """
    ).fetchone()
    assert rows == published


def crosses_a_break(platform: str, name: str, before: date, after: date) -> bool:
    """Whether impressions of Instagram were read before and after they became views."""
    return (platform, name) == ("instagram", "impressions") and before < BREAK <= after


def test_posts_keep_their_falls_and_their_ages(warehouse, feeds):
    rows = warehouse.execute("select * from marts.sns_posts").fetchall()
    names = [column[0] for column in warehouse.description]
    posts = [dict(zip(names, values, strict=True)) for values in rows]
    readings = defaultdict(list)
    for row in sorted(feeds["post_metrics_daily"], key=lambda row: row["date"]):
        if row["date"] <= AS_OF:
            readings[row["platform"], row["post_id"]].append(row)
    assert len(posts) == len(list(posts_of(feeds)))
    for post in posts:
        known = readings[post["platform"], post["post_id"]]
        falls = sum(
            any(
                after[name] is not None
                and before[name] is not None
                and after[name] < before[name]
                and not crosses_a_break(post["platform"], name, before["date"], after["date"])
                for name in [*FIGURES, "reach"]
            )
            for before, after in pairwise(known)
        )
        assert (post["fall_count"], post["reading_count"]) == (falls, len(known))
        assert post["posted_weekday"] == post["posted_date"].isoweekday()
        assert post["posted_hour"] == (post["posted_at"] + ZONE).hour
        week = post["posted_date"] + timedelta(days=7)
        young = [row for row in known if row["date"] <= week]
        parts = [young[-1][name] for name in ("likes", "comments", "shares")] if young else []
        engagements = (
            sum(part or 0 for part in parts) if any(p is not None for p in parts) else None
        )
        assert post["engagement_count_day_7"] == (engagements if week <= AS_OF else None)


def test_readings_tell_what_a_post_gained_but_not_across_a_break(warehouse, feeds):
    readings = defaultdict(list)
    for row in sorted(feeds["post_metrics_daily"], key=lambda row: row["date"]):
        if row["date"] <= AS_OF:
            readings[row["platform"], row["post_id"]].append(row)
    expected, names, crossing = {}, [*FIGURES, "reach"], 0
    for post in feeds["posts"]:
        key = post["platform"], post["post_id"]
        if day_of(post["posted_at"]) > AS_OF:
            continue
        for before, after in zip([{}, *readings[key]], readings[key], strict=False):
            gained = {
                name: after[name] - before[name]
                for name in names
                if None not in (after[name], before.get(name))
            }
            for name in list(gained):
                if crosses_a_break(key[0], name, before["date"], after["date"]):
                    crossing += gained.pop(name) is not None
            expected[*key, after["date"]] = tuple(gained.get(name) for name in names)
    columns = ", ".join(f"{name}_gained" for name in names)
    rows = warehouse.execute(
        f"select platform, post_id, read_date, {columns} from marts.sns_post_readings"
    ).fetchall()
    assert {row[:3]: row[3:] for row in rows} == expected
    assert crossing > 0

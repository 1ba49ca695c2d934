"""Figures of empathy, attachment and of what promoters do, vote by vote and apart from SQL."""

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tests.figure_cells import Cells, Kpi, cells_of
from tests.purchase_figures import CutIds, Facts, Figure, Row, Z, distinct, mean

CUSTOMER_KINDS = ("relationship", "transactional", "engagement")
WITHIN_DAYS = 180
ANSWERS = (("surveys",), ("responses",), ("answers",))
KPIS = {
    "empathy_index": Kpi(ANSWERS, cuts=("store", "touchpoint")),
    "attachment_index": Kpi(ANSWERS, cuts=("store", "touchpoint")),
    "nps_repeat_gap": Kpi((*ANSWERS, ("orders",)), cuts=("store",), matures_after=WITHIN_DAYS),
}


@dataclass
class Vote:
    """What one response answers to one kind of question."""

    person: str | None
    response: str
    at: datetime
    day: date
    kind: str
    score: float
    cuts: dict[str, str | None]


class Votes:
    """The answers that count, by question: `empathy`, `attachment` and `nps`."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        given = facts.given
        answers = defaultdict(list)
        for row in given.rows("answers"):
            if row.get("numeric_value") is not None:
                question = row["question_code"].split("_")[0]
                answers[row["response_key"], question].append(float(row["numeric_value"]))
        responses = list(_responses(facts))
        ids = CutIds(given)
        self.by_question: dict[str, list[Vote]] = {"nps": [], "empathy": [], "attachment": []}
        for question, votes in self.by_question.items():
            for row, person, kind in responses:
                items = answers.get((row["response_key"], question))
                if items:
                    votes.append(
                        Vote(
                            person=person,
                            response=row["response_key"],
                            at=row["responded_at"],
                            day=given.day_of(row["responded_at"]),
                            kind=kind,
                            score=_score(question, items),
                            cuts={
                                "store": ids.store(row, "responses"),
                                "touchpoint": row.get("touchpoint"),
                            },
                        )
                    )


def _score(question: str, items: list[float]) -> float:
    average = math.fsum(items) / len(items)
    return average if question == "nps" else (average - 1) / 4 * 100


def _responses(facts: Facts) -> Iterator[tuple[Row, str | None, str | None]]:
    given = facts.given
    kinds = {row["survey_key"]: row["kind"] for row in given.rows("surveys")}
    invited = {
        row["invitation_key"]: row["customer_key"]
        for row in given.rows("invitations")
        if given.happened(row["sent_at"])
    }
    for row in given.rows("responses"):
        if row.get("is_complete") is not False and given.happened(row["responded_at"]):
            person = (
                row["customer_key"]
                or invited.get(row["invitation_key"])
                or facts.persons.owners.get(row.get("email"))
            )
            yield row, person, kinds.get(row["survey_key"])


def last_votes(votes: list[Vote], *by: str) -> list[Vote]:
    """One a person, survey kind and value of `by`; without a person each is one."""
    last: dict[tuple, Vote] = {}
    for vote in sorted(votes, key=lambda vote: (vote.at, vote.response)):
        voter = vote.person or ("response", vote.response)
        last[voter, vote.kind, *(vote.cuts[name] for name in by)] = vote
    return list(last.values())


def vote_cells(votes: Votes, grain: str, start: date, end: date) -> Cells:
    facts, cells = votes.facts, []
    for question in ("empathy", "attachment"):
        asked = [
            vote
            for vote in votes.by_question[question]
            if vote.kind in CUSTOMER_KINDS and start <= vote.day < end
        ]

        def index(some: list[Vote], code: str = f"{question}_index") -> dict[str, Figure]:
            figure = mean([vote.score for vote in some])
            nameless = sum(vote.person is None for vote in some)
            figure.persons = distinct(some) + nameless
            return {code: figure}

        cells += cells_of(facts, grain, start, last_votes(asked), index, ("store",))
        touched = last_votes(asked, "touchpoint")
        by_touchpoint = cells_of(facts, grain, start, touched, index, ("touchpoint",))
        cells += [cell for cell in by_touchpoint if cell[0] == "touchpoint"]
    loyal = [
        vote
        for vote in votes.by_question["nps"]
        if vote.kind == "relationship" and start <= vote.day < end
    ]
    named = [vote for vote in last_votes(loyal) if vote.person]

    def gap(some: list[Vote]) -> dict[str, Figure]:
        return {"nps_repeat_gap": repeat_gap(facts, some)}

    return cells + cells_of(facts, grain, start, named, gap, ("store",))


def repeat_gap(facts: Facts, votes: list[Vote]) -> Figure:
    promoters = [orders_after(facts, vote) for vote in votes if vote.score >= 9]
    detractors = [orders_after(facts, vote) for vote in votes if vote.score <= 6]
    n = len(promoters) + len(detractors)
    figure = Figure(n=n, persons=n)
    if promoters and detractors:
        figure.value, figure.ci_low, figure.ci_high = newcombe(
            sum(promoters), len(promoters), sum(detractors), len(detractors)
        )
    return figure


def orders_after(facts: Facts, vote: Vote) -> bool:
    until = vote.day + timedelta(days=WITHIN_DAYS)
    orders = facts.orders_of.get(vote.person, ())
    return any(order.at > vote.at and order.day <= until for order in orders)


def newcombe(hits: int, of: int, other_hits: int, of_others: int) -> tuple[float, float, float]:
    """The difference of two shares in points, with Newcombe's interval of two Wilson scores."""
    share, low, high = _wilson(hits, of)
    other, other_low, other_high = _wilson(other_hits, of_others)
    gap = share - other
    below = math.hypot(share - low, other_high - other)
    above = math.hypot(high - share, other - other_low)
    return 100 * gap, 100 * (gap - below), 100 * (gap + above)


def _wilson(hits: int, of: int) -> tuple[float, float, float]:
    """A share with the two roots of |share − p| = z √(p (1 − p) ÷ n)."""
    share = hits / of
    a, b, c = of + Z * Z, -(2 * hits + Z * Z), hits * share
    root = math.sqrt(max(b * b - 4 * a * c, 0))
    return share, (-b - root) / (2 * a), (-b + root) / (2 * a)

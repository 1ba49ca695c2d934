"""Survey answers that depend on what people lived through."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from orchestration.sample import truths
from orchestration.sample import world as w
from orchestration.sample.columns import (
    Bools,
    Floats,
    Ints,
    flags,
    hours,
    ids,
    run_lengths,
    sigmoid,
    take,
)
from orchestration.sample.names import BAD_COMMENTS, GOOD_COMMENTS, THEMES
from orchestration.sample.people import People
from orchestration.sample.purchases import STORE, Orders
from orchestration.sample.service import Experiences, Tickets

Columns = dict[str, pa.Array | np.ndarray]
SURVEYS = (
    ("SV-REL", "お客さまアンケート", "relationship"),
    ("SV-DLV", "お届け後アンケート", "transactional"),
    ("SV-STR", "ご来店アンケート", "transactional"),
    ("SV-SUP", "お問い合わせ後アンケート", "transactional"),
    ("SV-ENG", "ブランドアンケート", "engagement"),
    ("SV-EMP", "従業員アンケート", "employee"),
)
REL, DLV, STR, SUP, ENG, EMP = range(6)
TOUCHPOINTS: tuple[str | None, ...] = (None, "delivery", "store", "support", None, None)
DAYS_BETWEEN_RELATIONSHIP = 120
DAYS_BETWEEN_ENGAGEMENT = 182
ENGAGEMENT_ITEMS = (
    "empathy_1",
    "empathy_2",
    "empathy_3",
    "attachment_1",
    "attachment_2",
    "attachment_3",
)


@dataclass
class Asked:
    """Invitations of one chunk."""

    survey: Ints
    person: Ints
    day: Floats
    order: Ints  # -1 for none
    is_good: Bools  # of what a transactional survey asks about
    number: Ints

    def __len__(self) -> int:
        return len(self.person)


@dataclass
class Responses:
    """Feed columns of responses and answers; `number` by response, `response` by answer."""

    responses: Columns
    answers: Columns
    number: Ints
    response: Ints


@dataclass
class Answers:
    """Answers as columns: response, question, number or text."""

    response: list[Ints]
    code: list[pa.Array]
    number: list[Floats]
    text: list[pa.Array]

    def add(self, response: Ints, code: str, number: Floats) -> None:
        n = len(response)
        self.response.append(response)
        self.code.append(take([code], np.zeros(n, np.int64)))
        self.number.append(np.asarray(number, dtype=float))
        self.text.append(pa.nulls(n, pa.string()))

    def comment(self, response: Ints, text: pa.Array) -> None:
        n = len(response)
        self.response.append(response)
        self.code.append(take(["comment"], np.zeros(n, np.int64)))
        self.number.append(np.full(n, np.nan))
        self.text.append(text)


def make_asked(
    world: w.World, people: People, orders: Orders, tickets: Tickets, chunk: int
) -> Asked:
    """Who was asked what: everyone in turn, after most deliveries, visits and solved tickets."""
    rng = world.rng(w.SURVEYS, chunk)
    relationship = _in_turn(world, people, rng, REL, DAYS_BETWEEN_RELATIONSHIP)
    engagement = _in_turn(world, people, rng, ENG, DAYS_BETWEEN_ENGAGEMENT)
    named = (
        (orders.person >= 0) & ~orders.is_guest & orders.counts & (rng.random(len(orders)) < 0.6)
    )
    in_crm = people.in_crm[np.maximum(orders.person, 0)]
    bought = np.flatnonzero(named & in_crm)
    is_store = orders.channel[bought] == STORE
    after = np.where(is_store, 1, np.where(orders.is_late[bought], 9, 5))
    transactional = (
        np.where(is_store, STR, DLV), orders.person[bought], orders.day[bought] + after, bought,
        ~orders.is_late[bought],
    )  # fmt: skip
    solved = np.flatnonzero(np.isfinite(tickets.resolved) & (rng.random(len(tickets)) < 0.7))
    support = (
        np.full(len(solved), SUP), tickets.person[solved], tickets.resolved[solved] + 0.5,
        np.full(len(solved), -1), tickets.is_well_handled[solved],
    )  # fmt: skip
    parts = zip(relationship, engagement, transactional, support, strict=True)
    survey, person, day, order, is_good = (np.concatenate(p) for p in parts)
    day = np.floor(day) + 10 / 24 + rng.integers(0, 120, len(day)) / 1440
    inside = (day >= 0) & (day < world.days)
    by_time = np.flatnonzero(inside)[np.argsort(day[inside], kind="stable")]
    number = chunk * 10_000_000 + 1 + np.arange(len(by_time))
    return Asked(
        survey[by_time], person[by_time], day[by_time], order[by_time], is_good[by_time], number
    )


def _in_turn(
    world: w.World, people: People, rng: np.random.Generator, survey: int, every: int
) -> tuple[Ints, Ints, Floats, Ints, Bools]:
    """Each buyer of the CRM every so many days, at a time of their own."""
    buyers = np.flatnonzero(people.is_buyer & people.in_crm & people.has_email)
    phase = rng.random(len(buyers)) * every
    times = np.full(len(buyers), world.days // every + 1)
    of_buyer, turn = run_lengths(times)
    day = phase[of_buyer] + turn * every
    person = buyers[of_buyer]
    asked = (day > people.created[person] + 20) & (day < world.days)
    person, day = person[asked], day[asked]
    n = len(person)
    return np.full(n, survey), person, day, np.full(n, -1), np.ones(n, bool)


def invitation_columns(world: w.World, people: People, asked: Asked) -> Columns:
    n = len(asked)
    return {
        "invitation_id": ids("IV", asked.number, 10),
        "survey_id": take([s[0] for s in SURVEYS], asked.survey),
        "customer_id": people.crm_id(asked.person),
        "channel": take(
            ["email", "line"],
            (people.takes_line[asked.person] & (asked.number % 4 == 0)).astype(int),
        ),
        "touchpoint": take(TOUCHPOINTS, asked.survey),
        "sent_at": world.moment(asked.day[:n]),
    }


def respond(
    world: w.World, people: People, orders: Orders, asked: Asked, felt: Experiences, chunk: int
) -> Responses:
    """Who answered, and what; later rows of a response's questions follow its experiences."""
    rng = world.rng(w.SURVEYS + 100, chunk)
    affinity = people.affinity[asked.person]
    base = np.array([-0.85, -1.05, -1.2, -0.9, -1.0, 0.0])[asked.survey]
    answered = np.flatnonzero(rng.random(len(asked)) < sigmoid(base + 0.45 * affinity))
    day = asked.day[answered] + 0.01 + rng.lognormal(-0.3, 1.1, len(answered))
    day = np.where(day - np.floor(day) < 0.25, np.floor(day) + hours(rng, len(day)), day)
    kept = (day > asked.day[answered]) & (day < np.minimum(asked.day[answered] + 21, world.days))
    answered, day = answered[kept], day[kept]
    by_time = np.argsort(day, kind="stable")
    answered, day = answered[by_time], day[by_time]
    number = chunk * 10_000_000 + 1 + np.arange(len(answered))
    answers = Answers([], [], [], [])
    _relationship(people, asked, answered, day, felt, answers, rng)
    _transactional(people, asked, answered, answers, rng)
    _engagement(people, asked, answered, answers, rng)
    responses = _response_columns(world, people, orders, asked, answered, day, number, rng)
    response = np.sort(np.concatenate(answers.response), kind="stable")
    return Responses(responses, _answer_columns(answers, number), number, response)


def _scale(value: Floats, low: int, high: int) -> Floats:
    return np.clip(np.round(value), low, high)


def _relationship(
    people: People,
    asked: Asked,
    answered: Ints,
    day: Floats,
    felt: Experiences,
    answers: Answers,
    rng: np.random.Generator,
) -> None:
    """The touchpoint items follow experiences, the 0-10 score follows the items."""
    d = truths.DRIVERS
    of = np.flatnonzero(asked.survey[answered] == REL)
    person = asked.person[answered[of]]
    n = len(of)
    late, bad, good = (
        x.any(person, day[of], d.experience_days)
        for x in (felt.late, felt.bad_ticket, felt.good_ticket)
    )
    affinity = people.affinity[person]
    noise = rng.normal(size=(6, n))
    items = {
        "touchpoint_product": d.centres["touchpoint_product"] + 0.40 * affinity + 0.75 * noise[0],
        "touchpoint_delivery": d.centres["touchpoint_delivery"]
        + 0.15 * affinity
        + d.late_delivery_on_delivery_item * late
        + 0.75 * noise[1],
        "touchpoint_support": d.centres["touchpoint_support"]
        + 0.15 * affinity
        + d.bad_ticket_on_support_item * bad
        + d.good_ticket_on_support_item * good
        + 0.8 * noise[2],
        "touchpoint_price": d.centres["touchpoint_price"]
        + 0.15 * affinity
        - 0.5 * (people.price_sensitivity[person] - 0.5)
        + 0.85 * noise[3],
        "touchpoint_site": d.centres["touchpoint_site"] + 0.15 * affinity + 0.8 * noise[4],
    }
    items = {code: _scale(value, 1, 5) for code, value in items.items()}
    score = d.intercept + d.affinity_effect * affinity + d.noise * noise[5]
    for code, value in items.items():
        score = score + d.weights[code] * (value - d.centres[code])
    nps = _scale(score, 0, 10)
    answers.add(of, "nps", nps)
    for code, value in items.items():
        # people skip a question now and then
        given = rng.random(n) > 0.04
        answers.add(of[given], code, value[given])
    csat = _scale(3.55 + 0.42 * (score - 6.6) + 0.4 * rng.normal(size=n), 1, 5)
    answers.add(of, "csat", csat)
    _comments(of, nps, np.array(list(items.values())), answers, rng)


def _comments(
    of: Ints, nps: Floats, items: Floats, answers: Answers, rng: np.random.Generator
) -> None:
    """A third write something: of the worst item when unhappy, of the best when happy."""
    n = len(of)
    writes = rng.random(n) < 0.33
    is_bad = nps <= 6
    tie = rng.random(items.shape) * 0.5
    theme = np.where(is_bad, np.argmin(items + tie, axis=0), np.argmax(items + tie, axis=0))
    order = np.array([THEMES.index(t) for t in ("product", "delivery", "support", "price", "site")])
    texts = [t for theme_ in THEMES for t in GOOD_COMMENTS[theme_]]
    texts += [t for theme_ in THEMES for t in BAD_COMMENTS[theme_]]
    index = order[theme] * 3 + rng.integers(0, 3, n) + np.where(is_bad, len(THEMES) * 3, 0)
    answers.comment(of[writes], take(texts, index[writes]))


def _transactional(
    people: People, asked: Asked, answered: Ints, answers: Answers, rng: np.random.Generator
) -> None:
    survey = asked.survey[answered]
    of = np.flatnonzero((survey == DLV) | (survey == STR) | (survey == SUP))
    n = len(of)
    is_good = asked.is_good[answered[of]]
    is_support = survey[of] == SUP
    mood = 0.35 * people.affinity[asked.person[answered[of]]] + rng.normal(size=n)
    shift = np.where(is_good, 0.35, np.where(is_support, -1.5, -1.9))
    answers.add(of, "csat", _scale(3.95 + 0.85 * (shift + 0.7 * mood), 1, 5))
    answers.add(of, "nps", _scale(7.7 + 1.35 * (shift + mood), 0, 10))
    asks_effort = is_support | (survey[of] == DLV)
    ces = _scale(5.1 + 1.0 * (shift + 0.9 * mood), 1, 7)
    answers.add(of[asks_effort], "ces", ces[asks_effort])


def _engagement(
    people: People, asked: Asked, answered: Ints, answers: Answers, rng: np.random.Generator
) -> None:
    of = np.flatnonzero(asked.survey[answered] == ENG)
    affinity = people.affinity[asked.person[answered[of]]]
    for place, code in enumerate(ENGAGEMENT_ITEMS):
        centre = 3.55 if code.startswith("empathy") else 3.2
        value = centre + 0.1 * (place % 3 - 1) + 0.7 * affinity + 0.7 * rng.normal(size=len(of))
        answers.add(of, code, _scale(value, 1, 5))


def _response_columns(
    world: w.World,
    people: People,
    orders: Orders,
    asked: Asked,
    answered: Ints,
    day: Floats,
    number: Ints,
    rng: np.random.Generator,
) -> Columns:
    n = len(answered)
    person = asked.person[answered]
    survey = asked.survey[answered]
    order = asked.order[answered]
    roll = rng.random(n)
    by_mail = (roll < 0.05) & people.has_email[person]
    nameless = roll > 0.97
    # the weights make up for the young, who answer less
    weight = np.select(
        [people.affinity[person] < -0.5, people.affinity[person] > 0.8], [1.3, 0.8], default=1.0
    )
    has_weight = (survey == REL) & (rng.random(n) < 0.7)
    return {
        "response_id": ids("RS", number, 10),
        "survey_id": take([s[0] for s in SURVEYS], survey),
        "invitation_id": ids("IV", asked.number[answered], 10, ~nameless & ~by_mail),
        "customer_id": people.crm_id(person, ~nameless & ~by_mail & (rng.random(n) < 0.9)),
        "email": people.email(person, by_mail),
        "respondent_type": take(["customer", None], rng.integers(0, 2, n)),
        "department": pa.nulls(n, pa.string()),
        "touchpoint": take(TOUCHPOINTS, survey),
        "store_id": take([s[0] for s in w.STORES], people.store[person], survey == STR),
        "order_id": orders.order_id(np.maximum(order, 0), (order >= 0) & (survey == DLV))
        if len(orders)
        else pa.nulls(n, pa.string()),
        "weight": np.where(has_weight, weight, np.nan),
        "is_complete": flags(rng.random(n) > 0.03, rng.random(n) < 0.8),
        "responded_at": world.moment(day),
    }


def _answer_columns(answers: Answers, number: Ints) -> Columns:
    response = np.concatenate(answers.response)
    code = pa.concat_arrays(answers.code)
    value = np.concatenate(answers.number)
    text = pa.concat_arrays(answers.text)
    order = np.argsort(response, kind="stable")
    return {
        "response_id": ids("RS", number[response[order]], 10),
        "question_code": code.take(pa.array(order)),
        "numeric_value": value[order],
        "text_value": text.take(pa.array(order)),
    }


def survey_columns() -> Columns:
    return {
        "survey_id": pa.array([s[0] for s in SURVEYS]),
        "name": pa.array([s[1] for s in SURVEYS]),
        "kind": pa.array([s[2] for s in SURVEYS]),
    }


def employee_answers(world: w.World) -> tuple[Columns, Columns]:
    """The employees' votes, each quarter, by department; nobody's name."""
    rng = world.rng(w.SURVEYS + 200)
    staff = 90
    waves = np.arange(20, world.days - 3, 91)
    wave, place = run_lengths(np.full(len(waves), staff))
    department = place % len(w.DEPARTMENTS)
    answered = np.flatnonzero(rng.random(len(wave)) < 0.75)
    department = department[answered]
    day = (
        waves[wave[answered]]
        + rng.integers(0, 3, len(answered))
        + 9 / 24
        + rng.random(len(answered)) * 0.35
    )
    n = len(answered)
    mood = np.array([0.1, -0.9, 0.7, -0.4, 0.9])[department]
    score = _scale(7.0 + mood + 1.7 * rng.normal(size=n), 0, 10)
    by_time = np.argsort(day, kind="stable")
    department, day, score = department[by_time], day[by_time], score[by_time]
    response = ids("RE", np.arange(n) + 1, 7)
    responses: Columns = {
        "response_id": response,
        "survey_id": take([SURVEYS[EMP][0]], np.zeros(n, np.int64)),
        "respondent_type": take(["employee"], np.zeros(n, np.int64)),
        "department": take(w.DEPARTMENTS, department),
        "responded_at": world.moment(day),
    }
    answers: Columns = {
        "response_id": response,
        "question_code": take(["nps"], np.zeros(n, np.int64)),
        "numeric_value": score,
        "text_value": pa.nulls(n, pa.string()),
    }
    return responses, answers

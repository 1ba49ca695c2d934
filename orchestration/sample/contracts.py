"""Subscriptions whose end depends on experience: the 定期便 and its changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from orchestration.sample import truths
from orchestration.sample import world as w
from orchestration.sample.columns import Bools, Floats, Ints, choose, ids, take
from orchestration.sample.people import People
from orchestration.sample.service import Experiences

MONTH = 30.4375
PLANS = (("ライト", 1980), ("スタンダード", 3480), ("プレミアム", 5980))
YEARLY_FACTOR = 10  # two months for nothing
TERM_MONTHS = (6, 12)  # of a monthly, of a yearly contract
REASONS_BAD = ("配送の遅れ", "対応への不満")
REASONS_OTHER = ("価格", "飽きた", "引っ越し", "使い切れない", None)


@dataclass
class Contracts:
    """The contracts of one chunk that ran within the sample's days."""

    person: Ints
    start: Floats
    end: Floats  # infinite while it runs
    plan: Ints
    is_yearly: Bools
    bad_at_end: Bools
    months: Floats  # at risk, up to the end or the last day
    bad_months: Floats  # of these, the ones after a bad experience
    number: Ints
    upgrade: Floats  # when it was raised to the next plan, infinite for never

    def __len__(self) -> int:
        return len(self.person)

    def subscription_id(self, index: Ints) -> pa.Array:
        return ids("SB", self.number[index], 9)


def make_contracts(world: w.World, people: People, felt: Experiences, chunk: int) -> Contracts:
    """A quarter of the buyers subscribe; each month ends some contracts by the planted hazard."""
    rng = world.rng(w.CONTRACTS, chunk)
    buyers = np.flatnonzero(people.is_buyer & people.in_crm)
    person = buyers[rng.random(len(buyers)) < 0.26 + 0.05 * people.affinity[buyers]]
    start = people.created[person] + 5 + rng.exponential(120, len(person))
    rounds = [_run(world, people, felt, rng, person, start)]
    ended = rounds[0][2]
    again = np.flatnonzero((ended < world.days - 60) & (rng.random(len(person)) < 0.18))
    restart = ended[again] + 30 + rng.exponential(90, len(again))
    rounds.append(_run(world, people, felt, rng, person[again], restart))
    columns = [np.concatenate(c) for c in zip(*rounds, strict=True)]
    shown = (columns[1] < world.days) & (columns[2] > 0)
    columns = [c[shown] for c in columns]
    by_time = np.lexsort((columns[0], columns[1]))
    person, start, end, is_yearly, bad, months, bad_months = (c[by_time] for c in columns)
    n = len(person)
    upgrade = start + 120 + rng.exponential(700, n)
    return Contracts(
        person=person, start=start, end=end,
        plan=choose(rng, [4, 4, 2], n), is_yearly=is_yearly, bad_at_end=bad,
        months=months, bad_months=bad_months, number=chunk * 1_000_000 + 1 + np.arange(n),
        upgrade=np.where((upgrade < end) & (upgrade < world.days), upgrade, np.inf),
    )  # fmt: skip


def _run(
    world: w.World,
    people: People,
    felt: Experiences,
    rng: np.random.Generator,
    person: Ints,
    start: Floats,
) -> tuple[Ints, Floats, Floats, Bools, Bools, Floats, Floats]:
    """Person, start, end, yearly or not, bad experience at the end, months at risk, bad ones."""
    n = len(person)
    end = np.full(n, np.inf)
    bad_at_end = np.zeros(n, bool)
    lived, lived_bad = np.zeros(n), np.zeros(n)
    is_yearly = rng.random(n) < 0.15
    affinity = np.exp(truths.CHURN.affinity_effect * people.affinity[person])
    starts = np.array(truths.CHURN.band_starts)
    alive = np.flatnonzero(start < world.days)
    months = int((world.days + w.WARM_UP_DAYS) / MONTH) + 2
    for month in range(months):
        at = start[alive] + month * MONTH
        alive = alive[at < world.days]
        if not len(alive):
            break
        at = start[alive] + month * MONTH
        band = np.searchsorted(starts, month, side="right") - 1
        bad = felt.bad.any(person[alive], at, truths.CHURN.bad_experience_days)
        hazard = truths.CHURN.monthly[band] * affinity[alive]
        hazard = hazard * np.where(bad, truths.CHURN.bad_experience_factor, 1.0)
        wait = rng.exponential(size=len(alive)) / hazard  # in months
        seen = np.minimum(np.minimum(wait, 1), (world.days - at) / MONTH)
        lived[alive] += seen
        lived_bad[alive] += seen * bad
        leaves = wait < 1
        end[alive[leaves]] = at[leaves] + wait[leaves] * MONTH
        bad_at_end[alive[leaves]] = bad[leaves]
        alive = alive[~leaves]
    # an end that falls after the last day is not known yet
    unknown = end >= world.days
    end[unknown], bad_at_end[unknown] = np.inf, False
    return person, start, end, is_yearly, bad_at_end, lived, lived_bad


def contract_columns(
    world: w.World, people: People, contracts: Contracts, chunk: int
) -> dict[str, pa.Array | np.ndarray]:
    rng = world.rng(w.CONTRACTS + 100, chunk)
    n = len(contracts)
    has_ended = np.isfinite(contracts.end)
    term = _term_days(contracts)
    terms = np.ceil((np.minimum(contracts.end, world.days) - contracts.start) / term)
    # a few have given notice for the end of their running term
    notice = ~has_ended & (rng.random(n) < 0.03)
    term_ends = contracts.start + np.maximum(terms, 1) * term
    end = np.where(has_ended, contracts.end, np.where(notice, term_ends, np.nan))
    raised = contracts.plan + (contracts.upgrade < np.inf) * (contracts.plan < len(PLANS) - 1)
    reason = np.where(
        contracts.bad_at_end & (rng.random(n) < 0.7),
        rng.integers(0, 2, n),
        2 + rng.integers(0, len(REASONS_OTHER), n),
    )
    return {
        "subscription_id": contracts.subscription_id(np.arange(n)),
        "customer_id": people.crm_id(contracts.person),
        "plan": take([p[0] for p in PLANS], raised),
        "amount": _amount(contracts.plan, contracts.is_yearly),
        "currency": take(["JPY"], np.zeros(n, np.int64)),
        "billing_period": take(["month", "year"], contracts.is_yearly.astype(int)),
        "started_at": world.moment(contracts.start),
        "term_ends_at": world.moment(term_ends),
        "ended_at": world.moment(end),
        "cancel_reason": take([*REASONS_BAD, *REASONS_OTHER], reason, np.isfinite(end)),
        "updated_at": world.moment(
            np.minimum(np.where(has_ended, contracts.end, contracts.start), world.days - 0.0001)
        ),
    }


def _term_days(contracts: Contracts) -> Floats:
    return np.array(TERM_MONTHS)[contracts.is_yearly.astype(int)] * MONTH


def _amount(plan: Ints, is_yearly: Bools) -> Floats:
    return np.array([p[1] for p in PLANS], dtype=float)[plan] * np.where(
        is_yearly, YEARLY_FACTOR, 1
    )


def change_columns(
    world: w.World, people: People, contracts: Contracts, chunk: int
) -> dict[str, pa.Array | np.ndarray]:
    """Started, renewed at each term, raised, cancelled: of these what the exports still hold."""
    n = len(contracts)
    everyone = np.arange(n)
    term = _term_days(contracts)
    last = np.minimum(contracts.end, world.days)
    renewals = np.maximum(np.ceil((last - contracts.start) / term).astype(np.int64) - 1, 0)
    of_renewal = np.repeat(everyone, renewals)
    turn = np.arange(len(of_renewal)) - np.repeat(np.cumsum(renewals) - renewals, renewals) + 1
    renewed = contracts.start[of_renewal] + turn * term[of_renewal]
    raised = np.flatnonzero((contracts.upgrade < np.inf) & (contracts.plan < len(PLANS) - 1))
    ended = np.flatnonzero(np.isfinite(contracts.end))
    index = np.concatenate([everyone, of_renewal, raised, ended])
    kind = np.repeat([0, 1, 2, 3], [n, len(of_renewal), len(raised), len(ended)])
    day = np.concatenate(
        [contracts.start, renewed, contracts.upgrade[raised], contracts.end[ended]]
    )
    is_up = (day >= contracts.upgrade[index]) & (contracts.plan[index] < len(PLANS) - 1)
    amount = _amount(contracts.plan[index] + is_up, contracts.is_yearly[index])
    turns = np.concatenate([np.ones(n), turn + 1.0, np.zeros(len(raised) + len(ended))])
    term_ends = np.where(turns > 0, contracts.start[index] + turns * term[index], np.nan)
    order = np.lexsort((index, day))
    order = order[day[order] >= 0]
    index, kind, day, amount, term_ends = (c[order] for c in (index, kind, day, amount, term_ends))
    return {
        "change_id": ids("CH", chunk * 1_000_000 + 1 + np.arange(len(index)), 9),
        "subscription_id": contracts.subscription_id(index),
        "change_type": take(["started", "renewed", "amount_changed", "cancelled"], kind),
        "amount": np.where(kind == 3, np.nan, amount),
        "effective_at": world.moment(day),
        "term_ends_at": world.moment(term_ends),
    }

"""Marts about groups and the days around campaigns, beside the same told from single things."""

import csv
import shutil
from collections import Counter, defaultdict
from datetime import date, timedelta

import numpy as np
import pytest

from orchestration.sample import LAST_DAY
from tests.landed import Landed, land

MARTS = ("campaign_before_after", "customers", "orders", "promoter_profiles", "sns_posts")
MARTS += ("survey_answers", "survey_representativeness")
CUTS = ("membership_tier", "prefecture", "acquisition_channel", "gender", "age_band")
CLASSES = ("promoter", "passive", "detractor")
SMALLEST = 5
YEAR = f"responded_date > date '{LAST_DAY}' - 365"


@pytest.fixture(scope="module")
def open_shop(delivered, tmp_path_factory) -> Landed:
    """The marts of the shop, in which nobody refuses to be analysed, so that they show all."""
    folder = tmp_path_factory.mktemp("open") / "shop"
    shutil.copytree(delivered, folder)
    shutil.rmtree(folder / "landing" / "crm" / "consents")
    return land(folder, LAST_DAY).build(*(f"+{mart}" for mart in MARTS))


def hidden_values(smallest_group: dict[str, int]) -> set[str]:
    """Of one cut: the values with a small group, and the next smallest where it is one alone."""
    by_size = sorted(smallest_group, key=lambda value: (smallest_group[value], value))
    small = sum(persons < SMALLEST for persons in smallest_group.values())
    return set(by_size[: 2 if small == 1 else small])


def test_figures_around_a_campaign_are_those_of_its_days(open_shop):
    (file,) = (open_shop.folder / "landing" / "crm" / "campaigns").glob("*.csv")
    with file.open(encoding="utf-8") as lines:
        campaigns = list(csv.DictReader(lines))
    orders = dict(
        open_shop.query("select ordered_date, count(*) from marts.orders group by ordered_date")
    )
    engagements: dict[date, tuple[int, int]] = {
        day: (part, reach)
        for day, part, reach in open_shop.query(
            "select posted_date, sum(engagement_count), sum(reach) from marts.sns_posts"
            " where reach is not null and engagement_count is not null group by 1"
        )
    }
    ((first_day,),) = open_shop.query(
        "select min(period_start) from marts.kpi_values where grain = 'day'"
    )

    def mean(first: date, last: date) -> float | None:
        days = [first + timedelta(n) for n in range((min(last, LAST_DAY) - first).days + 1)]
        return sum(orders.get(day, 0) for day in days) / len(days) if days else None

    def rate(first: date, last: date) -> float | None:
        read = [both for day, both in engagements.items() if first <= day <= last]
        reach = sum(reach for _, reach in read)
        return 100 * sum(part for part, _ in read) / reach if reach else None

    expected = {}
    for campaign in campaigns:
        started = date.fromisoformat(campaign["started_at"][:10])
        ended = date.fromisoformat(campaign["ended_at"][:10]) if campaign["ended_at"] else None
        for kpi, figure in (("orders", mean), ("sns_engagement_rate_reach", rate)):
            before_from = started - timedelta(28)
            before = figure(before_from, started - timedelta(1))
            after = figure(ended + timedelta(1), ended + timedelta(28)) if ended else None
            is_complete = ended and ended + timedelta(28) <= LAST_DAY
            before = before if before_from >= first_day else None
            expected[campaign["campaign_id"], kpi] = (
                before,
                figure(started, ended or LAST_DAY),
                after,
                after - before if is_complete and None not in (before, after) else None,
            )
    found = open_shop.query(
        "select campaign_id, kpi, before_value, campaign_value, after_value, change"
        " from marts.campaign_before_after where kpi in ('orders', 'sns_engagement_rate_reach')"
    )
    assert sum(change is not None for *_, change in found) > 20
    assert {(campaign, kpi): pytest.approx(tuple(row)) for campaign, kpi, *row in found} == expected


def test_groups_of_the_nps_are_the_last_votes_of_the_year_and_no_small_one_can_be_told(open_shop):
    votes = open_shop.query(
        f"select person_key, arg_max(nps_class, (responded_at, response_id)), {', '.join(CUTS)}"
        " from marts.survey_answers join marts.customers using (person_key)"
        " where question_code = 'nps' and survey_kind = 'relationship' and is_counted"
        f" and {YEAR} group by person_key, {', '.join(CUTS)}"
    )
    assert len(votes) > 20
    found = {
        (cut, value, nps_class): (persons, share)
        for cut, value, nps_class, persons, share in open_shop.query(
            "select segment_dimension, segment_value, nps_class, person_count, respondent_share"
            " from marts.promoter_profiles"
        )
    }
    for position, cut in enumerate(CUTS, start=2):
        counted = Counter((vote[position], vote[1]) for vote in votes)
        values = sorted({value for value, _ in counted})
        hidden = hidden_values({v: min(counted[v, c] for c in CLASSES) for v in values})
        for value in values:
            for nps_class in CLASSES:
                persons = counted[value, nps_class]
                share = 100 * sum(counted[value, c] for c in CLASSES) / len(votes)
                expected = (None, None) if value in hidden else (persons, pytest.approx(share))
                assert found[cut, value, nps_class] == expected
        # known: how many of each group, and of each value, all hidden cells hold
        cells = [(value, c) for value in sorted(hidden) for c in CLASSES]
        sums = [[c == group for _, c in cells] for group in CLASSES]
        sums += [[v == value for v, _ in cells] for value in sorted(hidden)]
        for cell in np.eye(len(cells)):
            weights, *_ = np.linalg.lstsq(np.array(sums, float).T, cell, rcond=None)
            assert abs(np.array(sums, float).T @ weights - cell).max() > 0.01
    assert sum(persons is not None for persons, _ in found.values()) > 3


def test_respondents_stand_beside_customers_and_no_small_cell_can_be_told(open_shop):
    customers = open_shop.query(
        f"select person_key, {', '.join(CUTS)} from marts.customers"
        " where order_count + subscription_count > 0"
    )
    answered = defaultdict(set)
    for kind, person in open_shop.query(
        "select distinct survey_kind, person_key from marts.survey_answers"
        f" where is_complete and person_key is not null and {YEAR}"
    ):
        answered[kind].add(person)
    found = {
        (kind, cut, value): tuple(row)
        for kind, cut, value, *row in open_shop.query(
            "select survey_kind, segment_dimension, segment_value, customer_count,"
            " respondent_count, share_difference from marts.survey_representativeness"
        )
    }
    kinds = {kind for kind, *_ in found}
    assert kinds == {"relationship", "transactional", "engagement"}
    for kind in kinds:
        answering = [row for row in customers if row[0] in answered[kind]]
        assert found[kind, "overall", "all"][:2] == (len(customers), len(answering))
        for position, cut in enumerate(CUTS, start=1):
            base = Counter(row[position] for row in customers)
            part = Counter(row[position] for row in answering)
            hidden_base, hidden_part = (
                hidden_values({value: counted[value] for value in base}) for counted in (base, part)
            )
            for value, persons in base.items():
                difference = 100 * (part[value] / len(answering) - persons / len(customers))
                assert found[kind, cut, value] == (
                    None if value in hidden_base else persons,
                    None if value in hidden_part else part[value],
                    None
                    if value in hidden_base | hidden_part
                    else pytest.approx(difference, abs=1e-9),
                )
    assert sum(difference is not None for *_, difference in found.values()) > 10

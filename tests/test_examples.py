"""Whole nights over real data, held to the figures that are published for it."""

import shutil

import pytest
from conftest import Shop

from orchestration.settings import ROOT


@pytest.fixture(scope="module")
def example(kizuna, tmp_path_factory):
    """Run the night of a copy of an example's folder."""

    def run(name: str, as_of: str) -> Shop:
        folder = tmp_path_factory.mktemp("examples") / name
        shutil.copytree(ROOT / "examples" / name, folder, ignore=shutil.ignore_patterns("data"))
        result = kizuna("night", "--company", folder, "--as-of", as_of)
        assert result.exit_code == 0, result.output
        return Shop(folder, result.output)

    return run


def overall(shop: Shop, kpi: str, columns: str, grain: str = "year") -> list[tuple]:
    return shop.query(
        f"select {columns} from marts.kpi_values where kpi = '{kpi}' and grain = '{grain}'"
        " and segment_dimension = 'overall' order by period_start"
    )


@pytest.fixture(scope="module")
def retail(example) -> Shop:
    return example("online_retail", "2011-12-09")


def test_retail_revenue_is_what_the_lines_add_up_to(retail):
    (money,) = retail.query(
        "select sum(goods_amount), sum(refund_amount), count(*) from marts.orders"
    )
    assert float(money[0]) == pytest.approx(10_655_622.484, abs=0.001)
    assert money[2] == 19_959
    net = sum(value for (value,) in overall(retail, "net_revenue", "numerator"))
    assert net == pytest.approx(9_758_809.994, abs=0.001)
    refunds = sum(value for (value,) in overall(retail, "refund_rate", "numerator"))
    assert refunds == pytest.approx(896_812.49, abs=0.001)


def test_retail_buyers_repeat(retail):
    ((buyers, orders, repeaters),) = retail.query(
        "select count(*), sum(order_count), count(*) filter (where order_count > 1)"
        " from marts.customers where order_count > 0"
    )
    assert (buyers, orders) == (4_338, 18_532)
    assert 100 * repeaters / buyers == pytest.approx(65.583, abs=0.0005)


def test_retail_first_repeat_counts_business_dates(retail):
    """The published 47.626 % counts 90 × 24 hours; the KPI counts 90 business dates."""
    cells = overall(retail, "first_repeat_rate", "numerator, denominator")
    assert (sum(n for n, _ in cells), sum(d for _, d in cells)) == (1_607, 3_370)
    ((by_hours,),) = retail.query(
        """
        with numbered as (
            select
                ordered_at,
                order_number,
                ordered_date,
                lead(ordered_at) over (partition by person_key order by order_number) as next_at
            from marts.orders
            where person_key is not null
        )
        select 100.0 * count(*) filter (where next_at <= ordered_at + interval 90 day) / count(*)
        from numbered
        where order_number = 1 and ordered_date + 90 <= date '2011-12-09'
        """
    )
    assert by_hours == pytest.approx(47.626, abs=0.0005)


def test_airport_passengers_vote(example):
    airport = example("airport_survey", "2017-05-31")
    ((votes, value),) = overall(airport, "nps", "n, value")
    assert (votes, value) == (1_436 + 968 + 342, pytest.approx(39.8398, abs=0.00005))
    for kpi, count in (("promoter_rate", 1_436), ("passive_rate", 968), ("detractor_rate", 342)):
        assert overall(airport, kpi, "numerator") == [(count,)]
    ((answers, satisfied),) = overall(airport, "csat", "n, value")
    assert (answers, satisfied) == (2_688, pytest.approx(82.0685, abs=0.00005))


def test_page_posts_are_pooled_and_not_averaged(example):
    page = example("facebook_page", "2014-12-31")
    ((interactions, by_reach),) = overall(page, "sns_engagement_rate_reach", "numerator, value")
    assert interactions == 106_060
    assert by_reach == pytest.approx(1.525674, abs=0.0000005)
    ((by_impressions,),) = page.query(
        "select 100.0 * sum(likes + comments + shares) / sum(impressions) from marts.sns_posts"
    )
    assert by_impressions == pytest.approx(0.716962, abs=0.0000005)

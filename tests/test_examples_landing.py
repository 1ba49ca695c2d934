"""The real examples up to raw: what their mappings make of them, against published figures."""

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration.company import load_company
from orchestration.landing import Landing
from orchestration.settings import ROOT


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    """Land an example in a folder of its own: its reports, and a query over its raw feeds."""
    made = {}

    def land(name: str, as_of: str):
        if name not in made:
            folder = tmp_path_factory.mktemp(name) / name
            shutil.copytree(ROOT / "examples" / name, folder, ignore=shutil.ignore_patterns("data"))
            company = load_company(folder)
            landing = Landing(company, date.fromisoformat(as_of), "test")
            reports = {feed.name: landing.load(feed) for feed in landing.feeds}
            landing.close()
            made[name] = reports, company.raw
        return made[name]

    return land


def rows(raw: Path, sql: str) -> tuple:
    """One row over raw feeds, each written {feed} in the query."""
    feeds = {path.name: f"read_parquet('{path}/*/*.parquet')" for path in raw.glob("*/*")}
    return duckdb.connect().execute(sql.format(**feeds)).fetchone()


@pytest.fixture
def retail(landed):
    return landed("online_retail", "2011-12-09")


@pytest.fixture
def survey(landed):
    return landed("airport_survey", "2017-05-31")


@pytest.fixture
def page(landed):
    return landed("facebook_page", "2014-12-31")


def test_nothing_of_the_examples_is_quarantined_or_rejected(retail, survey, page):
    for reports, _ in (retail, survey, page):
        for report in reports.values():
            assert report.rows_quarantined == 0, report
            assert not report.rejected, report
            assert report.rows_in == report.rows_loaded


def test_online_retail_has_the_published_gross_and_orders_without_the_bad_debt_entries(retail):
    _, raw = retail
    gross, orders = rows(raw, "select sum(line_total), count(distinct order_id) from {order_items}")
    assert float(gross) == 10_655_622.484
    assert orders == 19_959
    assert rows(raw, "select count(*), count(distinct order_id) from {orders}") == (19_959, 19_959)


def test_online_retail_has_the_published_refunds_and_net(retail):
    _, raw = retail
    refunds, gross = rows(
        raw,
        "select (select sum(amount) from {refunds}), (select sum(line_total) from {order_items})",
    )
    assert float(refunds) == 896_812.49
    assert round(float(gross - refunds), 2) == 9_758_809.99


def test_online_retail_has_the_published_buyers(retail):
    _, raw = retail
    buyers, orders, repeaters = rows(
        raw,
        """
        select count(*), sum(orders), count(*) filter (orders > 1)
        from (select customer_id, count(*) as orders from {orders}
            where customer_id is not null group by customer_id)
        """,
    )
    assert (buyers, orders) == (4_338, 18_532)
    assert round(100 * repeaters / buyers, 3) == 65.583


def test_online_retail_refunds_stand_against_an_earlier_order_of_the_same_article(retail):
    _, raw = retail
    matched, sound = rows(
        raw,
        """
        select count(*), count(*) filter (
            o.customer_id = r.customer_id and o.ordered_at < r.refunded_at
            and i.order_id = r.order_id)
        from {refunds} as r
        inner join {orders} as o on r.order_id = o.order_id
        inner join {order_items} as i on r.order_item_id = i.order_item_id
        """,
    )
    assert matched == sound == 7_599


def test_an_order_with_more_than_one_timestamp_has_the_earliest(retail):
    _, raw = retail
    assert rows(raw, "select ordered_at::varchar from {orders} where order_id = '536591'") == (
        "2010-12-01 16:57:00",
    )


def test_airport_survey_has_the_published_nps_and_csat(survey):
    _, raw = survey
    votes = rows(
        raw,
        """
        select count(*) filter (numeric_value >= 9), count(*) filter (numeric_value in (7, 8)),
            count(*) filter (numeric_value <= 6)
        from {answers} where question_code = 'nps'
        """,
    )
    assert votes == (1_436, 968, 342)
    satisfied, asked = rows(
        raw,
        """
        select count(*) filter (numeric_value >= 4), count(*)
        from {answers} where question_code = 'csat'
        """,
    )
    assert asked == 2_688
    assert round(100 * satisfied / asked, 4) == 82.0685


def test_what_a_mapping_ignores_is_counted(survey):
    reports, _ = survey
    (warning,) = reports["answers"].warnings
    assert "rows left out as the mapping says: touchpoint_long_term_parking 6 × 1,816" in warning
    assert reports["answers"].ignored["nps 11"] == 84
    assert reports["answers"].ignored["csat Blank"] == 143


def test_facebook_page_has_the_published_interactions(page):
    _, raw = page
    interactions, per_reach, per_impression, mean = rows(
        raw,
        """
        select sum(n), 100.0 * sum(n) / sum(reach), 100.0 * sum(n) / sum(impressions),
            avg(100.0 * n / reach)
        from (select *, likes + comments + shares as n from {post_metrics_daily})
        """,
    )
    assert interactions == 106_060
    assert round(per_reach, 6) == 1.525674
    assert round(per_impression, 6) == 0.716962
    assert round(mean, 6) == 2.407052


def test_posts_lie_in_the_file_s_months_and_on_its_weekdays(page):
    _, raw = page
    delivered = ROOT / "examples/facebook_page/landing/facebook/facebook_page_posts.csv.gz"
    wrong = (
        duckdb.connect()
        .execute(f"""
        select count(*)
        from (select source_row, posted_at from read_parquet('{raw}/sns/posts/*/*.parquet'))
        inner join (
            select row_number() over () + 1 as source_row, *
            from read_csv('{delivered}', delim = ';', header = true)
        ) as file using (source_row)
        where (month(posted_at), dayofweek(posted_at) + 1, hour(posted_at))
            <> (file.Month, file.Weekday, file.Hour)
    """)
        .fetchone()
    )
    assert wrong == (0,)

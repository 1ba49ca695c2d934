"""Scores of persons follow the tables that a company puts into its reference folder."""

from datetime import date, datetime

import duckdb
import pytest

from orchestration.settings import REFERENCE
from tests.raw_data import RawData

AS_OF = date(2026, 6, 30)
ORDERED = {"ann": ["2026-01-01", "2026-06-01", "2026-06-20"], "ben": ["2026-03-01"]}


def thresholds(**values: float) -> str:
    """The project's own table, with other values of the names given."""
    lines = (REFERENCE / "thresholds.csv").read_text(encoding="utf-8").splitlines()
    rows = dict(line.split(",") for line in lines[1:])
    assert values.keys() <= rows.keys()
    return "\n".join(["name,value", *(f"{k},{v}" for k, v in (rows | values).items())]) + "\n"


OWN = {
    "behaviour_components.csv": "component,full_score_at,weight\nrepeat_orders,2,1\nsocial,4,3\n",
    "rfm_cutpoints.csv": (
        "dimension,score,at_least,at_most\nrecency_days,4,,10\norder_count,5,3,\n"
    ),
    "rfm_segments.csv": (
        "position,segment,name_en,name_ja,r_min,r_max,f_min,f_max,m_min,m_max\n"
        "1,vip,VIP,特別客,4,4,5,5,1,5\n2,rest,Rest,その他,1,5,1,5,1,5\n"
    ),
    "thresholds.csv": thresholds(quadrant_behaviour_score=43.75, activation_days=121),
}


def build(folder, reference: dict[str, str]) -> dict[str, dict]:
    """The rows of customers, by person."""
    raw = RawData(folder, {"name": "Scores"})
    for name, text in reference.items():
        raw.reference(name, text)
    raw.deliver("customers", "crm", [{"customer_id": person} for person in ["cho", *ORDERED]])
    raw.deliver(
        "orders",
        "crm",
        [
            {
                "order_id": f"{person}-{number}",
                "customer_id": person,
                "ordered_at": datetime.fromisoformat(day),
                "status": "paid",
                "currency": "JPY",
                "subtotal": amount,
            }
            for person, amount in (("ann", 1000), ("ben", 2999))
            for number, day in enumerate(ORDERED[person])
        ],
    )
    raw.deliver(
        "community_events",
        "crm",
        [
            {
                "event_id": "post",
                "customer_id": "ann",
                "event_type": "post",
                "occurred_at": datetime(2026, 5, 1),
            }
        ],
    )
    raw.deliver("surveys", "crm", [{"survey_id": "s", "kind": "relationship"}])
    responded_at = datetime(2026, 4, 1)
    response = {"response_id": "r", "survey_id": "s", "customer_id": "ann"}
    raw.deliver("responses", "crm", [{**response, "responded_at": responded_at}])
    answer = {"response_id": "r", "question_code": "attachment_1", "numeric_value": 4}
    raw.deliver("answers", "crm", [answer])
    tests = "behaviour_parts_add_up_to_the_score every_behaviour_component_can_be_scored"
    warehouse = raw.build(AS_OF, f"+customers {tests} every_rfm_score_has_a_segment")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        rows = connection.execute("from marts.customers")
        names = [column[0] for column in rows.description]
        return {row[0]: dict(zip(names, row, strict=True)) for row in rows.fetchall()}


@pytest.fixture(scope="module")
def by_default(tmp_path_factory):
    return build(tmp_path_factory.mktemp("scores") / "default", {})


@pytest.fixture(scope="module")
def by_own(tmp_path_factory):
    return build(tmp_path_factory.mktemp("scores") / "own", OWN)


def figures(row: dict, *names: str) -> tuple:
    return tuple(row[name] for name in names)


def test_a_companys_own_weights_change_the_behaviour_score(by_default, by_own):
    """2 of 4 repeat orders, 1 of 3 answers, 1 of 5 acts; then 2 of 2 repeat orders, 1 of 4 acts."""
    ann = by_default["crm:ann"]
    assert ann["behaviour_score"] == (25 * 2 / 4) + (15 * 1 / 3) + (10 * 1 / 5)
    assert ann["behaviour_upgrades_score"] == 0
    ann = by_own["crm:ann"]
    assert ann["behaviour_score"] == (1 * 100 + 3 * 25) / 4
    assert ann["behaviour_upgrades_score"] is None
    assert by_default["crm:cho"]["behaviour_score"] == by_own["crm:cho"]["behaviour_score"] == 0


def test_a_companys_own_cutpoints_and_segments_change_the_rfm(by_default, by_own):
    names = "r_score", "f_score", "m_score", "rfm_segment"
    assert figures(by_default["crm:ann"], *names) == (5, 3, 5, "loyal_customers")
    assert figures(by_default["crm:ben"], *names) == (2, 1, 3, "hibernating")
    assert figures(by_own["crm:ann"], *names) == (4, 5, 5, "vip")
    assert figures(by_own["crm:ben"], *names) == (1, 1, 3, "rest")
    assert figures(by_own["crm:cho"], *names) == (None, None, None, None)


def test_a_companys_own_thresholds_change_quadrant_and_phase(by_default, by_own):
    """Ann feels 75. Ben's only order is 121 days ago."""
    names = "consciousness_score", "engagement_quadrant", "lifecycle_phase"
    assert figures(by_default["crm:ann"], *names) == (75, "loyal_inactive", "retention")
    assert figures(by_own["crm:ann"], *names) == (75, "engaged", "retention")
    assert figures(by_default["crm:ben"], *names) == (None, "unknown", "stalled")
    assert figures(by_own["crm:ben"], *names) == (None, "unknown", "activation")
    assert by_own["crm:cho"]["lifecycle_phase"] == "acquisition"

"""The benchmark of the models compares like with like: dbt and the script give the same rows."""

from pathlib import Path

from benchmarks.raw import Size, write_company
from benchmarks.transform import MARTS, build_by_dbt, build_by_hand, differences
from orchestration.company import load_company

SMALL = Size(order_lines=4_000, web_events=6_000, persons=700)


def test_both_sides_give_the_same_rows(tmp_path: Path):
    write_company(tmp_path / "shop", SMALL)
    company = load_company(tmp_path / "shop")
    by_hand, _ = build_by_hand(company)
    by_dbt, _ = build_by_dbt(company, with_tests=False, whole=True)
    compared = differences(by_dbt, by_hand)
    assert {mart: different for mart, (_, different) in compared.items()} == dict.fromkeys(MARTS, 0)
    assert all(rows for rows, _ in compared.values())

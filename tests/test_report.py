"""What a night prints: which figures, and in which colour they changed."""

from datetime import date
from pathlib import Path

import duckdb
import pytest

from orchestration import report
from orchestration.publishing import Version

VERSION = Version(Path("2026-06-30-001"), {"as_of_date": "2026-06-30"}, True)
FIGURES = [(code, "up", 50.0, 50.0, False) for code in "abcdefg"]


def headlines(figures: list[tuple]):
    """The table over figures: KPI, direction, value, the month before, whether a headline."""
    with duckdb.connect() as connection:
        connection.execute("""
            create schema marts;
            create table marts.kpi_report as
            select 'kpi' as kpi, 'name' as name_en, '' as name_ja, 'percent' as unit,
                'up' as direction, 'month' as grain, 'overall' as segment_dimension,
                date '2026-06-01' as period_start, 0::double as value, null::double as ci_low,
                null::double as ci_high, 0::double as previous_value, true as is_complete,
                true as is_mature, false as is_headline
            limit 0
        """)
        connection.executemany(
            "insert into marts.kpi_report values (?, ?, '', 'percent', ?, 'month', 'overall', ?,"
            " ?, null, null, ?, true, true, ?)",
            [(f[0], f[0], f[1], date(2026, 6, 1), f[2], f[3], f[4]) for f in figures],
        )
        return report._headlines(connection, VERSION, "JPY")


def test_the_headlines_are_shown_all_and_alone():
    shown = headlines([(*figure[:4], True) for figure in FIGURES] + [("z", "up", 1, 1, False)])
    assert [name.strip() for name in shown.columns[0].cells] == list("abcdefg")


def test_where_none_is_live_the_first_others_are_shown():
    assert [name.strip() for name in headlines(FIGURES).columns[0].cells] == list("abcde")


@pytest.mark.parametrize(
    ("direction", "value", "said"),
    [
        ("up", 51.0, "[green]+1.0 points[/green]"),
        ("up", 49.0, "[red]-1.0 points[/red]"),
        ("down", 51.0, "[red]+1.0 points[/red]"),
        ("down", 49.0, "[green]-1.0 points[/green]"),
        ("down", 50.0, "+0.00 points"),
        ("up", 50.0, "+0.00 points"),
    ],
)
def test_a_change_has_the_colour_of_its_direction_and_none_where_there_is_no_change(
    direction, value, said
):
    shown = headlines([("kpi", direction, value, 50.0, True)])
    assert list(shown.columns[-1].cells) == [said]

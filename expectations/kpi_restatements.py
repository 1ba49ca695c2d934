"""kpi_restatements: finished figures that change are few, and change little."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("a finished figure more than doubled", "abs(difference) > abs(old_value)", 50),
    never("a period after the as-of date", "period_start > as_of_date"),
]

"""kpi_values: figures that can be."""

import great_expectations.expectations as gxe

from expectations._kinds import never

EXPECTATIONS = [
    gxe.ExpectTableRowCountToBeBetween(min_value=1),
    never(
        "a share of counted things off 0 to 100",
        "value not between 0 and 100 and kpi in ("
        "select kpi from marts.kpi_catalog where \"interval\" = 'wilson')",
    ),
    never("an NPS off -100 to 100", "kpi like '%nps' and value not between -100 and 100"),
    never("a value outside its own interval", "value < ci_low - 1e-9 or value > ci_high + 1e-9"),
    never("a negative base", "n < 0 or persons < 0"),
    never("not a number", "isnan(value) or isinf(value) or isinf(numerator) or isinf(denominator)"),
    never("a period that begins after the as-of date", "period_start > as_of_date"),
    never(
        "a hidden cell that shows",
        "is_suppressed and"
        " coalesce(value, numerator, denominator, ci_low, ci_high, n, persons) is not null",
    ),
    never(
        "of a count, a cut that is more than the whole",
        """
        (kpi, grain, period_start) in (
            select (cut.kpi, cut.grain, cut.period_start)
            from {batch} as cut
            inner join {batch} as whole
                on cut.kpi = whole.kpi and cut.grain = whole.grain
                and cut.period_start = whole.period_start
            inner join marts.kpi_catalog as catalog on cut.kpi = catalog.kpi
            where catalog.kind = 'count'
                and cut.segment_dimension <> 'overall'
                and whole.segment_dimension = 'overall'
                and cut.value > whole.value
        )
        """,
    ),
]

"""kpi_coverage: something is live, for a night with figures for nobody is no night."""

import great_expectations.expectations as gxe

from expectations._kinds import never

EXPECTATIONS = [
    gxe.ExpectTableRowCountToBeBetween(min_value=1),
    never(
        "live since after the as-of date",
        "live_since > (select max(as_of_date) from marts.kpi_values)",
    ),
    never("live while a feed is missing", "is_live and missing_feeds is not null"),
]

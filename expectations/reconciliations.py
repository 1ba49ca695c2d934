"""reconciliations: sources whose own totals are near what is counted."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("less than a tenth of the source", "counted_amount < source_amount / 10", 50),
    never("rows counted below none", "quarantined_row_count < 0"),
]

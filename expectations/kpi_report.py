"""kpi_report: every figure with its name."""

import great_expectations.expectations as gxe

EXPECTATIONS = [
    gxe.ExpectTableRowCountToBeBetween(min_value=1),
    gxe.ExpectColumnValuesToNotBeNull(column="name_ja"),
    gxe.ExpectColumnValuesToNotBeNull(column="unit"),
]

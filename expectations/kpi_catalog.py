"""kpi_catalog: every KPI says what it means."""

import great_expectations.expectations as gxe

EXPECTATIONS = [
    gxe.ExpectTableRowCountToBeBetween(min_value=1),
    gxe.ExpectColumnValueLengthsToBeBetween(column="name_ja", min_value=2),
    gxe.ExpectColumnValueLengthsToBeBetween(column="name_en", min_value=3),
    gxe.ExpectColumnValueLengthsToBeBetween(column="numerator", min_value=5),
]

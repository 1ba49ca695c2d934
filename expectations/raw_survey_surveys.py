"""raw/survey/surveys: a handful of surveys, not a file of answers."""

import great_expectations.expectations as gxe

EXPECTATIONS = [
    gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=100_000),
]

"""The kinds of line that most suites are made of, counted inside the database."""

from typing import Any

import great_expectations.expectations as gxe

FEW = 30  # rows below which a share says nothing


class ExpectShareOfRowsToBeAtMost(gxe.UnexpectedRowsExpectation):
    """The query's only value, a percentage, is at most `percent`; null is none."""

    percent: float

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        (row,) = metrics["unexpected_rows_query.table"]
        share = row["percent"]
        observed = None if share is None else round(float(share), 4)
        return {
            "success": observed is None or observed <= self.percent,
            "result": {"observed_value": observed},
        }


def never(description: str, where: str) -> gxe.UnexpectedRowsExpectation:
    """Not one row may be like this."""
    return gxe.UnexpectedRowsExpectation(
        description=description,
        unexpected_rows_query=f"select * from {{batch}} where {where}",
    )


def seldom(
    description: str, where: str, percent: float, of: str = "true"
) -> ExpectShareOfRowsToBeAtMost:
    """At most this percentage of the rows, or `of` those that are like that, may be like this."""
    return ExpectShareOfRowsToBeAtMost(
        description=description,
        percent=percent,
        unexpected_rows_query=f"""
            select case when count(*) >= {FEW}
                then 100.0 * count(*) filter (where {where}) / count(*) end as percent
            from {{batch}}
            where {of}
        """,
    )


def long_ago(column: str) -> ExpectShareOfRowsToBeAtMost:
    """A date format misread, or a default of the source system, shows as a year long past."""
    return seldom(f"{column} before 1990", f"{column} < timestamp '1990-01-01'", 1)

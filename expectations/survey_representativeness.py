"""survey_representativeness: respondents who are customers."""

from expectations._kinds import never

EXPECTATIONS = [
    never(
        "more invited or answering than there are",
        "greatest(invited_count, respondent_count) > customer_count",
    ),
    never("a share beyond the whole", "greatest(respondent_share, response_rate) > 100"),
    never(
        "a single hidden cell, which the total gives away",
        """
        (survey_kind, segment_dimension) in (
            select (survey_kind, segment_dimension)
            from {batch}
            where respondent_count is null
            group by survey_kind, segment_dimension
            having count(*) = 1
        )
        """,
    ),
]

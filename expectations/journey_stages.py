"""journey_stages: persons who are somewhere on their way."""

from expectations._kinds import never

EXPECTATIONS = [
    never("fewer than nobody", "least(person_count, entered_count, moved_on_count) < 0"),
    never("a stage entered after the period", "median_days < 0"),
    never("fallen back from the first stage", "stage = 'awareness' and fell_back_count > 0"),
    never("moved on from the last stage", "stage = 'advocacy' and moved_on_count > 0"),
    never(
        "a cut that is more than the whole",
        """
        (grain, period_start, stage) in (
            select (cut.grain, cut.period_start, cut.stage)
            from {batch} as cut
            inner join {batch} as whole
                on cut.grain = whole.grain and cut.period_start = whole.period_start
                and cut.stage = whole.stage
            where cut.segment_dimension <> 'overall'
                and whole.segment_dimension = 'overall'
                and cut.person_count > whole.person_count
        )
        """,
    ),
]

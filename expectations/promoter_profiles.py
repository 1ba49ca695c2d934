"""promoter_profiles: three groups that are parts of all who answered."""

from expectations._kinds import never

EXPECTATIONS = [
    never(
        "a share beyond the whole", "greatest(class_share, respondent_share, active_share) > 100"
    ),
    never("a hidden value that shows", "is_suppressed and respondent_share is not null"),
    never(
        "a value that is shown for one group and hidden for another",
        """
        (segment_dimension, segment_value) in (
            select (segment_dimension, segment_value)
            from {batch}
            group by segment_dimension, segment_value
            having count(*) <> 3 or bool_or(is_suppressed) <> bool_and(is_suppressed)
        )
        """,
    ),
]

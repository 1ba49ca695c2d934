"""cohort_retention: cohorts of which a part comes back."""

from expectations._kinds import never

EXPECTATIONS = [
    never("more active than there are", "active_customers > cohort_size"),
    never("a share off 0 to 100", "retention_rate not between 0 and 100"),
    never("nobody in it", "cohort_size < 1"),
]

"""churn_reasons: reasons that somebody wrote down."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("left for a reason that nobody wrote down", "cancel_reason = 'unknown'", 80),
    never("a hidden cell that shows", "is_suppressed and churned_count is not null"),
]

"""raw/crm/experiment_assignments: experiments with somebody to compare with."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("assigned_at"),
    seldom("all in the largest variant", "variant = (select mode(variant) from {batch})", 99),
]

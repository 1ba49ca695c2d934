"""raw/crm/action_outcomes: outcomes of which not all are failures."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("done_at"),
    seldom("no answer", "result = 'no_answer'", 99),
]

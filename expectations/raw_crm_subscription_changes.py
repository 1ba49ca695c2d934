"""raw/crm/subscription_changes: changes within the life of a contract."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("effective_at"),
    seldom("a term that is due before it begins", "term_ends_at < effective_at", 1),
]

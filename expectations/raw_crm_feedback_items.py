"""raw/crm/feedback_items: feedback that is answered after it came."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("received_at"),
    seldom("told before it was received", "replied_at < received_at", 1),
]

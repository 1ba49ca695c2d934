"""raw/crm/support_tickets: tickets that go forward in time."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("opened_at"),
    seldom("answered before it was opened", "first_responded_at < opened_at", 1),
    seldom("resolved before it was opened", "resolved_at < opened_at", 1),
    seldom("reopened over 20 times", "reopened_count > 20", 1),
]

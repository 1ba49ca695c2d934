"""raw/crm/community_events: a community of more than one person."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("occurred_at"),
    seldom("all by one person", "customer_id = (select mode(customer_id) from {batch})", 90),
]

"""raw/survey/responses: responses of more than one person."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("responded_at"),
    seldom("all by one person", "customer_id = (select mode(customer_id) from {batch})", 90),
    seldom("incomplete", "is_complete is false", 90),
]

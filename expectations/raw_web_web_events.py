"""raw/web/web_events: visits of more than one machine."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("occurred_at"),
    seldom("all by one visitor", "anonymous_id = (select mode(anonymous_id) from {batch})", 90),
    seldom("a purchase", "event_name = 'purchase'", 50),
]

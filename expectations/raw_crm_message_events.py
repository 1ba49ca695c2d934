"""raw/crm/message_events: messages of which most arrive."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("occurred_at"),
    seldom("bounced", "event_type = 'bounced'", 30),
    seldom("unsubscribed", "event_type = 'unsubscribed'", 20),
]

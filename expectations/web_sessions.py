"""web_sessions: sessions of human length."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    never("ends before it starts", "ended_at < started_at"),
    seldom("longer than a day", "dwell_seconds > 86400", 1),
    seldom("over 1,000 events", "event_count > 1000", 1),
    seldom("a purchase", "has_purchase", 60),
]

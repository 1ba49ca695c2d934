"""subscriptions: contracts that are worth something and end after they begin."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("a contract of nothing", "is_active_at_end and recurring_amount_at_end = 0", 20),
    never("an end before the beginning", "ended_at < started_at"),
    never("a reason to leave without an end", "cancel_reason is not null and not is_ended"),
]

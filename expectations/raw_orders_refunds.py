"""raw/orders/refunds: money given back, once."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("refunded_at"),
    seldom("of nothing", "amount = 0", 20),
]

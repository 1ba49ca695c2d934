"""raw/orders/orders: orders as a shop really has them."""

from expectations._kinds import long_ago, never, seldom

EXPECTATIONS = [
    long_ago("ordered_at"),
    never("a currency that is no ISO code", "not regexp_matches(currency, '^[A-Z]{{3}}$')"),
    seldom("cancelled", "status = 'cancelled'", 50),
    seldom("a test", "is_test", 50),
    seldom("cancelled before it was placed", "cancelled_at < ordered_at", 1),
]

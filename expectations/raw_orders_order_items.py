"""raw/orders/order_items: lines that cost about price times quantity."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom("of nothing", "quantity = 0", 20),
    seldom(
        "dearer than price times quantity",
        "abs(line_total) > abs(quantity * unit_price) + 1",
        10,
    ),
]

"""raw/orders/products: prices above cost, and none that is zero."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom("a cost above the list price", "unit_cost > list_price", 20),
    seldom("a list price of 0", "list_price = 0", 90),
]

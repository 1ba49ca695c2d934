"""raw/orders/products: prices above cost."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom("a cost above the list price", "unit_cost > list_price", 20),
    seldom("without a price", "list_price is null or list_price = 0", 90),
]

"""order_items: lines that are worth something, at prices near the list."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("a line of nothing", "quantity = 0", 5),
    seldom("sold at less than half the list price", "line_amount < list_amount / 2", 20),
    seldom("sold below cost", "profit_amount < 0", 20),
    never("an upgrade to no higher grade", "is_upgrade and not grade > earlier_grade"),
]

"""orders: orders worth something."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("goods for nothing", "goods_amount = 0", 50),
    seldom("goods of unknown value", "goods_amount is null", 50),
    seldom("refunded for more than it was worth", "refund_amount > goods_amount + 1", 5),
    never("a next order before this one", "next_ordered_date < ordered_date"),
]

"""customers: persons who could exist."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    never("the last order before the first", "last_ordered_date < first_ordered_date"),
    never("a lead with an order", "is_lead and order_count > 0"),
    never("more orders in a year than ever", "order_count_365_days > order_count"),
    seldom("over 10,000 orders", "order_count > 10000", 0.1),
    seldom("spent less than nothing", "net_revenue_amount < 0", 5),
    seldom("a profit above the revenue", "gross_profit_amount > net_revenue_amount + 1", 5),
    never("scored for orders without one", "order_count = 0 and rfm_segment is not null"),
    never("orders that nobody scored", "order_count > 0 and rfm_segment is null"),
    never("an RFM score off its scale", "not (r_score + f_score + m_score between 3 and 15)"),
    never("a behaviour score off its scale", "behaviour_score not between 0 and 100.000001"),
    never("a feeling off its scale", "consciousness_score not between 0 and 100"),
    never(
        "no answer, and yet a quadrant",
        "(engagement_quadrant = 'unknown') <> (consciousness_score is null)",
    ),
    never("a lead beyond acquisition", "is_lead <> (lifecycle_phase = 'acquisition')"),
    never("a health score off its scale", "not (health_score between 0 and 100)"),
    never("a health without a reason", "health_score <> 50 and health_reason_1_en is null"),
    never(
        "more contacts in a week than in a month", "contact_count_7_days > contact_count_30_days"
    ),
    seldom("tired of contacts", "is_contact_fatigued", 30),
    seldom("an order expected after more than three years", "repurchase_interval_days > 1095", 1),
]

"""campaign_before_after: figures on both sides of campaigns that are over before their after is."""

from expectations._kinds import never

EXPECTATIONS = [
    never("a campaign that ends before it begins", "ended_date < started_date"),
    never("more dates after a campaign than are compared", "after_day_count > 28"),
    never("an after without an end", "after_value is not null and ended_date is null"),
    never("a comparison across a break", "change is not null and has_break"),
    never("a comparison before all its dates are there", "change is not null and not is_complete"),
]

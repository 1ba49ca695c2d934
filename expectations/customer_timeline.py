"""customer_timeline: lives in which more happens than one thing."""

from expectations._kinds import long_ago, never

EXPECTATIONS = [
    never("an order that takes money back", "kind = 'refunded' and amount > 0"),
    never(
        "a score that is neither an answer's nor a mention's",
        "score is not null and kind not in ('survey_answered', 'mentioned_us')",
    ),
    long_ago("occurred_at"),
]

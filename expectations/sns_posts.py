"""sns_posts: posts whose figures grow."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("taken back by the platform", "has_fall", 50),
    seldom("more engagements than people reached", "engagement_count > reach", 20),
    never("read before it was published", "read_date < posted_date"),
]

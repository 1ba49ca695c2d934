"""sns_posts: posts whose figures grow."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom("taken back by the platform", "has_fall", 50),
    seldom("more engagements than people reached", "engagement_count > reach", 20),
    seldom("read before it was published", "read_date < posted_date", 5),
]

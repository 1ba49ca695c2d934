"""sns_post_readings: readings of posts that grow."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom("taken back by the platform", "is_fall", 30),
    seldom("read before it was published", "age_days < 0", 5),
]

"""raw/sns/post_metrics_daily: readings of which each is part of the one before."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("date"),
    seldom("reached more people than it was shown", "reach > impressions", 5),
    seldom("liked more often than it was shown", "likes > greatest(impressions, reach)", 5),
]

"""raw/web/ads_daily: advertisements of which each figure is part of the one before."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("date"),
    seldom("more clicks than impressions", "clicks > impressions", 1),
    seldom("reached more people than it was shown", "reach > impressions", 5),
]

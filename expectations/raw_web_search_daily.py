"""raw/web/search_daily: search results of which each figure is part of the one before."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("date"),
    seldom("more clicks than impressions", "clicks > impressions", 1),
    seldom("a position before the first", "average_position < 1", 1),
]

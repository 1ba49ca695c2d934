"""searches: results that somebody saw."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom("a click on what was not shown", "clicks > 0 and coalesce(impressions, 0) = 0", 1),
]

"""ads: advertisements that reach part of those they aim at."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom("more people reached than aimed at", "reach > audience_size", 5),
    seldom("shown for nothing", "cost_amount = 0 and impressions > 0", 50),
]

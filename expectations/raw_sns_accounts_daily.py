"""raw/sns/accounts_daily: readings of accounts that people follow."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("date"),
    seldom("more blocks than followers", "blocks > followers", 5),
]

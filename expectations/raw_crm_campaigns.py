"""raw/crm/campaigns: campaigns that begin before they end."""

from expectations._kinds import long_ago, never

EXPECTATIONS = [
    long_ago("started_at"),
    never("ended before it began", "ended_at < started_at"),
]

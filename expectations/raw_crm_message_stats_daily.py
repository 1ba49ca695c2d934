"""raw/crm/message_stats_daily: totals of which each is part of the one before."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("date"),
    seldom("more delivered than sent", "delivered > sent", 1),
    seldom("more opened than delivered", "opened > delivered", 5),
    seldom("more bounced than sent", "bounced > sent", 1),
]

"""raw/sns/mentions: mentions by more than one author."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("occurred_at"),
    seldom("all by one author", "author_handle = (select mode(author_handle) from {batch})", 90),
]

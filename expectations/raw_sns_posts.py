"""raw/sns/posts: posts of this age."""

from expectations._kinds import long_ago

EXPECTATIONS = [
    long_ago("posted_at"),
]

"""sns_post_hashtags: words, and not sentences."""

from expectations._kinds import seldom

EXPECTATIONS = [seldom("a hashtag of more than 60 characters", "length(hashtag) > 60", 1)]

"""sns_accounts: accounts that are followed by more people day after day, or nearly so."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom("blocked by more people than follow", "followers < 0", 1),
    seldom("fewer followers than before", "has_fall", 60),
    seldom("half of the followers gone at once", "follower_difference < -followers", 1),
]

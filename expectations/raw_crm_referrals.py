"""raw/crm/referrals: recommendations that convert after they were made."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("referred_at"),
    seldom("recommended to oneself", "referrer_customer_id = referee_customer_id", 5),
    seldom("converted before it was made", "converted_at < referred_at", 1),
]

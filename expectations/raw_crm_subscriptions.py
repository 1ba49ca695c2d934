"""raw/crm/subscriptions: contracts that cost something and last a while."""

from expectations._kinds import long_ago, never, seldom

EXPECTATIONS = [
    long_ago("started_at"),
    never("a currency that is no ISO code", "not regexp_matches(currency, '^[A-Z]{{3}}$')"),
    seldom("a contract for nothing", "amount = 0", 50),
    seldom("ended on the day it began", "ended_at::date = started_at::date", 20),
]

"""raw/crm/consents: consents that somebody really gave."""

from expectations._kinds import long_ago

EXPECTATIONS = [
    long_ago("recorded_at"),
]

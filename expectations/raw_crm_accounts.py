"""raw/crm/accounts: companies with a plausible age."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom("created_at before 1900", "created_at < timestamp '1900-01-01'", 1),
]

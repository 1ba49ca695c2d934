"""raw/survey/invitations: invitations sent in this age."""

from expectations._kinds import long_ago

EXPECTATIONS = [
    long_ago("sent_at"),
]

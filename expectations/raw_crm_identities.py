"""raw/crm/identities: handles that lead to one person, not to everyone."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("linked_at"),
    seldom(
        "a handle that over a tenth of the links share",
        "identity_value = (select mode(identity_value) from {batch})",
        10,
    ),
]

"""person_ids: no person who is everyone."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom(
        "ids of one person",
        "person_key = (select mode(person_key) from {batch})",
        20,
    ),
]

"""person_links: resemblance joins some, and is not what most persons rest on."""

from expectations._kinds import seldom

EXPECTATIONS = [
    seldom(
        "customer ids joined by resemblance alone",
        "rule = 'probable'",
        30,
        of="id_type = 'customer_id'",
    ),
    seldom(
        "customer ids that joined another",
        "rule <> 'first'",
        60,
        of="id_type = 'customer_id'",
    ),
]

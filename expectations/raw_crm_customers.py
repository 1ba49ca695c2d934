"""raw/crm/customers: persons as a CRM really holds them."""

from expectations._kinds import long_ago, seldom

EXPECTATIONS = [
    long_ago("created_at"),
    seldom("born before 1900", "birth_date < date '1900-01-01'", 5),
    seldom("deleted before it was created", "deleted_at < created_at", 1),
    seldom(
        "an e-mail that over a tenth of the customers share",
        "email = (select mode(email) from {batch})",
        10,
    ),
]

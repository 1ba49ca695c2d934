"""raw/crm/erasure_requests: requests that name a person."""

from expectations._kinds import long_ago, never

EXPECTATIONS = [
    long_ago("requested_at"),
    never("a request that names no person", "customer_id is null and email is null"),
]

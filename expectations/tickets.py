"""tickets: tickets that are answered after they were opened."""

from expectations._kinds import never, seldom

EXPECTATIONS = [
    seldom("answered before it was opened", "first_response_hours < 0", 1),
    seldom("resolved before it was opened", "resolution_hours < 0", 1),
    seldom(
        "open for more than a year",
        "not is_resolved and opened_date < (select max(opened_date) from {batch}) - 365",
        50,
    ),
    never("resolved without a time", "is_resolved <> (resolved_at is not null)"),
]

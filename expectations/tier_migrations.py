"""tier_migrations: moves between tiers that differ."""

from expectations._kinds import never

EXPECTATIONS = [
    never("a move that leads nowhere", "from_tier = to_tier"),
    never("a hidden cell that shows", "is_suppressed and person_count is not null"),
]

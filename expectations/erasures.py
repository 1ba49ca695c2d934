"""erasures: limits that lie behind the night, and counts of what was there."""

from expectations._kinds import never

EXPECTATIONS = [
    never("what is kept begins after the night", "kept_from_date > as_of_date"),
    never(
        "fewer than none",
        "least(landing_count, raw_count, quarantine_count, vault_count, version_count, log_count)"
        " < 0",
    ),
]

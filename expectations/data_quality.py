"""data_quality: checks that say what they saw."""

from expectations._kinds import never

EXPECTATIONS = [
    never("a check without an outcome", "passed is null"),
]

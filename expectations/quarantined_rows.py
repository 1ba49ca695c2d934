"""quarantined_rows: rows set aside for a reason that one can mend."""

from expectations._kinds import never

EXPECTATIONS = [
    never("without a reason", "reason is null or length(reason) < 3"),
    never("without a file", "file is null"),
]

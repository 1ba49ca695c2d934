"""runs: nights that lasted a plausible while."""

from expectations._kinds import never

EXPECTATIONS = [
    never("more quarantined than came in", "rows_quarantined > rows_in"),
    never("longer than a day", "seconds not between 0 and 86400"),
]

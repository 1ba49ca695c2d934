"""What is said of a feed's deliveries of one night, and what of it stops the night."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestration.company import Company
from orchestration.contract import Feed
from orchestration.ingest.drift import Compared
from orchestration.ledger import Load

SHOWN = 3  # reasons in a message
USUAL_VOLUME = 10  # times as many rows as usual, or as few, are worth a word


class LandingError(Exception):
    """The night cannot go on with what was delivered; the message says which feed and why."""


@dataclass
class FeedReport:
    """What became of a feed's deliveries in one night."""

    feed: str
    rows_in: int = 0
    rows_loaded: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0  # of files whose content was loaded before
    files: list[str] = field(default_factory=list)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)  # of (column, reason)
    ignored: Counter[str] = field(default_factory=Counter)  # left out as the mapping says
    unknown_columns: list[str] = field(default_factory=list)
    rejected: dict[str, str] = field(default_factory=dict)  # file -> why
    warnings: list[str] = field(default_factory=list)
    compared: list[Compared] = field(default_factory=list)  # each file with the one before


def compare_with_past(
    company: Company, feed: Feed, loads: Sequence[Load], past: Sequence[Load], report: FeedReport
) -> None:
    """Words on unusual volumes; raise LandingError for a shrunken export."""
    sound = [load for load in loads if not load.is_rejected]
    contents = {load.sha256 for load in sound}
    for system in sorted({load.system for load in sound}):
        new = [load for load in sound if load.system == system]
        old = [
            load
            for load in past
            if (load.system, load.feed) == (system, feed.name)
            and not load.is_rejected
            and load.sha256 not in contents
        ]
        if not old:
            continue
        rows = sum(load.rows_in for load in new)
        usual = sum(load.rows_in for load in old) / len({load.delivered_at for load in old})
        if rows > USUAL_VOLUME * usual or rows * USUAL_VOLUME < usual:
            report.warnings.append(f"{system}: {rows:,} rows where {usual:,.0f} are usual")
        if new[-1].is_full:
            _stop_if_shrunken(company, f"{system}/{feed.name}", old, rows)


def _stop_if_shrunken(company: Company, what: str, old: Sequence[Load], rows: int) -> None:
    latest = max((load.delivered_at for load in old if load.is_full), default=None)
    before = sum(load.rows_in for load in old if load.is_full and load.delivered_at == latest)
    ceiling = company.settings.max_shrink_share
    if before and (before - rows) / before > ceiling:
        raise LandingError(
            f"{what}: the full export has {rows:,} rows, the one before it had {before:,}: it"
            f" lost {(before - rows) / before:.1%}, more than the {ceiling:.1%} of"
            " max_shrink_share. Nothing was loaded. Deliver the whole export, or raise"
            " max_shrink_share in company.yml if it is right"
        )


def stop_if_too_bad(company: Company, report: FeedReport, quarantine: Path) -> None:
    """Raise LandingError where more of a feed is bad than its ceiling lets through."""
    ceiling = company.settings.quarantine_ceiling(report.feed)
    if not report.rows_in or report.rows_quarantined / report.rows_in <= ceiling:
        return
    reasons = "; ".join(
        f"{count:,} × {column + ': ' if column else ''}{reason}"
        for (column, reason), count in report.reasons.most_common(SHOWN)
    )
    raise LandingError(
        f"{report.feed}: {report.rows_quarantined:,} of {report.rows_in:,} rows are bad"
        f" ({report.rows_quarantined / report.rows_in:.2%}), more than the {ceiling:.2%} of"
        f" max_quarantined_share: {reasons}. Nothing of {', '.join(report.files)} was loaded;"
        f" the rows and their reasons lie in {quarantine}"
    )

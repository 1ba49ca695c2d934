"""What an alert says: the run, the feed, file, row and check, and what to do; no personal value."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from orchestration import publishing
from orchestration.alerting.config import Kind
from orchestration.company import Company
from orchestration.night import Check, Night
from orchestration.validation import NAME as EXPECTATIONS

LINES = 20  # of a list; the rest is counted
ADDRESS = re.compile(r"[^\s,;:\"'<>()|`]+@[^\s,;:\"'<>()|`]+")
JUDGES = ("dbt", EXPECTATIONS)
ADVICE: dict[Kind, str] = {
    "failure": (
        "What was published before stands. Mend what is named and run `kizuna night --company"
        " {folder} --as-of {day}` again; `kizuna quarantine list --company {folder}` tells of rows."
    ),
    "blocked": (
        "What was published before stands. Look at the table and check that are named: where the"
        " data are wrong have them delivered again, where the check is, change its line in"
        " expectations/. Then run `kizuna night --company {folder} --as-of {day}` again."
    ),
    "drift": (
        "The night went on. Ask who delivers the file whether that was meant; a column that"
        " is called otherwise now wants a line in the system's mapping."
    ),
    "freshness": (
        "The figures are older than they should be. Look whether the export or the night still"
        " runs: `kizuna doctor --company {folder}` tries folders, connections and the lock."
    ),
}


@dataclass(frozen=True)
class Alert:
    """One message."""

    kind: Kind
    title: str
    lines: tuple[str, ...]
    advice: str

    @property
    def text(self) -> str:
        return "\n".join([self.title, *(f"- {line}" for line in self.lines), self.advice])


def of_night(night: Night, problems: Sequence[str]) -> list[Alert]:
    """What is to be told of a night that came to its end; `problems` are why it did not publish."""
    named = f"{night.company.settings.name}: night {night.run.run_id} as of {night.run.as_of_date}"
    found: list[tuple[Kind, str, list[str]]] = []
    for dead in night.found_dead:
        said = "was killed before its end; its leftovers are swept, this night goes on without them"
        found.append(("failure", f"{night.company.settings.name}: night {dead} {said}", []))
    if night.version is None:
        is_judged = any(not one.passed and one.kind in JUDGES for one in _severe(night.checks))
        kind: Kind = "blocked" if is_judged else "failure"
        what = "was held back by its checks" if is_judged else "stopped"
        found.append((kind, f"{named} {what}", list(problems)))
    for kind, what in (("drift", "columns are not as before"), ("freshness", "data are missing")):
        seen = [one for one in night.checks if one.kind == kind and not one.passed]
        if seen:
            found.append((kind, f"{named}: {what}", [_told(one) for one in seen]))
    return [alert(night.company, night.run.as_of_date, *one) for one in found]


def _severe(checks: Sequence[Check]) -> Iterator[Check]:
    return (one for one in checks if one.severity == "error")


def _told(check: Check) -> str:
    return f"{check.asset}: {check.check_name}: {check.observed}, expected {check.expected}"


def alert(company: Company, day: date, kind: Kind, title: str, lines: Sequence[str]) -> Alert:
    """A message of which the first lines are shown, none with a row's values."""
    # rows that a test shows stand indented below what it says; they are for the screen alone
    plain = [ADDRESS.sub("…@…", line.split("\n    ")[0].strip()) for line in lines]
    shown = plain[:LINES]
    if len(plain) > LINES:
        shown.append(f"and {len(plain) - LINES} more")
    advice = ADVICE[kind].format(folder=company.folder, day=day)
    return Alert(kind, title, tuple(shown), advice)


def not_begun(company: Company, day: date, error: Exception) -> Alert:
    """What is to be told of a night that could not even be opened."""
    title = f"{company.settings.name}: the night as of {day} could not begin"
    return alert(company, day, "failure", title, [str(error)])


def not_fresh(company: Company, now: datetime) -> Alert | None:
    """What is to be told where it is late in the morning and the day before is not published."""
    local = now.astimezone(company.zone)
    due = local.date() - timedelta(days=1)
    current = publishing.current(company)
    if local.time() < company.alerts.fresh_by or (current and current.as_of >= due):
        return None
    last = f"the last are as of {current.as_of}" if current else "nothing was ever published"
    title = (
        f"{company.settings.name}: no fresh marts by {company.alerts.fresh_by:%H:%M}: those as of"
        f" {due} are not there"
    )
    place = Path(company.current)
    return alert(company, due, "freshness", title, [f"{place}: {last}"])

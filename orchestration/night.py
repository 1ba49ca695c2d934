"""A night: one run for one as-of date, from the lock to what the ledger remembers of it."""

import shutil
import subprocess
import time
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from orchestration import kept, progress, publishing
from orchestration.company import Company
from orchestration.contract import Feed, feeds_by_name
from orchestration.dbt import DEV, LEFT, Dbt
from orchestration.disk import discard
from orchestration.examination import refuse_wrong_keys
from orchestration.ingest import duck
from orchestration.ingest.mapping import mapping_of
from orchestration.ingest.tokens import read_key
from orchestration.landing import FeedReport, Landing
from orchestration.ledger import Ledger, LedgerError, Load, raw_folder
from orchestration.live import memory
from orchestration.live.fetching import fetch, live_folders
from orchestration.live.memory import CHECK, Fetched
from orchestration.lock import only_writer
from orchestration.privacy import rotating
from orchestration.privacy.erasing import finish
from orchestration.serving import served
from orchestration.settings import code_version
from orchestration.standing import HasNews, made_of, refuse_news, standing, unread
from orchestration.steps import reach

REJECTED_BEFORE = "could not be read on an earlier night; deliver it again or take it away"
REGULAR = 3  # gaps between deliveries that make a habit
RUNNING, PUBLISHED, ASIDE, FAILED = "running", "published", "kept aside", "failed"
UNCHANGED = "unchanged"  # nothing is new: what is current stands


@dataclass(frozen=True)
class Run:
    """A run, as the mart `runs` tells of it."""

    run_id: str
    as_of_date: date
    status: str
    started_at: datetime
    code_version: str
    rows_in: int = 0
    rows_quarantined: int = 0
    rows_out: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Check:
    """A check and what it saw, as the mart `data_quality` tells of it."""

    run_id: str
    as_of_date: date
    asset: str  # `raw/<source>/<feed>`, or the name of a model
    check_name: str
    kind: str
    passed: bool
    observed: str
    expected: str
    severity: str = "error"


@dataclass
class Night:
    """What the steps of one run share."""

    company: Company
    ledger: Ledger
    run: Run
    sequence: int
    fetched: dict[tuple[str, str], Fetched] = field(default_factory=dict)
    reports: dict[str, FeedReport] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    version: publishing.Version | None = None
    found_dead: tuple[str, ...] = ()  # runs that were killed, found by this one
    is_full: bool = False  # builds even where nothing is new
    stands: publishing.Version | None = None  # what it is known to leave as it is
    dbt_process: subprocess.Popen[bytes] | None = None  # which waits for its order
    began: float = field(default_factory=time.monotonic)

    @property
    def folder(self) -> Path:
        return self.company.work / self.run.run_id

    @property
    def dbt(self) -> Dbt:
        return Dbt(self.company, self.run.as_of_date, self.landing.id_systems(), self.folder)

    @cached_property
    def landing(self) -> Landing:
        """What lies in landing/ once everything that can be fetched has been."""
        for system, folder in live_folders(self.company):
            self.fetch(system, folder)
        return Landing(self.company, self.run.as_of_date, self.run.run_id)

    def fetch(self, system: str, folder: str) -> Fetched:
        """Fetch one folder of a live source, once a night, and remember how that went."""
        if (system, folder) not in self.fetched:
            seen = fetch(self.company, system, folder, self.run.as_of_date)
            self.fetched[system, folder] = seen
            self.check(
                f"fetched/{seen.name}",
                CHECK,
                "freshness",
                seen.problem is None,
                observed=f"last as of {seen.last}" if seen.last else "never yet",
                expected=f"as of {self.run.as_of_date}",
                severity="error" if seen.is_required else "warn",
            )
        return self.fetched[system, folder]

    def load(self, feed: Feed) -> FeedReport:
        """Load one feed, and remember how that went."""
        landing = self.landing
        try:
            self.reports[feed.name] = landing.load(feed)
        finally:
            self._tell_drift(feed)
        return self.reports[feed.name]

    def _tell_drift(self, feed: Feed) -> None:
        """A check that warns for each system whose files have other columns than before."""
        compared = sorted(self.landing.compared.get(feed.name, ()), key=lambda c: c.load.system)
        for system, group in groupby(compared, key=lambda c: c.load.system):
            files = list(group)
            drifted = [f"{one.load.file}: {one}" for one in files if one.drifts]
            self.check(
                f"raw/{feed.source}/{feed.name}",
                f"{system} delivers the columns that it did",
                "drift",
                not drifted,
                observed="; ".join(drifted) or "the same columns",
                expected=f"the columns of {files[0].before.file}",
                severity="warn",
            )

    def refused(self) -> dict[str, str]:
        """What keeps the night from going on once all else is loaded: files that cannot be read
        and still lie in landing/, required sources that could not be fetched, and why.
        """
        away = {
            seen.name: seen.problem
            for seen in self.fetched.values()
            if seen.problem and seen.is_required
        }
        return {**self._rejected(), **away}

    def _rejected(self) -> dict[str, str]:
        before = {load.file: REJECTED_BEFORE for load in unread(self.company, self.ledger)}
        tonight = (report.rejected for report in self.reports.values())
        return {**before, **self.landing.rejected, **dict(ChainMap(*tonight))}

    def overdue(self) -> list[str]:
        """Feeds that a system has delivered regularly, and that are missing now; each is a
        check that warns.
        """
        tonight = self.run.as_of_date + timedelta(days=1)
        late = []
        for (source, feed, system), days in sorted(self._days_of_delivery().items()):
            gaps = [(after - before).days for before, after in pairwise(days)][-REGULAR:]
            if len(gaps) < REGULAR:
                continue
            quiet, usual = (tonight - days[-1]).days, max(gaps)
            self.check(
                f"raw/{source}/{feed}",
                f"delivered by {system} as often as before",
                "freshness",
                quiet <= usual,
                observed=f"{max(quiet, 0)} days ago",
                expected=f"at most {usual} days ago",
                severity="warn",
            )
            if quiet > usual:
                late.append(f"{system}/{feed}: nothing since {days[-1]}, {usual} days are usual")
        return late

    def untold(self) -> None:
        """Remember of each feed what the export that it is made of cannot tell."""
        delivered = {(load.system, load.feed) for load in self.ledger.loads() if load.rows_loaded}
        for system in sorted({system for system, _ in delivered}):
            mapping = mapping_of(self.company, system)
            for untold in mapping.cannot_tell if mapping else ():
                if (system, untold.feed) in delivered:
                    source = feeds_by_name()[untold.feed].source
                    self.check(
                        f"raw/{source}/{untold.feed}",
                        f"{untold.column} is told by {system}",
                        "source",
                        False,
                        observed=f"{untold.en} {untold.ja}",
                        expected=f"a value of {untold.column}",
                        severity="info",
                    )

    def _days_of_delivery(self) -> Mapping[tuple[str, str, str], list[date]]:
        days: dict[tuple[str, str, str], set[date]] = {}
        for load in self.ledger.loads():
            if not load.is_rejected:
                at = load.delivered_at.replace(tzinfo=UTC).astimezone(self.company.zone)
                days.setdefault((load.source, load.feed, load.system), set()).add(at.date())
        return {key: sorted(known) for key, known in days.items()}

    def unjudged(self) -> list[Load]:
        """Loads that stand and are part of no version yet: a night that was stopped leaves
        what it loaded to be judged by the next.
        """
        judged = {
            load["load_id"]
            for version in publishing.versions(self.company)
            for load in version.manifest["inputs"]
        }
        return [
            load
            for load in self.ledger.loads()
            if not load.is_rejected and not load.is_superseded and load.load_id not in judged
        ]

    def view_loaded(self, path: Path) -> dict[str, Feed]:
        """Make a DuckDB file with a view `raw_<source>_<feed>` of the rows that were loaded and
        not judged yet, for each feed that has any; the feeds by the names of their views.
        """
        feeds = {feed.name: feed for feed in self.landing.feeds}
        views: dict[str, list[str]] = {}
        for load in self.unjudged():
            if load.rows_loaded:
                folder = raw_folder(self.company.raw, load)
                views.setdefault(load.feed, []).append(duck.path(folder) + " || '/*.parquet'")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        named = {f"raw_{feeds[name].source}_{name}": feeds[name] for name in views}
        with duck.created(path, self.company.raw) as connection:
            for view, feed in named.items():
                files = ", ".join(views[feed.name])
                connection.execute(f"create view {view} as from read_parquet([{files}])")
        return named

    def check(
        self, asset: str, name: str, kind: str, passed: bool, observed: str, **more: str
    ) -> None:
        """Remember what a check saw; `more` is `expected` and, unless error, `severity`."""
        named = (self.run.run_id, self.run.as_of_date)
        self.checks.append(Check(*named, asset, name, kind, passed, observed, **more))

    def publish(self, marts: Sequence[publishing.Mart]) -> publishing.Version:
        """Publish the warehouse, with what only the night itself knows of the night."""
        moves = publishing.moves(self.company, self.run.as_of_date)
        counted = publishing.row_counts(self.dbt.warehouse)
        rows_out = sum(counted.get(("marts", mart.name), 0) for mart in marts)
        self.run = replace(self.seen(PUBLISHED if moves else ASIDE), rows_out=rows_out)
        tonight = {
            "runs": [asdict(self.run)],
            "data_quality": [asdict(check) for check in self.checks],
        }
        self.version = publishing.publish(
            self.company, self.run.run_id, self.dbt.warehouse, marts, self._about(), tonight
        )
        try:
            kept.keep(self.dbt)
        except OSError as error:
            progress.warn(f"the next night makes everything anew: {error}")
        return self.version

    @cached_property
    def is_unchanged(self) -> bool:
        """Whether the current version is whole and made of the very things that this night would
        make one of; asked once everything is landed. What is served is seen to even so.
        """
        if self.is_full:
            return False
        now = self.stands or standing(self.company, self.ledger, self.run.as_of_date)
        if now is None:
            return False
        self.version, self.run = now, self.seen(UNCHANGED)
        self.serve()
        return True

    def serve(self) -> served.Served | None:
        """Have PostgreSQL show what is current, and remember how that went."""
        found = served.serve(self.company)
        if found:
            self.check(
                served.ASSET,
                served.CHECK,
                "freshness",
                found.problem is None,
                observed=found.shown or "unknown",
                expected=found.wanted,
                severity="warn",
            )
        return found

    def seen(self, status: str) -> Run:
        """The run as it stands now."""
        reports = self.reports.values()
        return replace(
            self.run,
            status=status,
            rows_in=sum(report.rows_in for report in reports),
            rows_quarantined=sum(report.rows_quarantined for report in reports),
            seconds=round(time.monotonic() - self.began, 1),
        )

    def close(self) -> None:
        """Let go of everything, and have the ledger remember how the night ended."""
        if "landing" in self.__dict__:
            self.landing.release()
        ended = self.run if self.version else self.seen(FAILED)
        self.ledger.record_checks(asdict(check) for check in self.checks)
        self.ledger.record_run(asdict(ended))
        if self.version:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _about(self) -> dict[str, Any]:
        made = made_of(self.company, self.ledger, self.run.as_of_date)
        return {**made, "sequence": self.sequence}


@contextmanager
def open_night(
    company: Company,
    as_of: date,
    wait_seconds: float = 0,
    waiting: Callable[[str], None] = lambda holder: None,
    is_full: bool = False,
    without_news: bool = False,
) -> Iterator[Night]:
    """Be the only writer, clear away what killed nights left, and remember how it ended.

    A full night builds even where nothing is new; one without news is there only to find that
    what is current stands. Raises LockHeld when another night runs on after `wait_seconds`,
    WrongKey when a key is not the one in use, HasNews when there is news for one without.
    """
    with only_writer(company.lock, wait_seconds, waiting) as name_holder:
        rotating.finish(company)
        ledger = Ledger(company.ledger)
        refuse_wrong_keys(company)
        read_key(company)
        if without_news and _unfinished(ledger):
            raise HasNews("a night was killed")
        dead = clear_leftovers(company, ledger)
        if finish(company, ledger, as_of):
            served.show_at_once(company)
        stands = refuse_news(company, ledger, as_of) if without_news else None
        run, sequence = _new_run(company, ledger, as_of)
        name_holder(run.run_id)
        ledger.record_run(asdict(run))
        reach("night opened")
        night = Night(
            company, ledger, run, sequence, found_dead=dead, is_full=is_full, stands=stands
        )
        try:
            yield night
        except BaseException:
            with suppress(LedgerError):  # of a disk that is full: what stopped the night names it
                night.close()
            raise
        night.close()


def clear_leftovers(company: Company, ledger: Ledger) -> tuple[str, ...]:
    """Clear away what killed runs left, and name them: whoever holds the lock is alone, so a run
    that says it is running was killed.
    """
    published = publishing.current(company)
    dead = []
    for run in _unfinished(ledger):
        dead.append(run["run_id"])
        made_it = published is not None and published.run == run["run_id"]
        if not made_it:  # a version that was whole already was nobody's yet
            discard(company.versions / run["run_id"])
        ledger.record_run({**run, "status": PUBLISHED if made_it else FAILED})
    publishing.sweep(company)
    memory.sweep(company.landing)
    for left in company.work.glob("*"):
        if left.name not in (DEV, LEFT):
            discard(left)
    return tuple(dead)


def _unfinished(ledger: Ledger) -> list[dict[str, Any]]:
    return [run for run in ledger.runs() if run["status"] == RUNNING]


def _new_run(company: Company, ledger: Ledger, as_of: date) -> tuple[Run, int]:
    """A run named after its day and its turn on that day, and its turn among all."""
    known = ledger.runs()
    kept = publishing.versions(company)  # which may be of a ledger that was lost
    turn = 1 + sum(run["as_of_date"] == as_of.isoformat() for run in known)
    while (company.versions / f"{as_of}-{turn:03}").exists():
        turn += 1
    run = Run(
        run_id=f"{as_of}-{turn:03}",
        as_of_date=as_of,
        status=RUNNING,
        started_at=datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        code_version=code_version(),
    )
    return run, 1 + max([len(known), *(version.sequence for version in kept)])

"""Having the served marts be those of the current version; what is wrong is told, not raised."""

import time
from dataclasses import dataclass, field

from orchestration import progress, publishing
from orchestration.company import Company
from orchestration.live.fetching import persist, secrets_of
from orchestration.live.readiness import SERVER, refuse_unready
from orchestration.live.watermark import SourceError
from orchestration.publishing import Version
from orchestration.serving.config import Server

ASSET = "served/postgres"
CHECK = "shows the current version"


@dataclass
class Served:
    """What PostgreSQL shows after an attempt to have it show the current version."""

    place: str
    wanted: str  # the run whose version is current
    shown: str | None = None  # the run that it is known to show
    is_new: bool = False  # it was loaded by this attempt
    rows: int = 0
    seconds: float = 0.0
    attempts: int = 0
    left: list[str] = field(default_factory=list)  # schemas of before that somebody reads
    problem: str | None = None

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        left = f"; {', '.join(self.left)} of before is still read and goes the next time"
        told = f": {self.rows:,} rows in {self.seconds:.1f} s" if self.is_new else " already"
        return f"PostgreSQL shows {self.shown}{told}{left if self.left else ''}"


def serve(company: Company) -> Served | None:
    """Load the current version into PostgreSQL unless it shows it already.

    None where company.yml names no server, or nothing is published. Whoever calls holds the
    company's lock.
    """
    server, version = company.serving.postgres, publishing.current(company)
    if server is None or version is None:
        return None
    served = Served(server.place, version.run)
    began = time.monotonic()
    try:
        _persist(company, server, version, served, began + server.max_seconds)
    except Exception as error:  # the files are published, and nothing makes a failed night of that
        served.problem = _told(served, " ".join(str(error).split()).rstrip("."))
    served.seconds = round(time.monotonic() - began, 1)
    return served


def show_at_once(company: Company) -> None:
    """The same after an erasure, before a night has come so far; it goes on whatever is wrong."""
    served = serve(company)
    if served and served.problem:
        progress.warn(served.problem)


def _persist(
    company: Company, server: Server, version: Version, served: Served, deadline: float
) -> None:
    """Try as often as company.yml says, while trying again may help and there is time."""
    refuse_unready(company, only=SERVER)
    from orchestration.serving import postgres

    secrets = secrets_of(server)

    def attempt() -> None:
        with postgres.opened(server, secrets, deadline) as connection:
            served.shown, _ = postgres.shown(connection) or (None, None)
            rows, served.left = postgres.bring(connection, company, version, deadline)
            served.shown = version.run
            served.is_new, served.rows = rows is not None, rows or 0

    try:
        persist(server, served, attempt)
    except SourceError as error:
        raise SourceError(secrets.hide(str(error))) from None


def shown(company: Company, server: Server, version: Version | None) -> tuple[str | None, bool]:
    """The run that PostgreSQL shows, and whether that is the version as it now is; raises
    SourceError or ConfigError saying what is wrong.
    """
    refuse_unready(company, only=SERVER)
    from orchestration.serving import postgres

    secrets = secrets_of(server)
    try:
        with postgres.opened(server, secrets, time.monotonic() + server.max_seconds) as connection:
            found = postgres.shown(connection)
            is_it = version is None or found == postgres.wanted_of(version)
            return (found[0] if found else None), is_it
    except SourceError as error:
        raise SourceError(secrets.hide(" ".join(str(error).split()))) from None


def _told(served: Served, why: str) -> str:
    """What is not shown where, why, what its readers see instead, and what to do."""
    tried = f", tried {served.attempts} times" if served.attempts > 1 else ""
    stands = f"it shows {served.shown} as before" if served.shown else "it shows what it did before"
    return (
        f"{served.place} does not show {served.wanted}{tried}: {why}; the published files stand,"
        f" {stands}. The next night tries again, and so does `kizuna serve`"
    )

"""What the commands share: how one begins, waits its turn, and says why it cannot go on."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.progress import printable
from orchestration.settings import company_folder

if TYPE_CHECKING:
    from rich.console import Console

    from orchestration.company import Company

FAILED, WRONG, LOCKED = 1, 2, 3
PLAIN_WIDTH = 120  # columns of a log, which has no width of its own


class Problem(click.ClickException):
    """What a person reads when a command cannot go on."""

    def __init__(self, message: str, exit_code: int = FAILED):
        super().__init__(printable(message))
        self.exit_code = exit_code


company_option = click.option(
    "--company",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="The company's folder; else KIZUNA_COMPANY, else the bundled sample.",
)

as_of_option = click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Last business date that counts; else yesterday in the company's time zone.",
)


def company_of(folder: Path | None, at_night: bool = False) -> "Company":
    """The company that a command is about; at night with all that it fetches from in reach."""
    from orchestration.company import load_company
    from orchestration.configuration import ConfigError
    from orchestration.examination import refuse_unfit

    with telling(ConfigError, exit_code=WRONG):
        company = load_company(folder or company_folder())
        refuse_unfit(company)
        if at_night:
            from orchestration.live.readiness import refuse_unready

            refuse_unready(company)
    return company


def day_of(company: "Company", as_of: datetime | None) -> date:
    """The business date that a command counts to."""
    return as_of.date() if as_of else yesterday(company)


def yesterday(company: "Company") -> date:
    return datetime.now(company.zone).date() - timedelta(days=1)


def console() -> "Console":
    """What a command prints on; stays on standard output while that is redirected."""
    from rich.console import Console

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


@contextmanager
def telling(*errors: type[Exception], exit_code: int = FAILED) -> Iterator[None]:
    """Have what an error says be all that is said of it."""
    try:
        yield
    except errors as error:
        raise Problem(str(error), exit_code) from None


@contextmanager
def alone(company: "Company", what: str) -> Iterator[None]:
    """Be the company's only writer, known to others by what is being done."""
    from orchestration.ledger import LedgerError
    from orchestration.lock import LockHeld, only_writer
    from orchestration.privacy import rotating
    from orchestration.publishing import PublishError

    with (
        telling(LockHeld, exit_code=LOCKED),
        telling(LedgerError, PublishError),
        only_writer(company.lock) as name,
    ):
        name(what)
        rotating.finish(company)
        yield

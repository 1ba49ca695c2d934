"""Nights from the command line: one, those that were missed, and Dagster's pages for all."""

import atexit
import gc
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.cli.common import (
    FAILED,
    LOCKED,
    Problem,
    as_of_option,
    company_of,
    company_option,
    console,
    day_of,
    telling,
    yesterday,
)

if TYPE_CHECKING:
    from orchestration.company import Company

wait_option = click.option(
    "--wait", default=0.0, help="Seconds to wait for another night to end.", show_default=True
)


@click.command()
@company_option
@as_of_option
@wait_option
@click.option("--full", "is_full", is_flag=True, help="Build even where nothing is new.")
def night(folder: Path | None, as_of: datetime | None, wait: float, is_full: bool) -> None:
    """Run one night: land, build, check and publish, or leave everything as it was."""
    company = company_of(folder, at_night=True)
    _night(company, day_of(company, as_of), wait, is_full)


@click.command("catch-up")
@company_option
@wait_option
def catch_up(folder: Path | None, wait: float) -> None:
    """Run every night that was missed since the published one, in order, each once."""
    from orchestration.publishing import PublishError, current

    company = company_of(folder, at_night=True)
    with telling(PublishError):
        last, until = current(company), yesterday(company)
    day = last.as_of + timedelta(days=1) if last else until
    if day > until:
        click.echo(f"no night was missed: what is published is as of {day - timedelta(days=1)}")
    while day <= until:
        _night(company, day, wait)
        day += timedelta(days=1)


def _night(company: "Company", day: date, wait: float, is_full: bool = False) -> None:
    """One night, told as it goes; raises Problem where it does not come to a version."""
    from orchestration.lock import holder

    if not wait and (busy := holder(company.lock)):
        raise Problem(
            f"{company.lock} is held by {busy}: wait until it is done, or stop it", LOCKED
        )
    from orchestration import progress, report
    from orchestration.dbt import DbtError
    from orchestration.publishing import PublishError, find
    from orchestration.running import run_night

    # what it leaves in memory goes with the process: looking through it takes seconds
    atexit.register(gc.freeze)
    screen = console()
    screen.print(f"Night of {company.settings.name} as of {day}")
    with report.Terminal(screen) as terminal, progress.told_to(terminal):
        progress.doing("starting")
        with telling(DbtError):
            outcome = run_night(company, day, wait, is_full)
    if outcome.problems:
        raise Problem(
            "the night stopped; what was published before stands as it was.\n"
            + "\n".join(f"- {problem}" for problem in outcome.problems),
            LOCKED if outcome.is_locked else FAILED,
        )
    with telling(PublishError):
        made = find(company, outcome.run_id)
    report.night(screen, made, company.settings.reporting_currency)


@click.command()
@company_option
@click.option("--port", default=3000, show_default=True, help="The port to listen on.")
def dev(folder: Path | None, port: int) -> None:
    """Open Dagster on 127.0.0.1, on the company's own history of runs."""
    from orchestration.dbt import DbtError
    from orchestration.running import start_dagster

    company = company_of(folder)
    with telling(DbtError):
        start_dagster(company, port)


COMMANDS = (night, catch_up, dev)

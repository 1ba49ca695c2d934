"""Quarantine: what was set aside, row by row, and what of it would come in now."""

from pathlib import Path

import click

from orchestration.cli.common import (
    WRONG,
    Problem,
    alone,
    company_of,
    company_option,
    console,
    telling,
    yesterday,
)


@click.group()
def quarantine() -> None:
    """What was set aside: why, which rows, and whether they would come in now."""


feed_option = click.option("--feed", help="Only this feed.")


def _known_feed(feed: str | None) -> None:
    from orchestration.configuration import unknown
    from orchestration.contract import feeds_by_name

    if feed and feed not in feeds_by_name():
        raise Problem(unknown("feed", feed, list(feeds_by_name())), WRONG)


@quarantine.command("list")
@company_option
@feed_option
def list_kinds(folder: Path | None, feed: str | None) -> None:
    """List what is in quarantine: by feed, reason and file, with rows and nights."""
    from orchestration import quarantine as kept
    from orchestration import report
    from orchestration.ledger import LedgerError

    company = company_of(folder)
    _known_feed(feed)
    with telling(LedgerError):
        kinds, run = kept.kinds(company, feed), kept.stopped_run(company)
    screen = console()
    screen.print(report.quarantined_kinds(kinds))
    if run:
        screen.print(f"Night {run} stopped: `kizuna quarantine show --run {run}` shows its rows")


@quarantine.command()
@company_option
@feed_option
@click.option("--file", "file_name", default="", help="Only files whose path contains this text.")
@click.option("--reason", default="", help="Only reasons that contain this text.")
@click.option("--run", help="Only this night's rows, also those that made it stop.")
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many rows to show.",
)
@click.option("--plain", is_flag=True, help="Show personal values and whole lines.")
@click.option(
    "--csv", "out", type=click.Path(path_type=Path), help="Write all rows to this CSV file."
)
def show(
    folder: Path | None,
    feed: str | None,
    file_name: str,
    reason: str,
    run: str | None,
    limit: int,
    plain: bool,
    out: Path | None,
) -> None:
    """Show the rows in quarantine: file, line, column, value, reason and the original."""
    from dataclasses import astuple, fields

    from orchestration import quarantine as kept
    from orchestration import report
    from orchestration.ledger import LedgerError
    from orchestration.spreadsheets import write_csv

    company = company_of(folder)
    _known_feed(feed)
    if run and not (company.quarantine / run).is_dir():
        raise Problem(f"{company.quarantine / run}: no such night set rows aside", WRONG)
    found = (
        kept.rows_of_run(company, run, plain=plain)
        if run
        else kept.rows(company, feed, plain=plain)
    )
    with telling(LedgerError):
        wanted = [
            row
            for row in found
            if feed in (None, row.feed) and file_name in row.file and reason in row.reason
        ]
    if out:
        write_csv(out, [one.name for one in fields(kept.Row)], map(astuple, wanted))
        click.echo(f"written: {out}, readable by you alone")
    else:
        console().print(report.quarantined_rows(wanted, limit))


@quarantine.command("replay")
@company_option
def replay_rows(folder: Path | None) -> None:
    """Read again what rows are in quarantine of, once its mapping, file or parent is mended.

    Says how many rows would come in; the next night loads them.
    """
    from orchestration import quarantine as kept
    from orchestration import report

    company = company_of(folder)
    with alone(company, "quarantine replay"):
        found = kept.replay(company, yesterday(company))
    console().print(report.replayed(found))


COMMANDS = (quarantine,)

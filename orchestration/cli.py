"""The command line: `kizuna night` and the commands beside it.

Exit codes: 0 done · 1 the night or the command failed, and the message names the file, row,
model or check · 2 the command or company.yml is wrong, and nothing was touched · 3 another
night holds the lock.
"""

import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import click

from orchestration.progress import printable
from orchestration.settings import ROOT, company_folder

FAILED, WRONG, LOCKED = 1, 2, 3
PLAIN_WIDTH = 120  # columns of a log, which has no width of its own


class Problem(click.ClickException):
    """What a person reads when a command cannot go on."""

    def __init__(self, message: str, exit_code: int = FAILED):
        super().__init__(printable(message))
        self.exit_code = exit_code


def _company(folder: Path | None, at_night: bool = False):
    from orchestration.company import ConfigError, load_company
    from orchestration.examination import refuse_unfit

    try:
        company = load_company(folder or company_folder())
        refuse_unfit(company)
        if at_night:
            from orchestration.live.readiness import refuse_unready

            refuse_unready(company)
        return company
    except ConfigError as error:
        raise Problem(str(error), WRONG) from None


def _console():
    """What a command prints on; stays on standard output while that is redirected."""
    from rich.console import Console

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else PLAIN_WIDTH)


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


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kizuna")
def main() -> None:
    """Kizuna: exports in, judged KPI marts out.

    \b
    Exit codes: 0 done, 1 failed, 2 wrong command or company.yml, 3 another night is running.
    """


@main.command()
@company_option
@as_of_option
@click.option(
    "--wait", default=0.0, help="Seconds to wait for another night to end.", show_default=True
)
@click.option("--full", "is_full", is_flag=True, help="Build even where nothing is new.")
def night(folder: Path | None, as_of: datetime | None, wait: float, is_full: bool) -> None:
    """Run one night: land, build, check and publish, or leave everything as it was."""
    company = _company(folder, at_night=True)
    _night(company, as_of.date() if as_of else _yesterday(company), wait, is_full)


@main.command("catch-up")
@company_option
@click.option(
    "--wait", default=0.0, help="Seconds to wait for another night to end.", show_default=True
)
def catch_up(folder: Path | None, wait: float) -> None:
    """Run every night that was missed since the published one, in order, each once."""
    from orchestration.publishing import current

    company = _company(folder, at_night=True)
    last, yesterday = current(company), _yesterday(company)
    day = last.as_of + timedelta(days=1) if last else yesterday
    if day > yesterday:
        click.echo(f"no night was missed: what is published is as of {day - timedelta(days=1)}")
    while day <= yesterday:
        _night(company, day, wait)
        day += timedelta(days=1)


def _night(company, day: date, wait: float, is_full: bool = False) -> None:
    """One night, told as it goes; raises Problem where it does not come to a version."""
    from orchestration.lock import holder

    if not wait and (busy := holder(company.lock)):
        raise Problem(
            f"{company.lock} is held by {busy}: wait until it is done, or stop it", LOCKED
        )
    from orchestration import progress, report
    from orchestration.dbt import DbtError
    from orchestration.publishing import versions
    from orchestration.running import run_night

    console = _console()
    console.print(f"Night of {company.settings.name} as of {day}")
    with report.Terminal(console) as terminal, progress.told_to(terminal):
        progress.doing("starting")
        try:
            outcome = run_night(company, day, wait, is_full)
        except DbtError as error:
            raise Problem(str(error)) from None
    if outcome.problems:
        raise Problem(
            "the night stopped; what was published before stands as it was.\n"
            + "\n".join(f"- {problem}" for problem in outcome.problems),
            LOCKED if outcome.is_locked else FAILED,
        )
    made = next(version for version in versions(company) if version.run == outcome.run_id)
    report.night(console, made, company.settings.reporting_currency)


def _yesterday(company) -> date:
    return datetime.now(company.zone).date() - timedelta(days=1)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Make a company folder, everything in it commented."""
    from orchestration.starting import FolderNotEmpty, start_company

    try:
        start_company(folder)
    except FolderNotEmpty as error:
        raise Problem(str(error), WRONG) from None
    click.echo(
        f"{folder}: put exports into landing/<system>/<feed>/;"
        f" `kizuna night --company {folder}` runs a night"
    )


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@company_option
@click.option("--system", help="What to call the system that exports them; else its vendor.")
@click.option("--as", "named", help="The mapping or feed, where a file could be of several.")
@click.option("--set", "told", multiple=True, metavar="NAME=VALUE", help="A mapping's parameter.")
@click.option("--yes", is_flag=True, help="Take the files in without asking.")
def add(
    files: tuple[Path, ...],
    folder: Path | None,
    system: str | None,
    named: str | None,
    told: tuple[str, ...],
    yes: bool,
) -> None:
    """Look at exports: what they are, how they would arrive, what is wrong; then take them in.

    A file that nobody knows gets a draft of a mapping, to be looked at before it counts.
    """
    from orchestration import adding, report
    from orchestration.company import ConfigError
    from orchestration.drafting import write_draft
    from orchestration.ingest.unpacking import RejectedError
    from orchestration.lock import LockHeld, only_writer

    company, console = _company(folder), _console()
    day = _yesterday(company)
    try:
        parameters = adding.parameters(told)
        offers = []
        for path in files:
            known = adding.known_as(company, path, named)
            if not known:
                report.draft(console, path, write_draft(company, path, system))
                raise SystemExit(FAILED)
            if len(known) > 1:
                several = ", ".join(f"{one.name} ({one.stem})" for one in known)
                raise ConfigError(f"{path}: could be {several}; say which with --as")
            whose = adding.system_of(company, known[0], system)
            offers.append(adding.Offer(path, known[0], whose, day))
        systems = {o.system: adding.entry_for(company, o, parameters) for o in offers}
        seen = adding.preview(company, offers, systems, day)
        report.preview(console, offers, systems, seen)
        if seen.rejected:
            raise SystemExit(FAILED)
        if not yes:
            click.confirm("Take them in?", abort=True)
        with only_writer(company.lock) as name:
            name("add")
            taken = adding.take_in(company, offers, systems)
    except ConfigError as error:
        raise Problem(str(error), WRONG) from None
    except RejectedError as error:
        raise Problem(f"{path}: {error}") from None
    except LockHeld as error:
        raise Problem(str(error), LOCKED) from None
    for path in taken:
        click.echo(f"taken in: {path}")
    click.echo(f"`kizuna night --company {company.folder}` builds the figures")


@main.command()
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False))
@click.option("--customers", default=600, show_default=True, type=click.IntRange(min=1))
@click.option("--days", default=550, show_default=True, type=click.IntRange(min=1))
@click.option("--seed", default=1, show_default=True)
def sample(out: Path, customers: int, days: int, seed: int) -> None:
    """Write a made-up shop: every feed, and the truths that were planted in it."""
    from orchestration import progress, report
    from orchestration.sample import LAST_DAY, write_sample

    try:
        with report.Terminal(_console()) as terminal, progress.told_to(terminal):
            write_sample(out, customers, days, seed, progress=progress.doing)
    except (ValueError, FileExistsError) as error:
        raise Problem(str(error), WRONG) from None
    click.echo(
        f"{out}: {days} days to {LAST_DAY}; `kizuna night --company {out} --as-of {LAST_DAY}`"
    )


@main.command()
@click.argument("codes", nargs=-1, required=True, metavar="CODE...")
@company_option
@click.option(
    "--grain", default="month", type=click.Choice(["day", "week", "month", "quarter", "year"])
)
@click.option("--periods", default=12, show_default=True, help="How many of the last periods.")
def kpi(codes: tuple[str, ...], folder: Path | None, grain: str, periods: int) -> None:
    """Show the last periods of some KPIs, as published."""
    from orchestration import publishing, report

    company = _company(folder)
    if publishing.current(company) is None:
        raise Problem(f"{company.current}: nothing is published yet; `kizuna night` does")
    try:
        path = company.current.resolve() / publishing.PERSON_FREE
        report.kpis(_console(), path, codes, grain, periods)
    except KeyError as error:
        raise Problem(str(error.args[0]), WRONG) from None


@main.command()
@company_option
def versions(folder: Path | None) -> None:
    """List the published versions that are kept."""
    from rich.table import Table

    from orchestration import publishing

    table = Table("version", "as of", "rows", "", title_justify="left")
    for version in publishing.versions(_company(folder)):
        rows = sum(version.manifest["rows"].values())
        table.add_row(
            version.run, str(version.as_of), f"{rows:,}", "current" if version.is_current else ""
        )
    _console().print(table)


@main.command()
@click.argument("version", required=False)
@company_option
def rollback(version: str | None, folder: Path | None) -> None:
    """Make an earlier version current again: the one named, else the one before."""
    from orchestration import publishing
    from orchestration.lock import LockHeld, only_writer
    from orchestration.serving.served import serve

    company = _company(folder)
    try:
        with only_writer(company.lock) as name:
            name("rollback")
            chosen = publishing.rollback(company, version)
            click.echo(f"current is {chosen.run}, as of {chosen.as_of}")
            if served := serve(company):
                click.echo(served)
    except LockHeld as error:
        raise Problem(str(error), LOCKED) from None
    except publishing.PublishError as error:
        raise Problem(str(error)) from None


@main.command()
@company_option
def serve(folder: Path | None) -> None:
    """Have PostgreSQL show the current version, as every night does."""
    from orchestration.lock import LockHeld, only_writer
    from orchestration.serving import served

    company = _company(folder, at_night=True)
    if company.serving.postgres is None:
        raise Problem(f"{company.folder / 'company.yml'}: names no `serving.postgres`", WRONG)
    try:
        with only_writer(company.lock) as name:
            name("serve")
            found = served.serve(company)
    except LockHeld as error:
        raise Problem(str(error), LOCKED) from None
    if found is None:
        raise Problem(f"{company.current}: nothing is published yet; `kizuna night` does")
    if found.problem:
        raise Problem(found.problem)
    click.echo(found)


@main.command()
@click.argument("version", required=False)
@company_option
def verify(version: str | None, folder: Path | None) -> None:
    """Hold a version (else the current one) to its manifest, and the raw data to the ledger."""
    from orchestration import publishing
    from orchestration.ledger import LedgerError
    from orchestration.lock import LockHeld, only_writer
    from orchestration.verification import verify as verified

    company = _company(folder)
    try:
        with only_writer(company.lock) as name:
            name("verify")
            chosen = publishing.find(company, version)
            seen = verified(company, chosen)
    except LockHeld as error:
        raise Problem(str(error), LOCKED) from None
    except (publishing.PublishError, LedgerError) as error:
        raise Problem(str(error)) from None
    counted = f", {seen.only_counted} of them only by their rows" if seen.only_counted else ""
    click.echo(f"looked at {seen.of_version} files of version {chosen.run}, by its manifest")
    click.echo(f"looked at {seen.of_raw} files of raw, by the ledger{counted}")
    if seen.wrong:
        raise Problem("\n".join(f"- {what}" for what in seen.wrong))
    click.echo("all are as they were written")


@main.group()
def quarantine() -> None:
    """What was set aside: why, which rows, and whether they would come in now."""


feed_option = click.option("--feed", help="Of this feed alone.")


def _known_feed(feed: str | None) -> None:
    from orchestration.company import unknown
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

    company = _company(folder)
    _known_feed(feed)
    console = _console()
    console.print(report.quarantined_kinds(kept.kinds(company, feed)))
    if run := kept.stopped_run(company):
        console.print(f"Night {run} stopped: `kizuna quarantine show --run {run}` shows its rows")


@quarantine.command()
@company_option
@feed_option
@click.option("--file", "file_name", default="", help="Of files whose path holds this.")
@click.option("--reason", default="", help="For reasons that hold this.")
@click.option("--run", help="Of this night, even if it stopped for them.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1))
@click.option("--plain", is_flag=True, help="With personal values and whole lines.")
@click.option("--csv", "out", type=click.Path(path_type=Path), help="All of them, into a file.")
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
    from orchestration.spreadsheets import write_csv

    company = _company(folder)
    _known_feed(feed)
    if run and not (company.quarantine / run).is_dir():
        raise Problem(f"{company.quarantine / run}: no such night set rows aside", WRONG)
    found = (
        kept.rows_of_run(company, run, plain=plain)
        if run
        else kept.rows(company, feed, plain=plain)
    )
    wanted = [
        row
        for row in found
        if feed in (None, row.feed) and file_name in row.file and reason in row.reason
    ]
    if out:
        write_csv(out, [one.name for one in fields(kept.Row)], map(astuple, wanted))
        click.echo(f"written: {out}, readable by you alone")
    else:
        _console().print(report.quarantined_rows(wanted, limit))


@quarantine.command("replay")
@company_option
def replay_rows(folder: Path | None) -> None:
    """Read again what rows are in quarantine of, once its mapping, file or parent is mended.

    Says how many rows would come in; the next night loads them.
    """
    from orchestration import quarantine as kept
    from orchestration import report
    from orchestration.lock import LockHeld, only_writer

    company = _company(folder)
    try:
        with only_writer(company.lock) as name:
            name("quarantine replay")
            found = kept.replay(company, _yesterday(company))
    except LockHeld as error:
        raise Problem(str(error), LOCKED) from None
    _console().print(report.replayed(found))


@main.command()
@company_option
@click.option("--customer", metavar="ID", help="A customer id of theirs, or <system>:<id>.")
@click.option("--email", help="An e-mail address of theirs, be it a guest's.")
@click.option("--dry-run", is_flag=True, help="Say how much lies where, and touch nothing.")
@click.option("--request", "request_id", help="What the request is filed under.")
@click.option("--asked-by", default="command line", show_default=True, help="Who asks for it.")
@as_of_option
def erase(
    folder: Path | None,
    customer: str | None,
    email: str | None,
    dry_run: bool,
    request_id: str | None,
    asked_by: str,
    as_of: datetime | None,
) -> None:
    """Forget a person: landing, raw, quarantine, vault, every version, logs and work files.

    Their orders, answers and visits stay as nobody's, so that totals stay right. An erasure that
    was killed is finished by the next command or night.
    """
    from orchestration import report
    from orchestration.ledger import Ledger
    from orchestration.lock import LockHeld, only_writer
    from orchestration.privacy import erasing
    from orchestration.privacy.files import CannotRewrite
    from orchestration.privacy.journal import Asked
    from orchestration.privacy.persons import UnknownPerson
    from orchestration.serving.served import serve

    company = _company(folder)
    if bool(customer) == bool(email):
        raise Problem("say who is meant: --customer or --email", WRONG)
    day = as_of.date() if as_of else _yesterday(company)
    try:
        with only_writer(company.lock) as name:
            name("erase")
            erasing.finish(company, Ledger(company.ledger), day)
            person = erasing.find_person(company, customer, email)
            if dry_run:
                found = erasing.survey(company, person, day)
                _console().print(report.held(person, found))
                return
            asked = Asked(asked_by, day, request_id)
            counts = erasing.erase(company, [erasing.Wish(person, asked)])
            served = serve(company)
    except LockHeld as error:
        raise Problem(str(error), LOCKED) from None
    except (UnknownPerson, CannotRewrite) as error:
        raise Problem(str(error)) from None
    _console().print(report.erased(counts))
    if served:
        click.echo(served)


@main.command()
@company_option
@click.option("--customer", metavar="ID", help="A customer id of theirs, or <system>:<id>.")
@click.option("--email", help="An e-mail address of theirs, be it a guest's.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, for you alone."
)
@as_of_option
def export(
    folder: Path | None,
    customer: str | None,
    email: str | None,
    out: Path | None,
    as_of: datetime | None,
) -> None:
    """Tell a person all that is held about them, as JSON: rows in plain, links, marts."""
    from orchestration.lock import LockHeld, only_writer
    from orchestration.privacy import exporting
    from orchestration.privacy.persons import UnknownPerson

    company = _company(folder)
    if bool(customer) == bool(email):
        raise Problem("say who is meant: --customer or --email", WRONG)
    day = as_of.date() if as_of else _yesterday(company)
    try:
        with only_writer(company.lock) as name:
            name("export")
            text = exporting.as_json(company, day, customer, email)
    except LockHeld as error:
        raise Problem(str(error), LOCKED) from None
    except UnknownPerson as error:
        raise Problem(str(error)) from None
    if out is None:
        click.echo(text)
    else:
        exporting.write_for_one(out, text)
        click.echo(f"written: {out}")


@main.command()
@company_option
def doctor(folder: Path | None) -> None:
    """Look at configuration, packages, folders and locks, and say what is wrong."""
    from orchestration.examination import examine

    company = _company(folder)
    sick = False
    for finding in examine(company):
        sick = sick or not finding.is_well
        click.echo(f"{'ok ' if finding.is_well else 'BAD'} {finding.what}")
    if sick:
        raise SystemExit(FAILED)


@main.command()
@company_option
@click.option("--port", default=3000, show_default=True)
def dev(folder: Path | None, port: int) -> None:
    """Open Dagster on 127.0.0.1, on the company's own history of runs."""
    from orchestration.running import start_dagster

    start_dagster(_company(folder), port)


@main.command()
@company_option
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=ROOT / "site")
def docs(folder: Path | None, out: Path) -> None:
    """Write dbt's pages on every model, column and test to one HTML file."""
    from orchestration.dbt import write_docs

    click.echo(f"{write_docs(_company(folder), out)}")


if __name__ == "__main__":
    main()

"""A company's folder: begun, fed with exports, made up, and looked at by a doctor."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.cli.common import (
    FAILED,
    WRONG,
    Problem,
    alone,
    company_of,
    company_option,
    console,
    telling,
    yesterday,
)

if TYPE_CHECKING:
    from orchestration.adding import Offer
    from orchestration.company import Company


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
def init(folder: Path) -> None:
    """Make a company folder, everything in it commented."""
    from orchestration.configuration import ConfigError
    from orchestration.starting import CompanyExists, start_company

    with telling(CompanyExists, ConfigError, exit_code=WRONG):
        start_company(folder)
    click.echo(
        f"{folder}: put exports into landing/<system>/<feed>/;"
        f" `kizuna night --company {folder}` runs a night"
    )


@click.command()
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
    from orchestration.configuration import ConfigError

    company, screen = company_of(folder), console()
    with telling(ConfigError, exit_code=WRONG):
        parameters = adding.parameters(told)
        offers = [_offer(company, path, named, system) for path in files]
        systems = {o.system: adding.entry_for(company, o, parameters) for o in offers}
        seen = adding.preview(company, offers, systems, yesterday(company))
        report.preview(screen, offers, systems, seen)
        if seen.rejected:
            raise SystemExit(FAILED)
        if not yes:
            click.confirm("Take them in?", abort=True)
        with alone(company, "add"):
            taken = adding.take_in(company, offers, systems)
    for path in taken:
        click.echo(f"taken in: {path}")
    click.echo(f"`kizuna night --company {company.folder}` builds the figures")


def _offer(company: "Company", path: Path, named: str | None, system: str | None) -> "Offer":
    """What a file is; a draft of a mapping is written for one that nobody knows."""
    from orchestration import adding, report
    from orchestration.configuration import ConfigError
    from orchestration.drafting import write_draft
    from orchestration.ingest.unpacking import RejectedError

    try:
        known = adding.known_as(company, path, named)
        if not known:
            report.draft(console(), path, write_draft(company, path, system))
            raise SystemExit(FAILED)
    except RejectedError as error:
        raise Problem(f"{path}: {error}") from None
    if len(known) > 1:
        several = ", ".join(f"{one.name} ({one.stem})" for one in known)
        raise ConfigError(f"{path}: could be {several}; say which with --as")
    whose = adding.system_of(company, known[0], system)
    return adding.Offer(path, known[0], whose, yesterday(company))


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The company's folder, which must hold no files.",
)
@click.option(
    "--customers",
    default=600,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many customers it has.",
)
@click.option(
    "--days",
    default=550,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many days it goes back.",
)
@click.option("--seed", default=1, show_default=True, help="Another seed makes another shop.")
def sample(out: Path, customers: int, days: int, seed: int) -> None:
    """Write a made-up shop: every feed, and the truths that were planted in it."""
    from orchestration import progress, report
    from orchestration.sample import LAST_DAY, write_sample

    with (
        telling(ValueError, FileExistsError, exit_code=WRONG),
        report.Terminal(console()) as terminal,
        progress.told_to(terminal),
    ):
        write_sample(out, customers, days, seed, progress=progress.doing)
    click.echo(
        f"{out}: {days} days to {LAST_DAY}; `kizuna night --company {out} --as-of {LAST_DAY}`"
    )


@click.command()
@company_option
def doctor(folder: Path | None) -> None:
    """Look at configuration, packages, folders and locks, and say what is wrong."""
    from orchestration.examination import examine

    company = company_of(folder)
    sick = False
    for finding in examine(company):
        sick = sick or not finding.is_well
        click.echo(f"{'ok ' if finding.is_well else 'BAD'} {finding.what}")
    if sick:
        raise SystemExit(FAILED)


COMMANDS = (init, add, sample, doctor)

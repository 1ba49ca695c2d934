"""What is published: its figures, its versions, its server and its pages."""

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
)
from orchestration.settings import ROOT


@click.command()
@click.argument("codes", nargs=-1, required=True, metavar="CODE...")
@company_option
@click.option(
    "--grain",
    default="month",
    show_default=True,
    type=click.Choice(["day", "week", "month", "quarter", "year"]),
    help="How long a period is.",
)
@click.option("--periods", default=12, show_default=True, help="How many of the last periods.")
def kpi(codes: tuple[str, ...], folder: Path | None, grain: str, periods: int) -> None:
    """Show the last periods of some KPIs, as published."""
    from orchestration import publishing, report

    company = company_of(folder)
    with telling(publishing.PublishError):
        now = publishing.current(company)
    if now is None:
        raise Problem(f"{company.current}: nothing is published yet; `kizuna night` does")
    try:
        report.kpis(console(), now.folder / publishing.PERSON_FREE, codes, grain, periods)
    except KeyError as error:
        raise Problem(str(error.args[0]), WRONG) from None


@click.command()
@company_option
def versions(folder: Path | None) -> None:
    """List the published versions that are kept."""
    from rich.table import Table

    from orchestration import publishing

    company = company_of(folder)
    with telling(publishing.PublishError):
        kept = publishing.versions(company)
    table = Table("version", "as of", "rows", "", title_justify="left")
    for version in kept:
        rows = sum(version.manifest["rows"].values())
        table.add_row(
            version.run, str(version.as_of), f"{rows:,}", "current" if version.is_current else ""
        )
    console().print(table)


@click.command()
@click.argument("version", required=False)
@company_option
def rollback(version: str | None, folder: Path | None) -> None:
    """Make an earlier version current again: the one named, else the one before."""
    from orchestration import publishing
    from orchestration.serving.served import serve

    company = company_of(folder)
    with alone(company, "rollback"):
        chosen = publishing.rollback(company, version)
        click.echo(f"current is {chosen.run}, as of {chosen.as_of}")
        if served := serve(company):
            click.echo(served)


@click.command()
@company_option
def serve(folder: Path | None) -> None:
    """Have PostgreSQL show the current version, as every night does."""
    from orchestration.serving import served

    company = company_of(folder, at_night=True)
    if company.serving.postgres is None:
        raise Problem(f"{company.folder / 'company.yml'}: names no `serving.postgres`", WRONG)
    with alone(company, "serve"):
        found = served.serve(company)
    if found is None:
        raise Problem(f"{company.current}: nothing is published yet; `kizuna night` does")
    if found.problem:
        raise Problem(found.problem)
    click.echo(found)


@click.command()
@click.argument("version", required=False)
@company_option
def verify(version: str | None, folder: Path | None) -> None:
    """Hold a version (else the current one) to its manifest, and the raw data to the ledger."""
    from orchestration import publishing
    from orchestration.verification import verify as verified

    company = company_of(folder)
    with alone(company, "verify"):
        chosen = publishing.find(company, version)
        seen = verified(company, chosen)
    counted = f", {seen.only_counted} of them only by their rows" if seen.only_counted else ""
    click.echo(f"looked at {seen.of_version} files of version {chosen.run}, by its manifest")
    click.echo(f"looked at {seen.of_raw} files of raw, by the ledger{counted}")
    if seen.wrong:
        raise Problem("\n".join(f"- {what}" for what in seen.wrong))
    click.echo("all are as they were written")


@click.command()
@company_option
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=ROOT / "site",
    show_default=True,
    help="The folder to write it into.",
)
def docs(folder: Path | None, out: Path) -> None:
    """Write dbt's pages on every model, column and test to one HTML file."""
    from orchestration.dbt import DbtError, write_docs

    company = company_of(folder)
    with telling(DbtError):
        click.echo(f"{write_docs(company, out)}")


COMMANDS = (kpi, versions, rollback, serve, verify, docs)

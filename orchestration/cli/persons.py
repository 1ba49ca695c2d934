"""What a person may ask of a company: to be forgotten, and to be told what is held."""

from datetime import datetime
from pathlib import Path

import click

from orchestration.cli.common import (
    WRONG,
    Problem,
    alone,
    as_of_option,
    company_of,
    company_option,
    console,
    day_of,
    telling,
)

customer_option = click.option(
    "--customer", metavar="ID", help="A customer id of theirs, or <system>:<id>."
)
email_option = click.option("--email", help="An e-mail address of theirs, be it a guest's.")


@click.command()
@company_option
@customer_option
@email_option
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
    from orchestration.privacy import erasing
    from orchestration.privacy.files import CannotRewrite
    from orchestration.privacy.journal import Asked
    from orchestration.privacy.persons import UnknownPerson
    from orchestration.serving.served import serve

    company = company_of(folder)
    _refuse_unless_one(customer, email)
    day = day_of(company, as_of)
    with alone(company, "erase"), telling(UnknownPerson, CannotRewrite):
        if finished := erasing.finish(company, Ledger(company.ledger), day):
            click.echo("an erasure that was cut short is finished:")
            console().print(report.erased(finished))
            if served := serve(company):
                click.echo(served)
        person = erasing.find_person(company, customer, email)
        if dry_run:
            found = erasing.survey(company, person, day)
            console().print(report.held(person, found))
            return
        asked = Asked(asked_by, day, request_id)
        counts = erasing.erase(company, [erasing.Wish(person, asked)])
        served = serve(company)
    console().print(report.erased(counts))
    if served:
        click.echo(served)


@click.command()
@company_option
@customer_option
@email_option
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
    from orchestration.privacy import exporting
    from orchestration.privacy.persons import UnknownPerson

    company = company_of(folder)
    _refuse_unless_one(customer, email)
    if out and out.exists():
        raise Problem(f"{out}: is there already; name another file", WRONG)
    day = day_of(company, as_of)
    with alone(company, "export"), telling(UnknownPerson):
        text = exporting.as_json(company, day, customer, email)
    if out is None:
        click.echo(text)
    else:
        exporting.write_for_one(out, text)
        click.echo(f"written: {out}")


def _refuse_unless_one(customer: str | None, email: str | None) -> None:
    if bool(customer) == bool(email):
        raise Problem("say who is meant: --customer or --email", WRONG)


COMMANDS = (erase, export)

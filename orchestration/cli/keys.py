"""Keys from the command line: others take their place, and nothing else changes."""

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
    day_of,
    telling,
)


@click.command()
@company_option
@click.option("--token-key", "of_tokens", is_flag=True, help="Another key for the tokens.")
@click.option("--vault-key", "of_vault", is_flag=True, help="Another key for the vault.")
@as_of_option
def rotate(folder: Path | None, of_tokens: bool, of_vault: bool, as_of: datetime | None) -> None:
    """Put another key in the place of that of the tokens, of the vault, or of both.

    The new one is taken from KIZUNA_NEW_TOKEN_KEY and KIZUNA_NEW_VAULT_KEY, or made where the
    present one lies in data/keys/. Every token is made anew; who is who stays. A rotation that
    was killed is finished, or undone, by the next command or night.
    """
    import duckdb

    from orchestration import keys
    from orchestration.ledger import Ledger
    from orchestration.privacy import erasing, rotating
    from orchestration.privacy.files import CannotRewrite
    from orchestration.serving.served import serve

    kinds = [k for k, wanted in ((keys.TOKENS, of_tokens), (keys.VAULT, of_vault)) if wanted]
    if not kinds:
        raise Problem("say which key: --token-key, --vault-key, or both", WRONG)
    company = company_of(folder)
    day = day_of(company, as_of)
    with (
        alone(company, "rotate"),
        telling(keys.WrongKey, exit_code=WRONG),
        telling(CannotRewrite, OSError, duckdb.Error),
    ):
        if erasing.finish(company, Ledger(company.ledger), day):
            serve(company)
        rotated = rotating.rotate(company, kinds, day)
        served = serve(company)
    for kind in kinds:
        before, present = rotated.ids[kind.name]
        lies = f"in {company.keys / kind.file}" if kind.new() is None else (
            f"from {kind.new_variable}: give it as {kind.variable} from now on"
        )  # fmt: skip
        click.echo(f"key of {kind.opens}: {present} in place of {before}, {lies}")
    made = ", ".join(f"{place} {count:,}" for place, count in rotated.counts.items() if count)
    click.echo(f"made anew: {made or 'nothing, for there was nothing'}")
    if served:
        click.echo(served)


COMMANDS = (rotate,)

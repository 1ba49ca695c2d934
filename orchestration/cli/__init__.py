"""The command line: `kizuna night` and the commands beside it.

Exit codes: 0 done · 1 the night or the command failed, and the message names the file, row,
model or check · 2 the command or company.yml is wrong, and nothing was touched · 3 another
night holds the lock.
"""

import click

from orchestration.cli import companies, keys, nights, persons, published, quarantine


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="kizuna")
def main() -> None:
    """Kizuna: exports in, judged KPI marts out.

    \b
    Exit codes: 0 done, 1 failed, 2 wrong command or company.yml, 3 another night is running.
    """


for module in (nights, companies, quarantine, published, persons, keys):
    for command in module.COMMANDS:
        main.add_command(command)

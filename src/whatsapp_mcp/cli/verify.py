"""`whatsapp-mcp verify`: every step of a linked account tried, without writing to anybody else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from whatsapp_mcp.cli.approvals import at_terminal
from whatsapp_mcp.cli.exits import explained
from whatsapp_mcp.cli.options import place_options, read_settings
from whatsapp_mcp.errors import SetupError

_NOT_RUN: Final = 2


@click.command()
@place_options
@click.option("--endpoint", type=click.Path(path_type=Path), metavar="FILE", help="Endpoint file of a simulator.")
@click.option("--simulated", is_flag=True, help="Try an account on a simulator made for this run.")
@click.option("--yes", is_flag=True, help="Ask nothing; what needs the phone is not tried then.")
@click.option("--group/--no-group", default=None, help="Also make a group in which nobody else is, and leave it.")
@click.option("--report", type=click.Path(path_type=Path), metavar="FILE", help="Where to write what was seen.")
@click.option(
    "--record", type=click.Path(path_type=Path), metavar="FILE", help="Where to write the shapes of the stanzas."
)
def verify(
    data_dir: Path | None,
    account: str | None,
    endpoint: Path | None,
    simulated: bool,
    yes: bool,
    group: bool | None,
    report: Path | None,
    record: Path | None,
) -> None:
    """Try every kind of step with the linked account, writing to nobody but its owner; takes about three minutes.

    What was expected and what was seen goes into a report without numbers, names, keys or texts, for a bug report.
    Exit code 0: all as expected; 1: something differs; 2: it could not run, or was interrupted.
    """
    from whatsapp_mcp.account_folder import check_account
    from whatsapp_mcp.offline.verify import VerifyOptions, run_verify

    with explained(_NOT_RUN):
        if simulated and endpoint is not None:
            raise SetupError("--simulated starts its own simulator", next_step="Leave out --endpoint, or --simulated.")
        if not (yes or simulated or at_terminal()):
            raise SetupError(
                "there is nobody to ask: standard input or output is no terminal",
                next_step="Run it in a terminal, or with --yes.",
            )
        settings = None
        if not simulated:
            settings = read_settings({"data_dir": data_dir, "account": account, "endpoint": endpoint})
            check_account(settings.account_dir)
        options = VerifyOptions(simulated=simulated, yes=yes, group=group, report=report, record=record)
        code = run_verify(settings, options, _Terminal())
    sys.exit(code)


class _Terminal:
    """The person at standard input and output."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False, soft_wrap=True)

    def tell(self, text: str) -> None:
        self._console.print(text, markup=False)

    def mark(self, text: str, style: str) -> None:
        self._console.print(text, style=style, markup=False)

    def agrees(self, question: str) -> bool:
        try:
            return click.confirm(question, default=False)
        except click.Abort:
            return False

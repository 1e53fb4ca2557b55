"""`whatsapp-mcp verify`: every step of a linked account tried, without writing to anybody else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, TextIO

import click

from whatsapp_mcp.cli.approvals import at_terminal
from whatsapp_mcp.cli.exits import explained
from whatsapp_mcp.cli.options import json_option, place_options, read_settings
from whatsapp_mcp.cli.saying import fitted, print_json
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
@json_option
def verify(
    data_dir: Path | None,
    account: str | None,
    endpoint: Path | None,
    simulated: bool,
    yes: bool,
    group: bool | None,
    report: Path | None,
    record: Path | None,
    as_json: bool,
) -> None:
    """Try every kind of step with the linked account, writing to nobody but its owner; takes about three minutes.

    What was expected and what was seen goes into a report without numbers, names, keys or texts, for a bug report.
    Exit code 0: all as expected; 1: something differs; 2: it could not run, or was interrupted.
    """
    from whatsapp_mcp.account_folder import check_account
    from whatsapp_mcp.offline.verify import VerifyOptions, report_json, run_verify

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
        code, findings = run_verify(settings, options, PersonAtTerminal(sys.stderr if as_json else sys.stdout))
    if as_json and findings is not None:
        print_json(report_json(findings))
    sys.exit(code)


class PersonAtTerminal:
    """The person at standard input, who reads what goes to ``stream``."""

    def __init__(self, stream: TextIO) -> None:
        from whatsapp_mcp.cli.showing import console_on

        self._stream = stream
        self._console = console_on(stream)
        self._asks_on_error = stream is sys.stderr

    def tell(self, text: str) -> None:
        self.mark(text, "")

    def mark(self, text: str, style: str) -> None:
        for line in text.split("\n"):
            for piece in fitted(line, self._stream):
                self._console.print(piece, style=style, soft_wrap=True)

    def agrees(self, question: str) -> bool:
        try:
            return click.confirm(question, default=False, err=self._asks_on_error)
        except click.Abort:
            return False

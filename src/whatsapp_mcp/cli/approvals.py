"""`whatsapp-mcp approve`: the owner's answer to what a host cannot ask."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from whatsapp_mcp.cli.exits import explained
from whatsapp_mcp.cli.options import place_options, settings_of
from whatsapp_mcp.errors import InvalidArgument, SetupError


@click.command()
@click.argument("code", required=False)
@place_options
@click.option("--always", is_flag=True, help="Never ask again about this kind of call to this chat.")
@click.option("--refuse", is_flag=True, help="Say no.")
@click.option("--page", is_flag=True, help="Print the link to the page of `serve` on which all can be answered.")
def approve(
    code: str | None, data_dir: Path | None, account: str | None, always: bool, refuse: bool, page: bool
) -> None:
    """Answer a question of which a tool gave the code; without a code, list what waits. Only at a terminal."""
    from whatsapp_mcp.offline.policies import answer, page_link, places, question_text, waiting, waiting_text

    with explained():
        settings = settings_of(data_dir, account)
        if always and refuse:
            raise InvalidArgument("--always and --refuse exclude each other", next_step="Give one of them.")
        if page:
            _person("a link that opens the page")
            click.echo(page_link(settings))
            return
        accounts = places(settings, all_accounts=account is None)
        if code is None:
            click.echo(waiting_text(accounts))
            return
        settings, one = waiting(accounts, code)
        _person("an approval")
        if always and not one.can_be_always:
            raise InvalidArgument("this question cannot be answered for good", next_step="Leave out --always.")
        click.echo(question_text(one) + "\n")
        what = "refuse it" if refuse else "allow it always in this chat" if always else "allow it this once"
        said = click.prompt(f"To {what}, type {one.code[-4:]} or yes", default="", show_default=False)
        if said.strip().casefold() not in (one.code[-4:].casefold(), "yes"):
            click.echo("Nothing was answered; the question still waits.")
            sys.exit(1)
        answer(settings, one, refuse=refuse, always=always)
        click.echo("Refused." if refuse else "Allowed. Have the call repeated: exactly as it was, it goes through.")


def at_terminal() -> bool:
    """Whether a person can read and answer."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _person(what: str) -> None:
    if not at_terminal():
        raise SetupError(
            f"{what} is given to a person at a terminal only, and standard input or output is none",
            next_step="The owner of the account has to type this command: models can run commands too, and must not "
            "approve what they want to do.",
        )

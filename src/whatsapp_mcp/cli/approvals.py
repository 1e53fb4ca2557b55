"""`whatsapp-mcp approve`: the owner's answer to what a host cannot ask."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whatsapp_mcp.cli.asking import is_terminal
from whatsapp_mcp.cli.exits import Exit
from whatsapp_mcp.cli.options import json_option, place_options, settings_of
from whatsapp_mcp.cli.saying import done, print_json, say, say_lines
from whatsapp_mcp.errors import InvalidArgument, SetupError

if TYPE_CHECKING:
    from whatsapp_mcp.policy.book import PendingApproval


@click.command()
@click.argument("code", required=False)
@place_options
@click.option("--always", is_flag=True, help="Never ask again about this kind of call to this chat.")
@click.option("--refuse", is_flag=True, help="Say no.")
@click.option("--page", is_flag=True, help="Print the link to the page of `serve` on which all can be answered.")
@json_option
def approve(
    code: str | None,
    data_dir: Path | None,
    account: str | None,
    always: bool,
    refuse: bool,
    page: bool,
    as_json: bool,
) -> None:
    """Answer a question of which a tool gave the code; without a code, list what waits. Only at a terminal."""
    from whatsapp_mcp.offline.policies import answer, page_link, places, waiting, waiting_json, waiting_text

    settings = settings_of(data_dir, account)
    if always and refuse:
        raise InvalidArgument("--always and --refuse exclude each other", next_step="Give one of them.")
    if page:
        _person("a link that opens the page")
        _show_link(page_link(settings), as_json=as_json)
        return
    accounts = places(settings, all_accounts=account is None)
    if code is None:
        if as_json:
            print_json(waiting_json(accounts))
        else:
            say_lines(waiting_text(accounts))
        return
    settings, one = waiting(accounts, code)
    _person("an approval")
    if always and not one.can_be_always:
        raise InvalidArgument("this question cannot be answered for good", next_step="Leave out --always.")
    what = "refuse it" if refuse else "allow it always in this chat" if always else "allow it this once"
    _confirm(one, what, err=as_json)
    answer(settings, one, refuse=refuse, always=always)
    done(
        "Refused." if refuse else "Allowed. Have the call repeated: exactly as it was, it goes through.",
        {"approval_code": one.code, "answer": "refused" if refuse else "always" if always else "allowed"},
        as_json=as_json,
    )


def _show_link(link: str, *, as_json: bool) -> None:
    if as_json:
        done("The link opens the page once.", {"link": link}, as_json=True)
    else:
        click.echo(link)


def _confirm(one: PendingApproval, what: str, *, err: bool) -> None:
    """Show the question, and end the command unless the owner means it."""
    from whatsapp_mcp.offline.policies import question_text

    for line in [*question_text(one).splitlines(), ""]:
        say(line, err=err)
    said = click.prompt(f"To {what}, type {one.code[-4:]} or yes", default="", show_default=False, err=err)
    if said.strip().casefold() not in (one.code[-4:].casefold(), "yes"):
        say("Nothing was answered; the question still waits.", err=err)
        sys.exit(Exit.FAILED)


def at_terminal() -> bool:
    """Whether a person can read and answer."""
    return is_terminal(sys.stdin) and is_terminal(sys.stdout)


def _person(what: str) -> None:
    if not at_terminal():
        raise SetupError(
            f"{what} is given to a person at a terminal only, and standard input or output is none",
            next_step="The owner of the account has to type this command: models can run commands too, and must not "
            "approve what they want to do.",
        )

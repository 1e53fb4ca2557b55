"""`watch` and `wait`: what happens from now on."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from whatsapp_mcp.cli.exits import Exit
from whatsapp_mcp.cli.options import json_lines_option, json_option, place_options, settings_of
from whatsapp_mcp.cli.saying import print_json, print_json_line, say

if TYPE_CHECKING:
    from whatsapp_mcp.cli.calling import UsedAccount

NAMES = {"phone": "--chat", "kinds": "--kinds", "timeout": "--timeout"}
_ONCE: Final = 45
"""Seconds that one call waits, at most."""

_chat = click.option("--chat", "phone", metavar="CHAT", help="Only in this chat.")


@click.command()
@place_options
@_chat
@click.option(
    "--kinds",
    metavar="NAMES",
    help="Only these, comma-separated: message, own_message, edit, deletion, reaction, vote, answer, pin, receipt, "
    "join_request, group_change, call, typing.",
)
@json_lines_option
def watch(data_dir: Path | None, account: str | None, phone: str | None, kinds: str | None, as_json: bool) -> None:
    """Show messages and what else happens, as it happens, until Ctrl-C."""
    from whatsapp_mcp.cli.calling import with_account

    chosen = [kind.strip() for kind in kinds.split(",") if kind.strip()] if kinds else None

    async def work(one: UsedAccount) -> None:
        arguments: dict[str, Any] = {"phone": phone, "kinds": chosen, "timeout": 0}
        cursor: str | None = None
        while True:
            body = (await one.call("waitForEvent", {**arguments, "cursor": cursor})).body
            if cursor is None and not as_json:
                say("Watching; Ctrl-C ends it.", err=True)
            cursor, arguments["timeout"] = body.get("next_cursor", cursor), _ONCE
            if body["results"].get("missed"):
                say("Some of what happened before was missed.", err=True)
            _show(body["results"]["data"], as_json=as_json)

    with_account(settings_of(data_dir, account), work, names=NAMES)


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    from whatsapp_mcp.cli import showing

    for row in rows:
        if as_json:
            print_json_line(row)
        else:
            showing.print_event(row)
    sys.stdout.flush()


@click.command()
@place_options
@_chat
@click.option(
    "--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="So long at most; for ever without it."
)
@json_option
def wait(data_dir: Path | None, account: str | None, phone: str | None, timeout: float | None, as_json: bool) -> None:
    """Wait until somebody writes, and show that message; exit code 6 if nobody does within --timeout."""
    from whatsapp_mcp.cli import showing
    from whatsapp_mcp.cli.calling import with_account

    async def work(one: UsedAccount) -> dict[str, Any]:
        cursor, began = None, time.monotonic()
        while True:
            rest = _ONCE if timeout is None else timeout - (time.monotonic() - began)
            arguments = {"phone": phone, "cursor": cursor, "timeout": max(0, min(_ONCE, round(rest)))}
            body = (await one.call("waitForMessage", arguments)).body
            if body["results"].get("message") or rest <= 0 or (timeout is not None and rest <= _ONCE):
                return body
            cursor = body["results"].get("cursor")

    body = with_account(settings_of(data_dir, account), work, names=NAMES)
    if as_json:
        print_json(body)
    elif message := body["results"].get("message"):
        showing.print_messages([message], chats=True, ids=True)
    else:
        say("Nobody wrote.", err=True)
    if not body["results"].get("message"):
        sys.exit(Exit.NOTHING_CAME)

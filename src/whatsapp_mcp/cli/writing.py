"""`send` and `schedule`: what others get."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from whatsapp_mcp.cli.options import json_option, place_options, settings_of
from whatsapp_mcp.cli.saying import answered, print_json, say
from whatsapp_mcp.errors import InvalidArgument

NAMES = {"phone": "CHAT", "message": "TEXT", "file": "--file", "caption": "TEXT", "reply_message_id": "--reply-to"}
"""Argument -> how the commands here call it."""

_KINDS = {"image": ("sendImage", "image"), "video": ("sendVideo", "video"), "audio": ("sendAudio", "audio")}
"""Type of a file -> the operation that shows it as what it is, and its argument."""


@click.command()
@click.argument("chat")
@click.argument("text", required=False)
@place_options
@click.option("--file", metavar="FILE", help="Send this file, with TEXT as its caption: a path, or an https:// URL.")
@click.option("--document", is_flag=True, help="With --file: as a document, also if it is a picture, video or sound.")
@click.option("--reply-to", "reply_message_id", metavar="ID", help="Answer this message.")
@click.option("--key", "idempotency_key", metavar="KEY", help="Under the same key, nothing is sent twice in a day.")
@json_option
def send(
    chat: str,
    text: str | None,
    data_dir: Path | None,
    account: str | None,
    file: str | None,
    document: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Send TEXT, or a file, to CHAT: a number with country code, a JID, or an exact and unique name.

    Without TEXT it is read from standard input. The policy holds as it does for hosts: what it wants to be asked about
    is asked here, and needs an approval where nobody sits at the terminal.
    """
    from whatsapp_mcp.cli.calling import said, with_account

    if text is None and file is None:
        text = _from_input()
    operation, arguments = "sendMessage", {"phone": chat, "message": text, **options}
    if file is not None:
        operation, argument = _as_what(file, document=document)
        arguments = {"phone": chat, argument: _absolute(file), **options}
        if operation != "sendAudio":
            arguments["caption"] = text
        elif text:
            raise InvalidArgument("a sound has no caption", next_step="Leave out TEXT, or add --document.")
    settings = settings_of(data_dir, account)
    names = {**NAMES, **({argument: "--file" for _, argument in _KINDS.values()})}
    answer = with_account(settings, lambda one: one.call(operation, arguments), names=names)
    sentence = f"{said(answer.body['message'])} {answer.body['results'].get('message_id', '')}".rstrip()
    answered(answer.body, sentence, as_json=as_json)


def _from_input() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise InvalidArgument("TEXT is missing", next_step="Write it behind CHAT, or lead it to standard input.")
    return sys.stdin.read().rstrip("\n")


def _as_what(file: str, *, document: bool) -> tuple[str, str]:
    """The operation that sends this file, and its argument for it."""
    import mimetypes

    kind = (mimetypes.guess_type(file)[0] or "").partition("/")[0]
    return ("sendFile", "file") if document else _KINDS.get(kind, ("sendFile", "file"))


def _absolute(file: str) -> str:
    return file if file.startswith(("https://", "http://", "data:")) else str(Path(file).expanduser().absolute())


@click.group(invoke_without_command=True)
@click.pass_context
def schedule(context: click.Context) -> None:
    """Messages that leave later. Without a command, the ones that wait are listed."""
    if context.invoked_subcommand is None:
        context.invoke(list_, data_dir=None, account=None, as_json=False)


@schedule.command()
@click.argument("chat")
@click.argument("text")
@place_options
@click.option("--at", metavar="TIME", help="When: 2026-12-24T18:00, 18:30, or 2h for in two hours.")
@json_option
def add(chat: str, text: str, data_dir: Path | None, account: str | None, at: str | None, as_json: bool) -> None:
    """Send TEXT to CHAT at a later time."""
    from whatsapp_mcp.cli.calling import said, with_account

    arguments = {"phone": chat, "message": text, "at": at}
    names = {**NAMES, "at": "--at"}
    answer = with_account(
        settings_of(data_dir, account), lambda one: one.call("scheduleMessage", arguments), names=names
    )
    sentence = f"{said(answer.body['message'])} {answer.body['results'].get('message_id', '')}".rstrip()
    answered(answer.body, sentence, as_json=as_json)


@schedule.command(name="list")
@place_options
@json_option
def list_(data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """List the messages that wait, the next one first."""
    from whatsapp_mcp.cli import showing
    from whatsapp_mcp.cli.calling import with_account

    settings = settings_of(data_dir, account)
    body = with_account(settings, lambda one: one.call("listScheduled", {}), session=False).body
    if as_json:
        print_json(body)
        return
    columns = [
        showing.Column("When", worth=30),
        showing.Column("Chat", worth=27, grows=True),
        showing.Column("Id", worth=6, needed=True),
        showing.Column("State", worth=12, style="dim"),
        showing.Column("Text", worth=10, grows=True),
    ]
    rows = body["results"]["data"]
    showing.print_table(columns, [_waiting(row) for row in rows])
    if not rows:
        say("Nothing waits to be sent.", err=True)


def _waiting(row: dict[str, Any]) -> list[str]:
    from whatsapp_mcp.cli import showing

    when = showing.moment(row.get("scheduled_for"))
    return [
        f"{when:%d %b %H:%M}" if when else "",
        showing.name_of(row, "chat_name", "chat_jid"),
        showing.shown(row.get("message_id", "")),
        showing.shown(row.get("status") or ""),
        showing.shown(row.get("message") or ""),
    ]


@schedule.command()
@click.argument("message_id", metavar="ID")
@place_options
@json_option
def cancel(message_id: str, data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Do not send the message with this ID, which `schedule list` shows."""
    from whatsapp_mcp.cli.calling import said, with_account

    settings = settings_of(data_dir, account)
    arguments = {"message_id": message_id}
    answer = with_account(settings, lambda one: one.call("cancelScheduled", arguments), names={"message_id": "ID"})
    answered(answer.body, said(answer.body["message"]), as_json=as_json)

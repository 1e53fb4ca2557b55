"""`media`: files that came with messages."""

from __future__ import annotations

from pathlib import Path

import click

from whatsapp_mcp.cli.options import json_option, place_options, settings_of
from whatsapp_mcp.cli.saying import print_json

NAMES = {"phone": "CHAT", "message_id": "ID"}


@click.group(invoke_without_command=True)
@click.pass_context
def media(context: click.Context) -> None:
    """Files that came with messages. Without a command, this help is shown."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@media.command()
@click.argument("chat")
@click.argument("message_id", metavar="ID")
@place_options
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Also put it there.")
@click.option("--force", is_flag=True, help="Replace the file if it exists.")
@json_option
def get(
    chat: str,
    message_id: str,
    data_dir: Path | None,
    account: str | None,
    output: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Download the file of the message ID in CHAT, which `read --media` shows, and print where it is."""
    from whatsapp_mcp.cli.calling import with_account

    settings = settings_of(data_dir, account)
    arguments = {"phone": chat, "message_id": message_id}
    body = with_account(settings, lambda one: one.call("downloadMessageMedia", arguments), names=NAMES).body
    place = body["results"]["file_path"]
    if output is not None:
        from whatsapp_mcp.offline.export.output import copied

        copied(place, output, replace=force)
        place = str(output)
    if as_json:
        print_json(body)
    else:
        click.echo(place)

"""`whatsapp-mcp webhook`: programs that are told what happens."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from whatsapp_mcp.account_folder import make_folder
from whatsapp_mcp.cli.options import json_option, place_options, read_settings, settings_of
from whatsapp_mcp.cli.saying import done, print_json, say


@click.group(invoke_without_command=True)
@click.pass_context
def webhook(context: click.Context) -> None:
    """Tell programs what happens: signed HTTP requests, which docs/webhooks.md describes.

    They leave while the account is in use: while an MCP host runs, or `serve`. What happens meanwhile follows. Without
    a command, this help is shown.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@webhook.command()
@click.argument("url")
@place_options
@click.option("--name", help="What it is called here; without it, after the host of the URL.")
@click.option(
    "--kinds", metavar="NAMES", help="Kinds of events, comma-separated, or all. Without it, all but receipts."
)
@click.option(
    "--chats", multiple=True, metavar="PATTERN", help="Only these chats, written as in policy.toml; may be repeated."
)
@click.option(
    "--allow",
    "reach",
    type=click.Choice(["loopback", "private"]),
    multiple=True,
    help="It may be on this machine, or in a private network; may be repeated.",
)
@json_option
def add(url: str, data_dir: Path | None, account: str | None, as_json: bool, **options: Any) -> None:
    """Add a receiver, and print the secret that signs its requests: this is the only time that it can be seen."""
    from whatsapp_mcp.offline.webhooks import add_webhook

    settings = read_settings({"data_dir": data_dir, "account": account})
    make_folder(settings.data_dir)
    make_folder(settings.account_dir)
    made = add_webhook(settings, url, **options)
    if as_json:
        done(f"The webhook {made.name} is added.", {"name": made.name, "secret": made.secret}, as_json=True)
    else:
        click.echo(made.secret)
    say(f"This is the secret of the webhook {made.name}; it is not shown again.", err=True)


@webhook.command(name="list")
@place_options
@json_option
def list_(data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """List the webhooks, with what each is told and how it does."""
    from whatsapp_mcp.offline.webhooks import list_webhooks, webhook_line

    found = list_webhooks(settings_of(data_dir, account))
    if as_json:
        print_json([one.model_dump(mode="json", exclude_none=True) for one in found])
        return
    for each in found:
        say(webhook_line(each))
    if not found:
        say("No webhook. `whatsapp-mcp webhook add URL` adds one.", err=True)


@webhook.command()
@click.argument("name")
@place_options
@json_option
def remove(name: str, data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Take a webhook away: nothing more is sent, within two seconds."""
    from whatsapp_mcp.offline.webhooks import remove_webhook

    remove_webhook(settings_of(data_dir, account), name)
    done(f"The webhook {name} is removed.", {"name": name}, as_json=as_json)


@webhook.command()
@click.argument("name")
@place_options
@click.option("--skip", "skips", is_flag=True, help="Leave out what waits, and begin with what happens from now on.")
@json_option
def resume(name: str, data_dir: Path | None, account: str | None, skips: bool, as_json: bool) -> None:
    """Let a webhook that was stopped, or waits for its next try, go on at once."""
    from whatsapp_mcp.offline.webhooks import resume_webhook

    resume_webhook(settings_of(data_dir, account), name, skips=skips)
    done(f"The webhook {name} goes on.", {"name": name}, as_json=as_json)


@webhook.command()
@click.argument("name")
@place_options
@json_option
def test(name: str, data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Send a signed request of type `test` to a webhook now, and say what became of it."""
    from whatsapp_mcp.offline.webhooks import try_webhook

    taken, said = try_webhook(settings_of(data_dir, account), name)
    done(f"{'Taken' if taken else 'Not taken'}: {said}.", {"name": name, "taken": taken, "said": said}, as_json=as_json)
    sys.exit(0 if taken else 1)

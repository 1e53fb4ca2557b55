"""`whatsapp-mcp token`: who may use the HTTP transport, and for what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from whatsapp_mcp.account_folder import make_folder
from whatsapp_mcp.cli.options import data_dir_option, json_option, place_options, read_settings, settings_of
from whatsapp_mcp.cli.saying import done, print_json, say
from whatsapp_mcp.settings import Settings


@click.group(invoke_without_command=True)
@place_options
@json_option
@click.pass_context
def token(context: click.Context, data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Show the bearer token `default` of `serve`, which may do everything; makes it if there is none."""
    context.obj = data_dir
    if context.invoked_subcommand is not None:
        return
    from whatsapp_mcp.token_file import load_or_create_token

    settings = settings_of(data_dir, account)
    make_folder(settings.data_dir)
    _show_secret("default", load_or_create_token(settings.token_path), as_json=as_json)


@token.command()
@click.argument("name")
@data_dir_option
@click.option(
    "--scope",
    type=click.Choice(["read", "send", "full"]),
    default="read",
    show_default=True,
    help="Look; also write to chats and arrange them; everything.",
)
@click.option("--account", "accounts", multiple=True, metavar="NAME", help="Only this account; may be repeated.")
@click.option(
    "--chats", multiple=True, metavar="PATTERN", help="Only these chats, written as in policy.toml; may be repeated."
)
@click.option("--toolsets", metavar="NAMES", help="Only these toolsets or tools, comma-separated.")
@click.option("--expires", metavar="TIME", help="After 12h, 30d or 4w, or at the end of 2026-12-31.")
@click.option("--sends-per-day", type=click.IntRange(min=1), help="Most messages in 24 hours, in each account.")
@json_option
def create(name: str, data_dir: Path | None, as_json: bool, **options: Any) -> None:
    """Make a token and print it: it is kept nowhere, so this is the only time that it can be seen."""
    from whatsapp_mcp.offline.tokens import create_token

    settings = _settings(data_dir)
    make_folder(settings.data_dir)
    secret = create_token(settings, name, **options)
    _show_secret(name, secret, as_json=as_json)
    say(f"This is the token {name}; it is not shown again. Servers know it at once.", err=True)


def _show_secret(name: str, secret: str, *, as_json: bool) -> None:
    """Alone on its line, which is never broken: it is copied, or read by a program."""
    if as_json:
        done(f"The token {name}.", {"name": name, "token": secret}, as_json=True)
    else:
        click.echo(secret)


@token.command(name="list")
@data_dir_option
@json_option
def list_(data_dir: Path | None, as_json: bool) -> None:
    """List the tokens, with what each may do and when it was last used."""
    from whatsapp_mcp.offline.tokens import list_tokens, token_line

    found = list_tokens(_settings(data_dir))
    if as_json:
        print_json([one.model_dump(mode="json", exclude_none=True) for one in found])
        return
    for each in found:
        say(token_line(each))
    if not found:
        say("No token beside `default`, which `whatsapp-mcp token` shows.", err=True)


@token.command()
@click.argument("name")
@data_dir_option
@json_option
def revoke(name: str, data_dir: Path | None, as_json: bool) -> None:
    """Take a token away: it opens nothing from now on, and what it has open ends."""
    from whatsapp_mcp.offline.tokens import revoke_token

    revoke_token(_settings(data_dir), name)
    done(f"The token {name} is revoked.", {"name": name}, as_json=as_json)


def _settings(data_dir: Path | None) -> Settings:
    """Of the command, of `token` before it, of the environment."""
    return read_settings({"data_dir": data_dir or click.get_current_context().find_object(Path)})

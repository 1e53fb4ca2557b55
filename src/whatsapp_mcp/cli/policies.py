"""`whatsapp-mcp policy`: what may be done with an account."""

from __future__ import annotations

from pathlib import Path

import click

from whatsapp_mcp.cli.exits import explained
from whatsapp_mcp.cli.options import json_option, place_options, settings_of
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.untrusted_text import escaped


@click.group(invoke_without_command=True)
@place_options
@json_option
@click.pass_context
def policy(context: click.Context, data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Show what may be done with the account: lists, questions, limits and what is used up, standing answers."""
    context.obj = (data_dir, account)
    if context.invoked_subcommand is not None:
        return
    from whatsapp_mcp.cli.showing import print_json, print_lines
    from whatsapp_mcp.offline.policies import policy_json, policy_text

    with explained():
        if as_json:
            print_json(policy_json(_settings(None, None)))
            return
        print_lines(policy_text(_settings(None, None)))


@policy.command()
@click.argument("file", type=click.Path(path_type=Path))
@place_options
def check(file: Path, data_dir: Path | None, account: str | None) -> None:
    """Say what is wrong with a policy file, before it becomes the account's policy.toml."""
    from whatsapp_mcp.offline.policies import check_policy

    with explained():
        click.echo(escaped(check_policy(_settings(data_dir, account), file)))


@policy.command()
@click.argument("number")
@place_options
def forget(number: str, data_dir: Path | None, account: str | None) -> None:
    """Take back a standing answer ("always"), by the number that `whatsapp-mcp policy` shows."""
    from whatsapp_mcp.offline.policies import forget_answer

    with explained():
        forget_answer(_settings(data_dir, account), number)
    click.echo("Forgotten: it is asked again.")


@policy.command()
@place_options
def init(data_dir: Path | None, account: str | None) -> None:
    """Write a policy.toml that names every field with its default."""
    from whatsapp_mcp.account_folder import make_folder
    from whatsapp_mcp.offline.policies import write_template

    with explained():
        settings = _settings(data_dir, account)
        make_folder(settings.data_dir)
        make_folder(settings.account_dir)
        click.echo(escaped(f"{write_template(settings)} is written. Edit it; servers see the change at once."))


def _settings(data_dir: Path | None, account: str | None) -> Settings:
    """Of the command, of `policy` before it, of the environment."""
    before = click.get_current_context().find_object(tuple) or (None, None)
    return settings_of(data_dir or before[0], account or before[1])

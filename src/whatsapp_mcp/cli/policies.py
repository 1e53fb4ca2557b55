"""`whatsapp-mcp policy`: what may be done with an account."""

from __future__ import annotations

from pathlib import Path

import click

from whatsapp_mcp.cli.options import json_option, place_options, settings_of
from whatsapp_mcp.cli.saying import done, print_json, say_lines
from whatsapp_mcp.settings import Settings


@click.group(invoke_without_command=True)
@place_options
@json_option
@click.pass_context
def policy(context: click.Context, data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Show what may be done with the account: lists, questions, limits and what is used up, standing answers."""
    context.obj = (data_dir, account)
    if context.invoked_subcommand is not None:
        return
    from whatsapp_mcp.offline.policies import policy_json, policy_text

    if as_json:
        print_json(policy_json(_settings(None, None)))
        return
    say_lines(policy_text(_settings(None, None)))


@policy.command()
@click.argument("file", type=click.Path(path_type=Path))
@place_options
@json_option
def check(file: Path, data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Say what is wrong with a policy file, before it becomes the account's policy.toml."""
    from whatsapp_mcp.offline.policies import check_policy

    done(check_policy(_settings(data_dir, account), file), {"file": str(file)}, as_json=as_json)


@policy.command()
@click.argument("number")
@place_options
@json_option
def forget(number: str, data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Take back a standing answer ("always"), by the number that `whatsapp-mcp policy` shows."""
    from whatsapp_mcp.offline.policies import forget_answer

    forget_answer(_settings(data_dir, account), number)
    done("Forgotten: it is asked again.", {"number": int(number)}, as_json=as_json)


@policy.command()
@place_options
@json_option
def init(data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Write a policy.toml that names every field with its default."""
    from whatsapp_mcp.account_folder import make_folder
    from whatsapp_mcp.offline.policies import write_template

    settings = _settings(data_dir, account)
    make_folder(settings.data_dir)
    make_folder(settings.account_dir)
    path = write_template(settings)
    done(f"{path} is written. Edit it; servers see the change at once.", {"file": str(path)}, as_json=as_json)


@policy.command()
@click.argument("file", type=click.Path(path_type=Path))
@place_options
@json_option
def use(file: Path, data_dir: Path | None, account: str | None, as_json: bool) -> None:
    """Make a file the account's policy.toml, if nothing is wrong with it. Where a database is set, it lies there."""
    from whatsapp_mcp.offline.policies import use_policy

    place = use_policy(_settings(data_dir, account), file)
    done(f"{place} is written; servers see the change at once.", {"file": str(place)}, as_json=as_json)


@policy.command()
@place_options
def text(data_dir: Path | None, account: str | None) -> None:
    """Print policy.toml as it was written, to be edited and given to `whatsapp-mcp policy use FILE`."""
    from whatsapp_mcp.offline.policies import policy_source

    click.echo(policy_source(_settings(data_dir, account)), nl=False)


def _settings(data_dir: Path | None, account: str | None) -> Settings:
    """Of the command, of `policy` before it, of the environment."""
    before = click.get_current_context().find_object(tuple) or (None, None)
    return settings_of(data_dir or before[0], account or before[1])

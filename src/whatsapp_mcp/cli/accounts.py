"""`whatsapp-mcp accounts` and what it does to them."""

from __future__ import annotations

from pathlib import Path

import click

from whatsapp_mcp.cli.asking import confirm
from whatsapp_mcp.cli.options import data_dir_option, json_option, read_settings
from whatsapp_mcp.cli.saying import done, print_json, say


@click.group(invoke_without_command=True)
@data_dir_option
@json_option
@click.pass_context
def accounts(context: click.Context, data_dir: Path | None, as_json: bool) -> None:
    """List the accounts, each a WhatsApp account of its own, with whether it is linked and in use."""
    context.obj = data_dir
    if context.invoked_subcommand is not None:
        return
    from whatsapp_mcp.offline.accounts import list_accounts

    found = list_accounts(_place(None))
    if as_json:
        print_json([account.model_dump(mode="json") for account in found])
        return
    width = max(len(account.name) for account in found)
    for account in found:
        linked = f"linked as {account.jid}" if account.linked else account.problem or "not linked"
        say(f"{account.name:<{width}}  {linked}{', in use' if account.in_use else ''}")


@accounts.command()
@click.argument("name")
@data_dir_option
@json_option
def add(name: str, data_dir: Path | None, as_json: bool) -> None:
    """Add an account; it is linked by appLogin like the first one."""
    from whatsapp_mcp.offline.accounts import add_account

    folder = add_account(_place(data_dir), name)
    done(
        f"{folder} is ready. Start a host's server with `whatsapp-mcp stdio --account {folder.name}`; "
        f"`whatsapp-mcp serve` has it at /mcp/{folder.name}.",
        {"name": folder.name, "folder": str(folder)},
        as_json=as_json,
    )


@accounts.command()
@click.argument("old")
@click.argument("new")
@data_dir_option
@json_option
def rename(old: str, new: str, data_dir: Path | None, as_json: bool) -> None:
    """Give an account another name; no server may use it meanwhile."""
    from whatsapp_mcp.offline.accounts import rename_account

    folder = rename_account(_place(data_dir), old, new)
    done(
        f"It is called {folder.name} now. Change --account or /mcp/… in the hosts that use it.",
        {"name": folder.name, "folder": str(folder)},
        as_json=as_json,
    )


@accounts.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
@json_option
def remove(name: str, yes: bool, data_dir: Path | None, as_json: bool) -> None:
    """Delete an account with its messages and media; no server may use it meanwhile."""
    from whatsapp_mcp.offline.accounts import account_to_remove, remove_account

    place = _place(data_dir)
    found = account_to_remove(place, name)
    if not yes:
        confirm(f"Delete {found.folder} with all messages and media?")
    remove_account(place, name)
    still = f" The phone still lists the device {found.jid}: remove it there, under Linked devices."
    done(
        f"The account {found.name} is deleted.{still if found.linked else ''}",
        {"name": found.name, "device_still_listed": found.jid if found.linked else None},
        as_json=as_json,
    )


@accounts.command()
@click.argument("name")
@click.option("--into-database", "direction", flag_value="into-database", help="From files into WHATSAPP_MCP_DATABASE.")
@click.option("--out-of-database", "direction", flag_value="out-of-database", help="From there into files.")
@data_dir_option
@json_option
def move(name: str, direction: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Move an account from its files into the database that WHATSAPP_MCP_DATABASE names, or back; it stays linked.

    Messages, keys, policy, approvals, audit, webhooks and tokens go along; no server may use it meanwhile. Whatever
    interrupts it, the same command goes on or begins anew. Received media stay where they are.
    """
    from whatsapp_mcp.cli.progress import waits_shown
    from whatsapp_mcp.offline.accounts import existing_account
    from whatsapp_mcp.offline.moving import move_account
    from whatsapp_mcp.platform.signals import exit_when_terminated

    if direction is None:
        raise click.UsageError("say where to: --into-database or --out-of-database")
    exit_when_terminated()
    settings = existing_account(_place(data_dir), name)
    with waits_shown():
        into = direction == "into-database"
        moved = move_account(settings, "into-database" if into else "out-of-database")
    with_it = "with" if into else "without"
    done(
        f"The account {moved.account} is in {moved.where} now. Start its servers {with_it} WHATSAPP_MCP_DATABASE.",
        {
            "name": moved.account,
            "where": moved.where,
            "messages": moved.messages,
            "linked": moved.linked,
            "tokens_left": list(moved.tokens_left),
        },
        as_json=as_json,
    )
    for token in moved.tokens_left:
        say(f"There is another token {token} there: the one of before does not open the account.", err=True)


def _place(data_dir: Path | None) -> Path:
    """The data directory: of the command, of `accounts` before it, of the environment."""
    given = data_dir or click.get_current_context().find_object(Path)
    return read_settings({"data_dir": given}).data_dir

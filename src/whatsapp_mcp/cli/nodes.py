"""`whatsapp-mcp node`: the machines that share a database."""

from __future__ import annotations

import click

from whatsapp_mcp.cli.options import json_option, read_settings
from whatsapp_mcp.cli.saying import done, print_json, say


@click.group(invoke_without_command=True)
@click.pass_context
def node(context: click.Context) -> None:
    """Look at the machines that share a PostgreSQL database, and have one give its accounts away (docs/postgres.md).

    Without a command, this help is shown.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@node.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List the nodes, with the accounts that each holds."""
    from whatsapp_mcp.offline.nodes import list_nodes, node_line

    found = list_nodes(read_settings({}))
    if as_json:
        print_json([one.model_dump(mode="json") for one in found])
        return
    for each in found:
        say(node_line(each))
    if not found:
        say("No node. `whatsapp-mcp serve --node NAME` is one while it runs.", err=True)


@node.command()
@click.argument("name")
@json_option
def drain(name: str, as_json: bool) -> None:
    """Have a node give its accounts to the others, one by one, and take no new ones; returns when it has none.

    Calls wait meanwhile, for a second or two, and nothing is lost. `node resume` takes it back.
    """
    from whatsapp_mcp.offline.nodes import drain_node

    moved = drain_node(read_settings({}), name, lambda text: say(text, err=True))
    done(f"The node {name} holds no account.", {"name": name, "moved": list(moved)}, as_json=as_json)


@node.command()
@click.argument("name")
@json_option
def resume(name: str, as_json: bool) -> None:
    """Let a node take accounts again."""
    from whatsapp_mcp.offline.nodes import resume_node

    resume_node(read_settings({}), name)
    done(f"The node {name} takes accounts.", {"name": name}, as_json=as_json)

"""`whatsapp-mcp upgrade-check`."""

from __future__ import annotations

import sys

import click

from whatsapp_mcp.cli.exits import explained


@click.command("upgrade-check")
@click.option(
    "--index",
    envvar=["UV_DEFAULT_INDEX", "PIP_INDEX_URL"],
    show_envvar=True,
    metavar="URL",
    help="Package index to ask; PyPI without it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def upgrade_check(index: str | None, as_json: bool) -> None:
    """Ask the package index for something newer, and say how to install it; exit code 1 if there is.

    Changes nothing. WhatsApp refuses clients (error 405) that are some months old; then a newer neonize helps.
    """
    from whatsapp_mcp.offline.upgrades import INDEX, look_for_upgrades, upgrades_text

    with explained():
        upgrades = look_for_upgrades(index or INDEX)
    click.echo(upgrades.model_dump_json(indent=2) if as_json else upgrades_text(upgrades))
    sys.exit(1 if upgrades.available else 0)

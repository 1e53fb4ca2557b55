"""`whatsapp-mcp upgrade-check`."""

from __future__ import annotations

import sys

import click

from whatsapp_mcp.cli.options import json_option
from whatsapp_mcp.cli.saying import print_json, say_lines


@click.command("upgrade-check")
@click.option(
    "--index",
    envvar=["UV_DEFAULT_INDEX", "PIP_INDEX_URL"],
    show_envvar=True,
    metavar="URL",
    help="Package index to ask; PyPI without it.",
)
@json_option
def upgrade_check(index: str | None, as_json: bool) -> None:
    """Ask the package index for something newer, and say how to install it; exit code 1 if there is.

    Changes nothing. WhatsApp refuses clients (error 405) that are some months old; then a newer neonize helps.
    """
    from whatsapp_mcp.offline.upgrades import INDEX, look_for_upgrades, upgrades_text

    upgrades = look_for_upgrades(index or INDEX)
    if as_json:
        print_json(upgrades.model_dump(mode="json"))
    else:
        say_lines(upgrades_text(upgrades))
    sys.exit(1 if upgrades.available else 0)

"""`whatsapp-mcp audit`: what was done with an account."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from whatsapp_mcp.cli.options import json_lines_option, place_options, settings_of
from whatsapp_mcp.cli.saying import say

_DECISIONS = (
    *(
        "allowed",
        "asked",
        "asked_yes",
        "asked_always",
        "approved",
        "refused",
        "rate_limited",
        "confirmation_needed",
        "failed",
    ),
)


@click.command()
@place_options
@click.option("--since", metavar="TIME", help="Only from this date or time on, or so long ago: 30m, 2h, 7d.")
@click.option("--until", metavar="TIME", help="Only up to this date, all day, or time.")
@click.option("--operation", metavar="NAME", help="Only calls of this tool.")
@click.option("--chat", metavar="CHAT", help="Only about this chat: JID, number or exact name.")
@click.option("--client", metavar="TEXT", help="Only of hosts or tokens with this in their name.")
@click.option(
    "--decision",
    metavar="OUTCOME",
    type=click.Choice(_DECISIONS),
    help=f"Only with this outcome: {', '.join(_DECISIONS)}.",
)
@click.option("--limit", type=click.IntRange(min=0), default=100, show_default=True, help="The newest; 0 shows all.")
@click.option("--follow", is_flag=True, help="Go on with the calls that come.")
@json_lines_option
def audit(
    data_dir: Path | None,
    account: str | None,
    limit: int,
    follow: bool,
    as_json: bool,
    **filters: str | None,
) -> None:
    """Show what was done with the account, by which host, and what was decided; servers may run meanwhile."""
    from whatsapp_mcp.offline.audit import AuditText, chosen_calls, entry_json, read_calls

    settings = settings_of(data_dir, account)
    text = AuditText(shutil.get_terminal_size().columns)
    shown = False
    for entry in read_calls(settings.audit, chosen_calls(settings, **filters), limit=limit, follow=follow):
        shown = True
        for line in [entry_json(entry)] if as_json else text.lines(entry):
            click.echo(line)
    if not shown:
        say("No such call was written down.", err=True)

"""`whatsapp-mcp install`: this server in the configuration of an MCP host."""

from __future__ import annotations

import os
from pathlib import Path

import click

from whatsapp_mcp.cli.asking import confirm
from whatsapp_mcp.cli.exits import explained
from whatsapp_mcp.cli.options import place_options, settings_of
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.offline.hosts.entries import HostFileChange, alone, entered, taken_out
from whatsapp_mcp.offline.hosts.found import look
from whatsapp_mcp.offline.hosts.known import HOSTS, Host, Launch
from whatsapp_mcp.offline.hosts.launch import check_toolsets, this_installation
from whatsapp_mcp.offline.installer import NAME
from whatsapp_mcp.platform.user_folders import here
from whatsapp_mcp.untrusted_text import escaped

_STATES = {
    "entered": "entered",
    "elsewhere": "entered, starts another installation",
    "gone": "entered, starts what is not there",
    "unreadable": "cannot be read",
    "absent": "not entered",
}


def _completed(context: click.Context, parameter: click.Parameter, begun: str) -> list[str]:
    return [name for name in HOSTS if name.startswith(begun)]


@click.command()
@click.argument(
    "host",
    metavar="[HOST]",
    required=False,
    shell_complete=_completed,
)
@place_options
@click.option("--toolsets", metavar="NAMES", help="Toolsets or tools to list, comma-separated; `all` lists all.")
@click.option("--scope", type=click.Choice(["read", "send", "full"]), help="Most that the host may do.")
@click.option("--name", metavar="NAME", help="Of the entry: whatsapp, or whatsapp-ACCOUNT, without it.")
@click.option("--file", type=click.Path(path_type=Path), help="The host's file, if it lies somewhere else.")
@click.option("--print", "only_print", is_flag=True, help="Show what would be changed, and change nothing.")
@click.option("--remove", is_flag=True, help="Take the entry out again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def install(
    host: str | None,
    data_dir: Path | None,
    account: str | None,
    toolsets: str | None,
    scope: str | None,
    name: str | None,
    file: Path | None,
    only_print: bool,
    remove: bool,
    yes: bool,
) -> None:
    """Enter this server in the configuration of an MCP host; without one, list hosts with whether they have it.

    HOST is claude-desktop, claude-code, cursor, vscode, windsurf, zed, codex, gemini, goose or librechat.

    The difference is shown before it is written. The rest of the file stays as it is, with its comments, and what the
    file held before is kept beside it.
    """
    with explained():
        if host is None:
            _list()
            return
        chosen = _host(host)
        options = _options(data_dir, account, toolsets, scope)
        launch = this_installation(options)
        entry = name or (f"whatsapp-{account}" if account not in (None, "default") else "whatsapp")
        path = file.expanduser().absolute() if file is not None else chosen.file(here())
        if path is None:
            if only_print and not remove:
                click.echo(alone(chosen, entry, launch), nl=False)
                return
            raise InvalidArgument(
                f"{chosen.title} has no place of its own for its configuration", next_step="Name it with --file."
            )
        change = taken_out(chosen, path, entry) if remove else entered(chosen, path, entry, launch)
        _carry_out(chosen, change, launch, only_print=only_print, remove=remove, yes=yes)


def _host(name: str) -> Host:
    if name not in HOSTS:
        raise InvalidArgument(f"there is no host {name!r} here", next_step=f"Name one of these: {', '.join(HOSTS)}.")
    return HOSTS[name]


def _carry_out(
    host: Host, change: HostFileChange, launch: Launch, *, only_print: bool, remove: bool, yes: bool
) -> None:
    from whatsapp_mcp.clock import local, now
    from whatsapp_mcp.offline.hosts.writing import write

    if not remove:
        _tell_about(launch)
    if change.is_none:
        click.echo(escaped(f"{change.path} has this entry already."))
        return
    for line in change.difference().splitlines():
        click.echo(escaped(line))
    if only_print:
        return
    if not yes:
        confirm("Write it?")
    kept = write(change, local(now()))
    click.echo(escaped(f"{change.path} is written." + (f" What it was is in {kept.name} beside it." if kept else "")))
    click.echo(host.after)


def _options(data_dir: Path | None, account: str | None, toolsets: str | None, scope: str | None) -> list[str]:
    """Of `stdio`, after they are checked: a host shows a wrong one as a server that does not start."""
    options: list[str] = []
    if data_dir is not None or account is not None:
        settings = settings_of(data_dir, account)
        options += ["--data-dir", str(settings.data_dir)] if data_dir is not None else []
        options += ["--account", settings.account] if account is not None else []
    if toolsets is not None:
        check_toolsets(toolsets)
        options += ["--toolsets", toolsets]
    return options + (["--scope", scope] if scope is not None else [])


def _tell_about(launch: Launch) -> None:
    """What could surprise the owner, on standard error."""
    if Path(launch.command).stem == "uvx":
        click.echo(
            f"This was run by uvx, whose environments pass: the entry starts {NAME} by uvx, "
            "which looks for it on the network now and then.",
            err=True,
        )
    names = sorted(name for name in os.environ if name.upper().startswith("WHATSAPP_MCP_"))
    if names:
        click.echo(f"Hosts do not see the variables of this terminal: {', '.join(names)}.", err=True)


def _list() -> None:
    entries = list(look(here()))
    width = max(len(entry.host.name) for entry in entries)
    for entry in entries:
        state = _STATES[entry.state] + (f": {entry.reason}" if entry.reason else "")
        named = f" as {entry.name}" if entry.name not in ("", "whatsapp") else ""
        click.echo(escaped(f"{entry.host.name:<{width}}  {state}{named}"))
        if entry.path is not None and entry.state != "absent":
            click.echo(escaped(f"{'':<{width}}  {entry.path}"))

"""`whatsapp-mcp install`: this server in the configuration of an MCP host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from whatsapp_mcp.cli.asking import confirm
from whatsapp_mcp.cli.options import json_option, place_options, settings_of
from whatsapp_mcp.cli.saying import done, print_json, say
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.offline.hosts.entries import HostFileChange, alone, entered, taken_out
from whatsapp_mcp.offline.hosts.found import HostEntry, look
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
@json_option
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
    as_json: bool,
) -> None:
    """Enter this server in the configuration of an MCP host; without one, list hosts with whether they have it.

    HOST is claude-desktop, claude-code, cursor, vscode, windsurf, zed, codex, gemini, goose or librechat.

    The difference is shown before it is written. The rest of the file stays as it is, with its comments, and what the
    file held before is kept beside it.
    """
    if host is None:
        _list(as_json=as_json)
        return
    chosen = _host(host)
    options = _options(data_dir, account, toolsets, scope)
    launch = this_installation(options)
    entry = name or (f"whatsapp-{account}" if account not in (None, "default") else "whatsapp")
    path = file.expanduser().absolute() if file is not None else chosen.file(here())
    if path is None:
        if only_print and not remove:
            _show_alone(chosen, alone(chosen, entry, launch), as_json=as_json)
            return
        raise InvalidArgument(
            f"{chosen.title} has no place of its own for its configuration", next_step="Name it with --file."
        )
    change = taken_out(chosen, path, entry) if remove else entered(chosen, path, entry, launch)
    if not remove:
        _tell_about(launch)
    _carry_out(chosen, change, only_print=only_print, yes=yes, as_json=as_json)


def _show_alone(host: Host, text: str, *, as_json: bool) -> None:
    if as_json:
        done("To be entered by hand.", {"host": host.name, "file": None, "entry": text}, as_json=True)
    else:
        click.echo(text, nl=False)


def _host(name: str) -> Host:
    if name not in HOSTS:
        raise InvalidArgument(f"there is no host {name!r} here", next_step=f"Name one of these: {', '.join(HOSTS)}.")
    return HOSTS[name]


def _carry_out(host: Host, change: HostFileChange, *, only_print: bool, yes: bool, as_json: bool) -> None:
    from whatsapp_mcp.clock import local, now
    from whatsapp_mcp.offline.hosts.writing import write

    results: dict[str, Any] = {"host": host.name, "file": str(change.path), "changed": False, "kept": None}
    if change.is_none:
        done(f"{change.path} has this entry already.", results, as_json=as_json)
        return
    difference = change.difference()
    if not as_json or not (only_print or yes):  # who is asked sees what about
        for line in difference.splitlines():
            click.echo(escaped(line), err=as_json)
    if only_print:
        if as_json:
            done("Nothing was changed.", results | {"difference": difference}, as_json=True)
        return
    if not yes:
        confirm("Write it?")
    kept = write(change, local(now()))
    said = f"{change.path} is written." + (f" What it was is in {kept.name} beside it." if kept else "")
    results |= {"changed": True, "kept": str(kept) if kept else None, "difference": difference}
    done(f"{said} {host.after}", results, as_json=as_json)


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
        say(
            f"This was run by uvx, whose environments pass: the entry starts {NAME} by uvx, "
            "which looks for it on the network now and then.",
            err=True,
        )
    names = sorted(name for name in os.environ if name.upper().startswith("WHATSAPP_MCP_"))
    if names:
        say(f"Hosts do not see the variables of this terminal: {', '.join(names)}.", err=True)


def _list(*, as_json: bool) -> None:
    entries = list(look(here()))
    if as_json:
        print_json([_entry_json(entry) for entry in entries])
        return
    width = max(len(entry.host.name) for entry in entries)
    for entry in entries:
        state = _STATES[entry.state] + (f": {entry.reason}" if entry.reason else "")
        named = f" as {entry.name}" if entry.name not in ("", "whatsapp") else ""
        say(f"{entry.host.name:<{width}}  {state}{named}")
        if entry.path is not None and entry.state != "absent":
            click.echo(escaped(f"{'':<{width}}  {entry.path}"))


def _entry_json(entry: HostEntry) -> dict[str, str | None]:
    return {
        "host": entry.host.name,
        "state": entry.state,
        "reason": entry.reason or None,
        "entry": entry.name or None,
        "file": str(entry.path) if entry.path is not None else None,
    }

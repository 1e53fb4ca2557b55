"""Checks of the MCP hosts of this user: that the entries of this server start one that is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.offline.diagnosis.checks import Check, ok, problem, warning
from whatsapp_mcp.offline.hosts.found import HostEntry, look
from whatsapp_mcp.platform.user_folders import here


def check_hosts() -> Iterator[Check]:
    try:
        entries = tuple(look(here()))
    except (RuntimeError, SetupError):  # a user without a home; uvx without uvx
        yield ok("hosts", "not looked at: it is not known where their files are")
        return
    yield from of_entries(entries)


def of_entries(entries: Iterable[HostEntry]) -> Iterator[Check]:
    """What is to be said of these entries."""
    right: list[str] = []
    wrong: list[Check] = []
    for entry in entries:
        again = f"`whatsapp-mcp install {entry.host.name}{_named(entry)}`"
        where = f"{entry.host.title} ({entry.path})"
        match entry.state:
            case "entered":
                right.append(entry.host.title)
            case "gone":
                wrong.append(
                    problem("hosts", f"{where} starts {entry.command}, which is not there", f"{again} corrects it.")
                )
            case "elsewhere":
                wrong.append(
                    warning(
                        "hosts",
                        f"{where} starts another installation: {entry.command}",
                        f"Nothing, if that is meant; {again} enters this one.",
                    )
                )
            case "unreadable":
                wrong.append(
                    warning("hosts", f"{where} cannot be read: {entry.reason}", "Correct the file with an editor.")
                )
            case "absent":
                pass
    if right or not wrong:
        yield ok("hosts", f"entered in {', '.join(dict.fromkeys(right))}" if right else "entered in none")
    yield from wrong


def _named(entry: HostEntry) -> str:
    return f" --name {entry.name}" if entry.name not in ("", "whatsapp") else ""

"""Which hosts have this server, and whether they would start one that is there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from whatsapp_mcp.offline.hosts.entries import launch_of, servers
from whatsapp_mcp.offline.hosts.known import HOSTS, Host
from whatsapp_mcp.offline.hosts.launch import this_installation
from whatsapp_mcp.offline.hosts.refusal import CannotChange
from whatsapp_mcp.platform.user_folders import UserFolders

State = Literal["entered", "elsewhere", "gone", "unreadable", "absent"]


@dataclass(frozen=True, slots=True)
class HostEntry:
    """An entry of this server in a host, or that there is none."""

    host: Host
    path: Path | None
    state: State
    name: str = ""
    command: str = ""
    reason: str = ""
    """Why the file cannot be read."""


def look(folders: UserFolders, *, own: str | None = None) -> Iterator[HostEntry]:
    """What the hosts of this user have, one for each entry, and one for each host without any.

    Args:
        folders: where their files are.
        own: the command of this installation; None: it is found out.
    """
    command = this_installation(()).command if own is None else own
    for host in HOSTS.values():
        yield from _look(host, host.file(folders), command)


def _look(host: Host, path: Path | None, own: str) -> Iterator[HostEntry]:
    if path is None or not path.is_file():
        yield HostEntry(host, path, "absent")
        return
    try:
        found = servers(host, path.read_text(encoding="utf-8"))
    except CannotChange as error:
        yield HostEntry(host, path, "unreadable", reason=error.reason)
        return
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
        yield HostEntry(host, path, "unreadable", reason=reason or "")
        return
    ours = {name: launch for name, entry in found.items() if (launch := launch_of(host, entry)) is not None}
    if not ours:
        yield HostEntry(host, path, "absent")
    for name, launch in ours.items():
        yield HostEntry(host, path, _state(launch.command, own), name, launch.command)


def _state(command: str, own: str) -> State:
    path = Path(command)
    if path.is_absolute() and not path.is_file():
        return "gone"
    same = path == Path(own) or (path.exists() and Path(own).exists() and path.samefile(own))
    return "entered" if same else "elsewhere"

"""The entry of this server in a host's configuration: read, entered, taken out, and that nothing else changes."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from whatsapp_mcp.errors import NotFound, SetupError
from whatsapp_mcp.offline.hosts import json_text, toml_text, yaml_text
from whatsapp_mcp.offline.hosts.known import Form, Host, Launch
from whatsapp_mcp.offline.hosts.launch import is_ours
from whatsapp_mcp.offline.hosts.refusal import CannotChange

_TEXTS: Final[Mapping[Form, ModuleType]] = {"json": json_text, "toml": toml_text, "yaml": yaml_text}


@dataclass(frozen=True, slots=True)
class HostFileChange:
    """What a file is to become."""

    path: Path
    before: bytes | None
    """What it holds; None: it is not there."""
    after: bytes

    @property
    def is_none(self) -> bool:
        return self.before == self.after

    def difference(self) -> str:
        """As a unified diff."""
        old, new = ((content or b"").decode().splitlines(keepends=True) for content in (self.before, self.after))
        named = str(self.path)
        lines = difflib.unified_diff(old, new, named if self.before is not None else "(no file)", named)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def values(host: Host, text: str) -> dict[str, Any]:
    """All that the configuration says.

    Raises:
        CannotChange: it is not of its form.
    """
    if not text.strip("\ufeff \t\r\n"):
        return {}
    found = json_text.value_of(text) if host.form == "json" else _TEXTS[host.form].read(text)
    if not isinstance(found, dict):
        raise CannotChange("line 1: a table is expected")
    return found


def servers(host: Host, text: str) -> dict[str, dict[str, Any]]:
    """The entries of all servers, by name.

    Raises:
        CannotChange: it is not of its form.
    """
    table = values(host, text).get(host.table)
    entries = table.items() if isinstance(table, dict) else ()
    return {str(name): entry for name, entry in entries if isinstance(entry, dict)}


def launch_of(host: Host, entry: Mapping[str, Any]) -> Launch | None:
    """How an entry starts its server; None when it does not start a program, or starts another than this one."""
    said: Mapping[str, Any] = {"path": entry.get(host.command_key), "args": entry.get("args", [])}
    if isinstance(said["path"], dict):  # Zed of 2025: {"path": …, "args": […]}
        said = said["path"]
    command, arguments = said.get("path"), said.get("args", [])
    if not isinstance(command, str) or not isinstance(arguments, list):
        return None
    launch = Launch(command, tuple(map(str, arguments)))
    return launch if is_ours(launch.command, launch.arguments) else None


def entered(host: Host, path: Path, name: str, launch: Launch) -> HostFileChange:
    """The file with this entry; what its owner added to it (``env``, say) stays.

    Raises:
        SetupError: another server has the name, or the file cannot be read or changed.
    """
    text, before = _content(path)
    with_reason = _Explained(host, path, name, launch)
    with with_reason:
        old = servers(host, text).get(name)
    if old is not None and launch_of(host, old) is None:
        raise SetupError(
            f"{path} has a server {name!r} that is another program",
            next_step="Choose another name for this one with --name.",
        )
    entry = {**(old or {}), **host.entry(launch, name)}
    if old is not None and "enabled" in old:
        entry["enabled"] = old["enabled"]  # it was switched off on purpose
    with with_reason:
        after = _TEXTS[host.form].with_entry(text, host.table, name, entry) if entry != old else text
        wanted = values(host, text)
        wanted[host.table] = {**(wanted.get(host.table) or {}), name: entry}
        _prove(host, text, after, wanted)
    return HostFileChange(path, before, after.encode())


def taken_out(host: Host, path: Path, name: str) -> HostFileChange:
    """The file without this entry.

    Raises:
        NotFound: there is none.
        SetupError: the entry is another program's, or the file cannot be read or changed.
    """
    text, before = _content(path)
    with_reason = _Explained(host, path, name, None)
    with with_reason:
        old = servers(host, text).get(name)
    if old is None:
        raise NotFound(
            f"{path} has no server {name!r}",
            next_step="`whatsapp-mcp install` lists the entries that there are; name one with --name.",
        )
    if launch_of(host, old) is None:
        raise SetupError(f"the server {name!r} in {path} is another program", next_step="Name the entry with --name.")
    with with_reason:
        after = _TEXTS[host.form].without_entry(text, host.table, name)
        wanted = values(host, text)
        del wanted[host.table][name]
        _prove(host, text, after, wanted)
    return HostFileChange(path, before, after.encode())


def alone(host: Host, name: str, launch: Launch) -> str:
    """A configuration with this entry and nothing else, to be copied by hand."""
    return str(_TEXTS[host.form].with_entry("", host.table, name, host.entry(launch, name)))


def _content(path: Path) -> tuple[str, bytes | None]:
    try:
        before = path.read_bytes()
    except FileNotFoundError:
        return "", None
    except OSError as error:
        raise SetupError(
            f"{path} cannot be read: {error.strerror}", next_step="Run this as the user whose file it is."
        ) from error
    try:
        return before.decode(), before
    except UnicodeDecodeError as error:
        raise SetupError(f"{path} is not in UTF-8", next_step="Save it in UTF-8 with an editor.") from error


def _prove(host: Host, before: str, after: str, wanted: Mapping[str, Any]) -> None:
    """Raises CannotChange unless the new text says what is wanted and keeps all comments."""
    found = dict(values(host, after))
    wanted = dict(wanted)
    for said in (found, wanted):
        if not said.get(host.table):
            said.pop(host.table, None)  # an empty table and none are the same to a host
    if found != wanted:
        raise CannotChange("changing it would change more than this entry")
    if host.form == "json" and _left_out(json_text.comments(before), json_text.comments(after)):
        raise CannotChange("changing it would take comments away")


def _left_out(before: list[str], after: list[str]) -> bool:
    """Whether one of the comments is not there any more, or in another order."""
    left = iter(after)
    return not all(comment in left for comment in before)


class _Explained:
    """A refusal as an error that says what to enter by hand."""

    def __init__(self, host: Host, path: Path, name: str, launch: Launch | None) -> None:
        self._host, self._path, self._name, self._launch = host, path, name, launch

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, CannotChange):
            return
        by_hand = f"Take the entry {self._name!r} out by hand."
        if self._launch is not None:
            by_hand = f"Correct it, or enter this by hand:\n{alone(self._host, self._name, self._launch)}"
        raise SetupError(f"{self._path}, {error.reason}", next_step=by_hand) from error

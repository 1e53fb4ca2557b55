"""The MCP hosts, as each documents itself: where its file is, where servers stand in it, what an entry looks like."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from whatsapp_mcp.platform.user_folders import OperatingSystem, UserFolders

Form = Literal["json", "toml", "yaml"]


@dataclass(frozen=True, slots=True)
class Launch:
    """How a host starts the server."""

    command: str
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Host:
    name: str
    """As it is typed after `whatsapp-mcp install`."""
    title: str
    form: Form
    table: str
    """Name of the table of servers, at the top of the file."""
    files: Callable[[UserFolders], tuple[Path, ...]]
    """Where the file may be, the likeliest first; empty: the host has no place of its own for it."""
    after: str
    """What to do so that the host reads it."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """What an entry has beside command and arguments."""
    command_key: str = "command"

    def entry(self, launch: Launch, name: str) -> dict[str, Any]:
        """What this server's entry has to say. Goose repeats the name in it."""
        named = {"name": name} if self.name == "goose" else {}
        return named | dict(self.fixed) | {self.command_key: launch.command, "args": list(launch.arguments)}

    def file(self, folders: UserFolders) -> Path | None:
        """The file that the host reads: the first that is there, then the first whose folder is, then the likeliest."""
        files = self.files(folders)
        there = [path for path in files if path.is_file()] or [path for path in files if path.parent.is_dir()]
        return next(iter([*there, *files]), None)


def _claude_desktop(folders: UserFolders) -> tuple[Path, ...]:
    name = "claude_desktop_config.json"
    usual = folders.programs / "Claude" / name
    if folders.system is not OperatingSystem.WINDOWS:
        return (usual,)
    # It is a packaged app there, and Windows gives those folders of their own; see docs/hosts.md.
    own = [folder / name for folder in sorted((folders.local / "Claude-Data").glob("claude_*"))]
    packaged = folders.local / "Packages" / "Claude_pzs8sxrjxfjjc" / "LocalCache" / "Roaming" / "Claude" / name
    return (*own, packaged, usual)


def _claude_code(folders: UserFolders) -> tuple[Path, ...]:
    return ((folders.named("CLAUDE_CONFIG_DIR") or folders.home) / ".claude.json",)


def _zed(folders: UserFolders) -> tuple[Path, ...]:
    if folders.system is OperatingSystem.WINDOWS:
        return (folders.programs / "Zed" / "settings.json",)
    base = folders.home / ".config" if folders.system is OperatingSystem.MACOS else folders.dot_config
    return (base / "zed" / "settings.json",)


def _codex(folders: UserFolders) -> tuple[Path, ...]:
    return ((folders.named("CODEX_HOME") or folders.home / ".codex") / "config.toml",)


def _goose(folders: UserFolders) -> tuple[Path, ...]:
    if folders.system is OperatingSystem.WINDOWS:
        return (folders.programs / "Block" / "goose" / "config" / "config.yaml",)
    return (folders.dot_config / "goose" / "config.yaml",)


def _librechat(folders: UserFolders) -> tuple[Path, ...]:
    named = folders.named("CONFIG_PATH")
    return (named,) if named is not None and named.suffix in (".yaml", ".yml") else ()


_STDIO: Final[Mapping[str, Any]] = {"type": "stdio"}
_GOOSE: Final[Mapping[str, Any]] = {
    "type": "stdio",
    "enabled": True,
    "description": "A WhatsApp account as tools",
    "envs": {},
    "timeout": 300,
}

HOSTS: Final[Mapping[str, Host]] = {
    host.name: host
    for host in (
        Host(
            "claude-desktop",
            "Claude Desktop",
            form="json",
            table="mcpServers",
            files=_claude_desktop,
            after="Quit Claude Desktop altogether and start it again.",
        ),
        Host(
            "claude-code",
            "Claude Code",
            form="json",
            table="mcpServers",
            files=_claude_code,
            fixed=_STDIO,
            after="Start Claude Code again; /mcp shows the server.",
        ),
        Host(
            "cursor",
            "Cursor",
            form="json",
            table="mcpServers",
            files=lambda at: (at.home / ".cursor" / "mcp.json",),
            after="Switch the server on in Cursor's settings, under MCP.",
        ),
        Host(
            "vscode",
            "VS Code",
            form="json",
            table="servers",
            files=lambda at: (at.programs / "Code" / "User" / "mcp.json",),
            fixed=_STDIO,
            after="Run the command MCP: List Servers in VS Code and start it.",
        ),
        Host(
            "windsurf",
            "Windsurf",
            form="json",
            table="mcpServers",
            files=lambda at: (at.home / ".codeium" / "windsurf" / "mcp_config.json",),
            after="Refresh the servers in Windsurf's settings.",
        ),
        Host(
            "zed",
            "Zed",
            form="json",
            table="context_servers",
            files=_zed,
            after="Zed reads it at once; the settings of its agent panel show the server.",
        ),
        Host(
            "codex",
            "Codex",
            form="toml",
            table="mcp_servers",
            files=_codex,
            after="Start Codex again.",
        ),
        Host(
            "gemini",
            "Gemini CLI",
            form="json",
            table="mcpServers",
            files=lambda at: (at.home / ".gemini" / "settings.json",),
            after="Start Gemini CLI again; /mcp shows the server.",
        ),
        Host(
            "goose",
            "Goose",
            form="yaml",
            table="extensions",
            files=_goose,
            fixed=_GOOSE,
            command_key="cmd",
            after="Start a new session in Goose.",
        ),
        Host(
            "librechat",
            "LibreChat",
            form="yaml",
            table="mcpServers",
            files=_librechat,
            fixed=_STDIO,
            after="Restart LibreChat. In a container it cannot start this command: use `whatsapp-mcp serve` there.",
        ),
    )
}
"""By name, in the order in which they are listed."""

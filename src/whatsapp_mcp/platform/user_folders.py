"""Where the programs of a user keep their configuration. The same text everywhere: it tells of all three systems, and
only :func:`here` asks which one this is, so the rules can be tested anywhere.

Sources: XDG Base Directory Specification; Apple, "File System Programming Guide"; learn.microsoft.com, "Known folders".
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class OperatingSystem(StrEnum):
    LINUX = "linux"
    MACOS = "macos"
    WINDOWS = "windows"


@dataclass(frozen=True, slots=True)
class UserFolders:
    system: OperatingSystem
    home: Path
    variables: Mapping[str, str]
    """The environment: some of it moves folders."""

    @property
    def programs(self) -> Path:
        """Of programs that keep to their system: ``~/.config``, ``Application Support``, ``%APPDATA%``."""
        match self.system:
            case OperatingSystem.WINDOWS:
                return self.named("APPDATA") or self.home / "AppData" / "Roaming"
            case OperatingSystem.MACOS:
                return self.home / "Library" / "Application Support"
            case OperatingSystem.LINUX:
                return self.dot_config

    @property
    def dot_config(self) -> Path:
        """Of programs that came from Linux, also on macOS."""
        return self.named("XDG_CONFIG_HOME") or self.home / ".config"

    @property
    def local(self) -> Path:
        """Windows alone: what belongs to this machine, packaged apps among it."""
        return self.named("LOCALAPPDATA") or self.home / "AppData" / "Local"

    def named(self, variable: str) -> Path | None:
        """The folder that a variable names; None when it names none."""
        value = self.variables.get(variable, "")
        return Path(value) if value else None


def here() -> UserFolders:
    """Of the user who runs this.

    Raises:
        RuntimeError: the system does not say where the home is.
    """
    system = {"win32": OperatingSystem.WINDOWS, "darwin": OperatingSystem.MACOS}.get(
        sys.platform, OperatingSystem.LINUX
    )
    return UserFolders(system, Path.home(), os.environ)

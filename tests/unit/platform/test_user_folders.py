"""Where programs keep their configuration, on all three systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatsapp_mcp.platform.user_folders import OperatingSystem, UserFolders, here

HOME = Path("/home/ana")


@pytest.mark.parametrize(
    ("system", "variables", "programs", "dot_config"),
    [
        (OperatingSystem.LINUX, {}, HOME / ".config", HOME / ".config"),
        (OperatingSystem.LINUX, {"XDG_CONFIG_HOME": "/c"}, Path("/c"), Path("/c")),
        (OperatingSystem.MACOS, {}, HOME / "Library" / "Application Support", HOME / ".config"),
        (OperatingSystem.WINDOWS, {"APPDATA": "/roaming"}, Path("/roaming"), HOME / ".config"),
        (OperatingSystem.WINDOWS, {}, HOME / "AppData" / "Roaming", HOME / ".config"),
    ],
)
def test_folders(system: OperatingSystem, variables: dict[str, str], programs: Path, dot_config: Path) -> None:
    folders = UserFolders(system, HOME, variables)
    assert (folders.programs, folders.dot_config) == (programs, dot_config)


def test_here_is_one_of_them() -> None:
    folders = here()
    assert folders.home == Path.home()
    assert folders.programs.is_absolute()

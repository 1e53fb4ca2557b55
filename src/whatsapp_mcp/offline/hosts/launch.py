"""How this installation is started by a host: hosts have another folder and another PATH, so by an absolute command."""

from __future__ import annotations

import json
import shutil
import sys
import sysconfig
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.extras import MEDIA
from whatsapp_mcp.offline.hosts.known import Launch
from whatsapp_mcp.offline.installer import NAME, find_installer

COMMAND: Final = "whatsapp-mcp"


def this_installation(options: Sequence[str], *, prefix: Path | None = None) -> Launch:
    """The command that serves over stdio with these options.

    Args:
        options: of `whatsapp-mcp stdio`.
        prefix: the environment; None: this one.

    Raises:
        SetupError: it runs in uvx's cache, which is emptied now and then, and uvx is not to be found.
    """
    if find_installer(prefix).name == "uvx":
        found = shutil.which("uvx")
        if found is None:
            raise SetupError(
                "this runs from the cache of uv, which may be emptied, and uvx is not on the PATH",
                next_step=f"Install it for good: uv tool install {NAME}",
            )
        return Launch(str(Path(found).absolute()), (*_what_uvx_runs(), "stdio", *options))
    script = _script(prefix)
    if script is not None:
        return Launch(str(script), ("stdio", *options))
    return Launch(sys.executable, ("-m", "whatsapp_mcp", "stdio", *options))


def is_ours(command: str, arguments: Sequence[str]) -> bool:
    """Whether an entry starts this program, of whatever installation."""
    # By either separator: the configuration may be that of another system.
    stem = command.replace("\\", "/").rpartition("/")[2].removesuffix(".exe")
    named = any(one == "whatsapp_mcp" or one.startswith(NAME) for one in arguments)
    return stem in (COMMAND, NAME) or named or (stem == "uvx" and COMMAND in arguments)


def check_toolsets(toolsets: str) -> None:
    """Raises SelectionError: there are no such toolsets or tools."""
    from whatsapp_mcp.catalog import load_catalog, select

    select(load_catalog(), toolsets)


def _script(prefix: Path | None) -> Path | None:
    """The command beside this Python. Not resolved: what a link in an environment leads to is outside of it."""
    folders = [Path(sysconfig.get_path("scripts")) if prefix is None else prefix / "bin"]
    started = Path(sys.argv[0])
    if prefix is None and started.stem in (COMMAND, NAME) and started.is_absolute():
        folders.append(started.parent)  # of `pip install --user`
    names = (COMMAND, f"{COMMAND}.exe")
    return next((path for folder in folders for name in names if (path := folder / name).is_file()), None)


def _what_uvx_runs() -> tuple[str, ...]:
    """The name on the index, or the file that was named instead (PEP 610), with the extra that is here."""
    try:
        told = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        told = {}
    name = f"{NAME}[{MEDIA.name}]" if MEDIA.installed else NAME
    url = told.get("url", "") if isinstance(told, dict) else ""
    return ("--from", f"{name} @ {url}", COMMAND) if url else ("--from", name, COMMAND)

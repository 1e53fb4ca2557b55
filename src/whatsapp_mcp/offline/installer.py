"""Which program installed this copy, and so which command changes it.

neonize is always named together with whatsapp-web-mcp, or taken along by it: alone it would leave the range that a
release was tested with, and pip would say so and do it.
"""

from __future__ import annotations

import json
import sys
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

NAME: Final = "whatsapp-web-mcp"


@dataclass(frozen=True, slots=True)
class Installer:
    """Commands as they are typed in a shell: double quotes mean the same in all of them."""

    name: str
    upgrade: str
    """Brings the newest whatsapp-web-mcp, and the newest neonize that it was tested with."""
    reinstall: str
    """Makes whole what is damaged or of a wrong version."""
    with_extra: str
    """Has ``{}`` where the name of the extra belongs."""

    def add(self, extra: str) -> str:
        return self.with_extra.format(extra)


def find_installer(
    prefix: Path | None = None,
    *,
    recorded: str | None = None,
    editable: Path | None = None,
    managed: bool = False,
) -> Installer:
    """Go by what the installers leave: pipx and uv mark their environments, and all write who they are.

    Args:
        prefix: the environment; None: this one, and the rest is found out too.
        recorded: ``INSTALLER`` of the distribution: ``pip`` or ``uv``.
        editable: the folder of the source, of an editable installation.
        managed: whether the environment is the system's own and closed to pip (``EXTERNALLY-MANAGED``).
    """
    if prefix is None:
        prefix, recorded, editable, managed = Path(sys.prefix), _recorded(), _editable(), _externally_managed()
    if (prefix / "pipx_metadata.json").is_file():
        return _PIPX
    if (prefix / "uv-receipt.toml").is_file():
        return _UV_TOOL
    if prefix.parent.name.startswith(("archive-v", "environments-v")):  # below uv's cache
        return _UVX
    if managed:
        return _SYSTEM
    if editable is not None:
        return _clone(prefix, editable)
    return _uv(prefix) if recorded == "uv" else _pip(prefix)


_PIPX: Final = Installer(
    "pipx",
    upgrade=f"pipx reinstall {NAME}",  # `pipx upgrade` leaves neonize as it is
    reinstall=f"pipx reinstall {NAME}",
    with_extra=f'pipx install --force "{NAME}[{{}}]"',
)
_UV_TOOL: Final = Installer(
    "uv tool",
    upgrade=f"uv tool upgrade {NAME}",
    reinstall=f"uv tool upgrade --reinstall {NAME}",
    with_extra=f'uv tool install "{NAME}[{{}}]"',
)
_UVX: Final = Installer(
    "uvx",
    upgrade=f"uvx --refresh {NAME} upgrade-check",
    reinstall=f"uvx --refresh {NAME} doctor",
    with_extra=f'write "{NAME}[{{}}]" instead of {NAME} after uvx, also in the configuration of the MCP hosts',
)
_SYSTEM: Final = Installer(
    "the system's Python",
    upgrade=f"this Python belongs to the system, and pip may not change it: pipx install {NAME}",
    reinstall=f"this Python belongs to the system, and pip may not change it: pipx install {NAME}",
    with_extra=f'this Python belongs to the system, and pip may not change it: pipx install "{NAME}[{{}}]"',
)


def _python(prefix: Path) -> str:
    """The Python of an environment, quoted where its path needs it."""
    found = str(prefix / "Scripts" / "python.exe" if (prefix / "Scripts").is_dir() else prefix / "bin" / "python")
    return f'"{found}"' if " " in found else found


def _pip(prefix: Path) -> Installer:
    pip = f"{_python(prefix)} -m pip install"
    return Installer(
        "pip",
        upgrade=f"{pip} --upgrade {NAME} neonize",
        reinstall=f"{pip} --force-reinstall {NAME}",
        with_extra=f'{pip} "{NAME}[{{}}]"',
    )


def _uv(prefix: Path) -> Installer:
    uv = f"uv pip install --python {_python(prefix)}"
    return Installer(
        "uv",
        upgrade=f"{uv} --upgrade {NAME} neonize",
        reinstall=f"{uv} --reinstall {NAME}",
        with_extra=f'{uv} "{NAME}[{{}}]"',
    )


def _clone(prefix: Path, source: Path) -> Installer:
    pip = f"{_python(prefix)} -m pip install"
    return Installer(
        "pip, from a clone",
        upgrade=f'git pull in {source}, then {pip} --upgrade --editable "{source}" neonize',
        reinstall=f'{pip} --force-reinstall --editable "{source}"',
        with_extra=f'{pip} --editable "{source}[{{}}]"',
    )


def _recorded() -> str | None:
    try:
        return (metadata.distribution(NAME).read_text("INSTALLER") or "").strip() or None
    except metadata.PackageNotFoundError:
        return None


def _editable() -> Path | None:
    """PEP 610: ``direct_url.json`` of what was installed from a folder."""
    try:
        told = json.loads(metadata.distribution(NAME).read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return None
    if not told.get("dir_info", {}).get("editable"):
        return None
    from urllib.parse import urlparse
    from urllib.request import url2pathname

    return Path(url2pathname(urlparse(told["url"]).path))


def _externally_managed() -> bool:
    """PEP 668, for a Python that is in no environment of its own."""
    return sys.prefix == sys.base_prefix and (Path(sysconfig.get_path("stdlib")) / "EXTERNALLY-MANAGED").is_file()

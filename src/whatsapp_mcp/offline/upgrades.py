"""Whether there is something newer to install: ``whatsapp-mcp upgrade-check``. It asks an index and changes nothing.

WhatsApp refuses old clients (error 405), and only a newer neonize helps. How that is installed depends on who installed
this copy.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from importlib import metadata
from typing import Any, Final

import httpx2
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.tags import sys_tags
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename
from packaging.version import Version
from pydantic import BaseModel, ConfigDict

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.offline.diagnosis.installation import NEONIZE_TESTED
from whatsapp_mcp.offline.installer import NAME, find_installer

INDEX: Final = "https://pypi.org/simple"
_FORM: Final = "application/vnd.pypi.simple.v1+json"
"""PEP 691."""
_SECONDS: Final = 15.0
_MOST_BYTES: Final = 16 * 1024 * 1024
_TESTED_FROM: Final = Version(NEONIZE_TESTED[0])
_TESTED: Final = SpecifierSet(f">={NEONIZE_TESTED[0]},<{NEONIZE_TESTED[1]}")


class PackageVersions(BaseModel):
    """One package here and on the index."""

    model_config = ConfigDict(frozen=True)

    name: str
    installed: str | None
    newest: str | None
    """That this machine can install and this release works with; None: the index has none."""
    untested: str | None = None
    """A still newer one that this release was not tested with."""

    @property
    def behind(self) -> bool:
        return self.newest is not None and (self.installed is None or Version(self.newest) > Version(self.installed))


class Upgrades(BaseModel):
    model_config = ConfigDict(frozen=True)

    index: str
    packages: tuple[PackageVersions, ...]
    installer: str
    command: str
    """What brings the newest of all."""

    @property
    def available(self) -> bool:
        return any(one.behind for one in self.packages)


def look_for_upgrades(index: str) -> Upgrades:
    """Ask the index.

    Args:
        index: base address of a simple repository, as pip's ``--index-url``.

    Raises:
        WhatsAppMcpError: it does not answer, or not as an index does.
    """
    installer = find_installer()
    with httpx2.Client(timeout=_SECONDS, follow_redirects=True) as web:
        ours, theirs = (_versions(web, index, name) for name in (NAME, "neonize"))
    return Upgrades(
        index=index,
        packages=(_standing(NAME, ours, SpecifierSet()), _standing("neonize", theirs, _TESTED)),
        installer=installer.name,
        command=installer.upgrade,
    )


def _standing(name: str, versions: Iterable[Version], tested: SpecifierSet) -> PackageVersions:
    versions = sorted(versions)
    fitting = [version for version in versions if version in tested]
    beyond = versions[-1] if versions and versions[-1] not in fitting and versions[-1] > _TESTED_FROM else None
    return PackageVersions(
        name=name,
        installed=_installed(name),
        newest=str(fitting[-1]) if fitting else None,
        untested=str(beyond) if beyond else None,
    )


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _versions(web: httpx2.Client, index: str, name: str) -> set[Version]:
    """Final releases with a file for this machine; empty when the index does not know the name."""
    address = f"{index.rstrip('/')}/{name}/"
    try:
        answer = web.get(address, headers={"Accept": _FORM})
        if answer.status_code == httpx2.codes.NOT_FOUND:
            return set()
        answer.raise_for_status()
        files = answer.json()["files"] if len(answer.content) <= _MOST_BYTES else None
        if not isinstance(files, list):
            raise ValueError("no list of files")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, KeyError, TypeError) as error:
        raise WhatsAppMcpError(
            f"the index {index} does not tell which versions of {name} there are ({type(error).__name__})",
            next_step="Check the internet connection, or name another index that speaks JSON (PEP 691) with --index.",
        ) from error
    suitable = set(sys_tags())
    found = (_version(file, suitable) for file in files if isinstance(file, dict))
    return {version for version in found if version is not None and not version.is_prerelease}


def _version(file: dict[str, Any], suitable: set[Any]) -> Version | None:
    """The version of a file that can be installed here."""
    name, python = str(file.get("filename", "")), file.get("requires-python")
    try:
        if file.get("yanked") or (python and platform.python_version() not in SpecifierSet(str(python))):
            return None
        if name.endswith(".whl"):
            _, version, _, tags = parse_wheel_filename(name)
            return version if tags & suitable else None
        return parse_sdist_filename(name)[1]
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidSpecifier):
        return None


def upgrades_text(upgrades: Upgrades) -> str:
    lines = [line for one in upgrades.packages for line in _lines(one)]
    if upgrades.available:
        lines += ["", f"Installed by {upgrades.installer}; what brings the newest:", f"  {upgrades.command}"]
        lines.append("Then restart the MCP hosts.")
    return "\n".join(lines)


def _lines(one: PackageVersions) -> list[str]:
    here = one.installed or "not installed"
    if one.newest is None:
        lines = [f"{one.name} {here}: the index has none that this machine can install"]
    elif one.behind:
        lines = [f"{one.name} {here}: {one.newest} is there"]
    else:
        lines = [f"{one.name} {here}: nothing newer"]
    if one.untested:
        lines.append(
            f"{one.name} {one.untested} is there too; this release was not tested with it. If WhatsApp refuses "
            f"everything older (405), look for a newer {NAME}."
        )
    return lines

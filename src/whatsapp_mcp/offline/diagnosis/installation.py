"""Checks of what is installed: Python, neonize and its library, the MCP SDK, the clock."""

from __future__ import annotations

import ctypes.util
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.version import Version

from whatsapp_mcp.extras import Extra
from whatsapp_mcp.offline.diagnosis.checks import Check, ok, problem, warning
from whatsapp_mcp.offline.installer import find_installer
from whatsapp_mcp.platform import mach_o
from whatsapp_mcp.platform.system import UNTRIED
from whatsapp_mcp.wire import native

PYTHON_NEEDED: Final = (3, 11)
NEONIZE_TESTED: Final = ("0.5.2", "0.6")
"""First version that this release is tested with, and the first that it is not; pyproject.toml says the same."""
MCP_TESTED: Final = ("2.3", "2.4")

_LIBRARY_AGES_AFTER: Final = timedelta(days=90)
"""WhatsApp has refused whatsmeow's versions after about three months (June to September 2026)."""
_EARLIEST_NOW: Final = datetime(2026, 9, 21, tzinfo=UTC)
"""neonize 0.5.2 was built on this day, so a clock that says less is wrong."""

_LOADING_LIMIT: Final = 60.0
_END_LIMIT: Final = 5.0
"""Seconds, both: for an extra to be loaded, and for what was killed to end."""


def check_python() -> Check:
    found = platform.python_version()
    if sys.version_info < PYTHON_NEEDED:
        return problem("python", f"Python {found} is too old", "Install Python 3.11 or newer.")
    return ok("python", f"Python {found} ({sys.executable})")


def check_platform() -> Check:
    here = f"{platform.system()} {platform.machine()}"
    if UNTRIED is not None:
        return warning(
            "platform",
            f"{here}: not tested on {UNTRIED} itself, and the simulator works on Linux only",
            "For the demo, use Docker, or on Windows WSL. Tell us what does not work.",
        )
    return ok("platform", here)


def check_neonize(now: datetime) -> Iterator[Check]:
    """The wheel, its library, and how old the WhatsApp web version is that it announces."""
    version = native.installed_version()
    if version is None:
        yield problem("neonize", "neonize is not installed", find_installer().reinstall)
        return
    yield _check_version("neonize", version, NEONIZE_TESTED)
    yield _check_library(now)
    if (path := native.library_path()) is not None and path.is_file():
        yield from check_minimum_system(path, running=platform.mac_ver()[0])


def check_minimum_system(library: Path, *, running: str) -> Iterator[Check]:
    """macOS alone: whether the library is built for a newer one. neonize 0.5.2's say 26.0, although its wheels promise
    12.0 (LC_BUILD_VERSION of both dylibs).

    Args:
        running: the version of macOS, ``15.3.1``; empty elsewhere.
    """
    if not running:
        return
    with library.open("rb") as file:
        try:
            header = file.read(mach_o.HEADER_BYTES)
            needed = mach_o.read(header + file.read(mach_o.command_bytes(header))).minimum_system
        except ValueError as error:
            yield problem("macos", f"{library.name}: {error}", find_installer().reinstall)
            return
    if needed is not None and needed > (*(int(part) for part in running.split(".")), 0, 0):
        said = ".".join(str(number) for number in needed[:2])
        yield warning(
            "macos",
            f"{library.name} is built for macOS {said} or newer, whatever its wheel says; this is {running}",
            "If the session process does not start, upgrade macOS, or run the server in Docker.",
        )


def _check_library(now: datetime) -> Check:
    path = native.library_path()
    if path is None or not path.is_file():
        name = path.name if path else native.library_name()
        return problem(
            "whatsapp-web",
            f"neonize came without the library of this platform ({name})",
            find_installer().reinstall,
        )
    try:
        library = native.read_library(path)
    except (OSError, ValueError) as error:
        return problem("whatsapp-web", f"{path} cannot be read: {error}", find_installer().reinstall)
    if library.web_version is None or library.whatsmeow_date is None:
        return warning(
            "whatsapp-web",
            f"{path.name} does not tell which WhatsApp web version it announces",
            f"Nothing, if linking works. If WhatsApp answers 405: {find_installer().upgrade}",
        )
    said = f"announces WhatsApp web {library.web_version} (whatsmeow of {library.whatsmeow_date})"
    built = datetime.combine(library.whatsmeow_date, datetime.min.time(), UTC)
    if now - built > _LIBRARY_AGES_AFTER:
        return warning(
            "whatsapp-web",
            f"{said}: {(now - built).days} days old, and WhatsApp refuses old versions after some months",
            f"{find_installer().upgrade} (then restart the MCP hosts)",
        )
    return ok("whatsapp-web", said)


def check_libmagic() -> Check:
    if ctypes.util.find_library("magic"):
        return ok("libmagic", "installed (not needed)")
    return ok("libmagic", "not installed, and not needed: a stand-in satisfies neonize")


def check_mcp() -> Check:
    try:
        version = metadata.version("mcp")
    except metadata.PackageNotFoundError:
        return problem("mcp", "the MCP SDK is not installed", find_installer().reinstall)
    return _check_version("mcp", version, MCP_TESTED)


@cache
def check_extra(extra: Extra) -> Check:
    """Whether it can be loaded is tried, once, in a process of its own: it is large, and made of C."""
    if not extra.installed:
        return ok(extra.name, f"not installed: {extra.use} (if you want it: {find_installer().add(extra.name)})")
    code = f"import {extra.module}; print({extra.module}.__version__)"
    command, pipe = [sys.executable, "-c", code], subprocess.PIPE
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
    try:
        said, error = child.communicate(timeout=_LOADING_LIMIT)
        why = (error.strip().splitlines() or ["it ended without a word"])[-1]
    except subprocess.TimeoutExpired:
        # Its pipes are not read to their end, as subprocess.run() does: on Windows that has no limit.
        child.kill()
        with suppress(subprocess.TimeoutExpired):
            child.wait(_END_LIMIT)
        why = f"it takes more than {_LOADING_LIMIT:g} seconds"
    if child.returncode != 0:
        return problem(extra.name, f"{extra.module} cannot be loaded: {why}", find_installer().add(extra.name))
    return ok(extra.name, f"{extra.module} {said.strip()}")


def _check_version(name: str, version: str, tested: tuple[str, str]) -> Check:
    """One that is too old does not work; one that is newer than this release may, and can be the only one that WhatsApp
    still accepts."""
    first, beyond = tested
    if Version(version) < Version(first):
        return problem(
            name, f"{name} {version} is installed; {first} is the oldest that works", find_installer().upgrade
        )
    if Version(version) >= Version(beyond):
        return warning(
            name,
            f"{name} {version} is newer than what this release was tested with (below {beyond})",
            f"Nothing, if it works. If not, a newer whatsapp-web-mcp may: {find_installer().upgrade}",
        )
    return ok(name, f"{name} {version}")


def check_clock(now: datetime, newest_message: datetime | None) -> Check:
    """TLS and WhatsApp's certificates are judged by the clock, and messages are sorted by it."""
    text = f"{now:%Y-%m-%d %H:%M} UTC"
    if now < _EARLIEST_NOW:
        return problem("clock", f"{text} lies in the past: connections will fail", "Set the clock of this machine.")
    if newest_message is not None and newest_message - now > timedelta(days=1):
        return warning(
            "clock",
            f"{text}, and the newest stored message is of {newest_message:%Y-%m-%d %H:%M}",
            "Check the clock of this machine; it seems to be slow.",
        )
    return ok("clock", text)

"""What the installed neonize wheel is, found out without loading it: loading starts a Go runtime in this process.

neonize embeds whatsmeow, and whatsmeow announces the WhatsApp web version that its source names: three 32-bit numbers,
``waVersion`` in store/clientpayload.go. The library does not export it, but the numbers lie together in its data, and
the module version of whatsmeow lies in Go's build information.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import mmap
import platform
import re
import struct
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_SUFFIXES: Final = {"windows": "dll", "darwin": "dylib"}

_MAJOR, _MINOR = 2, 3000
_WEB_VERSION: Final = re.compile(re.escape(struct.pack("<II", _MAJOR, _MINOR)) + rb"(.{4})", re.DOTALL)
_BUILDS: Final = range(1_000_000_000, 2_000_000_000)
"""WhatsApp's build numbers have ten digits and have begun with 1 since 2023."""
_WHATSMEOW: Final = re.compile(rb"go\.mau\.fi/whatsmeow\tv\d+\.\d+\.\d+-(\d{14})-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class NativeLibrary:
    web_version: str | None
    """WhatsApp web version that the library announces, ``2.3000.N``; None when it cannot be told for certain."""
    whatsmeow_date: date | None
    """Day of the whatsmeow commit that the library was built from."""


def installed_version() -> str | None:
    """Version of the installed wheel."""
    try:
        return importlib.metadata.version("neonize")
    except importlib.metadata.PackageNotFoundError:
        return None


def library_name(system: str | None = None, machine: str | None = None) -> str:
    """File name of the library for a platform (neonize 0.5.2: utils/platform.py, ``generated_name``)."""
    system = (system or platform.system()).lower()
    machine = (machine or platform.machine()).lower()
    known = platform.uname()  # not all of it: for the processor, a program would be run
    if system == "linux" and "android" in f"{known.node} {known.release} {known.version}".lower():
        system = "android"
    return f"neonize-{system}-{_ARCHITECTURES.get(machine, machine)}.{_SUFFIXES.get(system, 'so')}"


def library_path() -> Path | None:
    """Where the library of this platform would lie; None when neonize is not installed."""
    spec = importlib.util.find_spec("neonize")  # finds the package, does not import it
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0]) / library_name()


def read_library(path: Path) -> NativeLibrary:
    """Search the file. Raises OSError or ValueError when it cannot be read or is empty."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        versions = {
            number
            for match in _WEB_VERSION.finditer(content)
            if match.start() % 4 == 0 and (number := int.from_bytes(match[1], "little")) in _BUILDS
        }
        built = _WHATSMEOW.search(content)
        day = built[1].decode() if built else None
    web_version = f"{_MAJOR}.{_MINOR}.{versions.pop()}" if len(versions) == 1 else None
    return NativeLibrary(web_version, _commit_day(day))


def _commit_day(digits: str | None) -> date | None:
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC).date() if digits else None
    except ValueError:
        return None

"""Replacing bytes in the memory of a shared library that this process has loaded; its file is not touched."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path

from whatsapp_mcp.platform.loaded_library import made_writable, segments


def replace_variable(library: Path, old: bytes, new: bytes) -> bool:
    """Overwrite ``old`` in the library's data by ``new``, which is as long; only where it stands exactly once.

    Args:
        library: the file that was loaded.

    Returns:
        Whether it was done: not when it is not loaded, or has ``old`` never or several times.
    """
    return _replace(library, {old: new}, writable=True) == 1


def replace_constants(library: Path, changes: Mapping[bytes, bytes]) -> int:
    """The same for constants, each of ``changes`` by itself; how many were replaced.

    Their memory is made writable for that. Go's constants lie beside its code on macOS, which lets nobody change that:
    nothing is done there.
    """
    return _replace(library, changes, writable=False)


def _replace(library: Path, changes: Mapping[bytes, bytes], *, writable: bool) -> int:
    contents = [(one.address, one.read()) for one in segments(library) if one.writable == writable]
    done = 0
    for old, new in changes.items():
        assert len(old) == len(new)
        holders = [(address, data) for address, data in contents if old in data]
        if len(holders) != 1 or holders[0][1].count(old) != 1:
            continue
        place = holders[0][0] + holders[0][1].find(old)
        if writable:
            ctypes.memmove(place, new, len(new))
            done += 1
            continue
        with made_writable(place, len(new)) as allowed:
            if allowed:
                ctypes.memmove(place, new, len(new))
                done += 1
    return done

"""Files that others have open, bytes at a place, and when they are on the disk."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

assert sys.platform != "win32"

REMOVABLE_WHILE_OPEN: Final = True
"""Whether a file that somebody has open can be removed and renamed."""

_F_PREALLOCATE: Final = 42
_F_ALLOCATEALL: Final = 4
_F_PEOFPOSMODE: Final = 3
_FSTORE: Final = struct.Struct("=Iiqqq")
"""``fcntl(2)`` of macOS: flags, from where the offset counts, offset, length, and what was allocated."""


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of ``data`` there; one thread at a time.

    Raises:
        OSError: only a part of it, or nothing, could be written.
    """
    written = os.pwrite(descriptor, data, offset)
    while written < len(data):  # the disk became full, or a limit was reached: the next attempt says so
        written += os.pwrite(descriptor, data[written:], offset + written)


def reserve(descriptor: int, size: int) -> None:
    """Take so many bytes of the disk for the file, zeros behind what is there, where the file system can do that."""
    with suppress(OSError):
        if sys.platform == "darwin":
            missing = size - os.fstat(descriptor).st_size
            if missing > 0:
                fcntl.fcntl(descriptor, _F_PREALLOCATE, _FSTORE.pack(_F_ALLOCATEALL, _F_PEOFPOSMODE, 0, missing, 0))
                os.ftruncate(descriptor, size)
        else:
            os.posix_fallocate(descriptor, 0, size)


def sync(descriptor: int) -> None:
    """Wait until what was written is on the disk.

    Raises:
        OSError: it does not get there.
    """
    if sys.platform == "darwin":
        with suppress(OSError):  # a file system that has no such request
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # fsync(2): there, fsync leaves it in the disk's own memory
            return
    os.fsync(descriptor)


def is_deleted(descriptor: int) -> bool:
    """Whether somebody deleted the file, which is open here.

    Raises:
        OSError: it cannot be asked.
    """
    return os.fstat(descriptor).st_nlink == 0


def open_shared(path: Path) -> int:
    """A descriptor to read bytes, which keeps nobody from writing, renaming or removing the file.

    Raises:
        OSError: it cannot be opened.
    """
    return os.open(path, os.O_RDONLY | os.O_CLOEXEC)


def replace(source: Path, target: Path) -> None:
    """Give the file this name, in the place of what has it.

    Raises:
        OSError: that is not possible.
    """
    source.replace(target)


def remove(path: Path) -> None:
    """Delete the file, if it is there.

    Raises:
        OSError: it cannot be deleted.
    """
    path.unlink(missing_ok=True)

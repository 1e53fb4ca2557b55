"""Files that others have open, bytes at a place, and when they are on the disk."""

from __future__ import annotations

import ctypes
import msvcrt
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from ctypes import wintypes
from pathlib import Path
from typing import Final

from whatsapp_mcp.platform.windows import opening

assert sys.platform == "win32"

REMOVABLE_WHILE_OPEN: Final = False
"""Whether a file that somebody has open can be removed and renamed."""

_IN_USE: Final = {5, 32, 33, 145}
"""ERROR_ACCESS_DENIED (also said of a file that is being deleted), ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION and
ERROR_DIR_NOT_EMPTY (said of a folder while a file of it is being deleted)."""
_PATIENCE: Final = 2.0
"""Seconds: so long virus scanners, indexers and readers of ours may hold a file."""
_STEP: Final = 0.02

_STANDARD_INFO: Final = 1
"""FileStandardInfo of FILE_INFO_BY_HANDLE_CLASS."""
_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.GetFileInformationByHandleEx.argtypes = [wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD]
_kernel32.GetFileInformationByHandleEx.restype = wintypes.BOOL


def write_at(descriptor: int, data: bytes, offset: int) -> None:
    """Write all of ``data`` there; one thread at a time.

    Raises:
        OSError: only a part of it, or nothing, could be written.
    """
    os.lseek(descriptor, offset, os.SEEK_SET)
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]


def reserve(descriptor: int, size: int) -> None:
    """Take so many bytes of the disk for the file, zeros behind what is there, where the file system can do that."""
    with suppress(OSError):
        if os.fstat(descriptor).st_size < size:
            os.ftruncate(descriptor, size)  # the C library writes zeros: no hole is left


def sync(descriptor: int) -> None:
    """Wait until what was written is on the disk.

    Raises:
        OSError: it does not get there.
    """
    os.fsync(descriptor)


class _StandardInfo(ctypes.Structure):
    """FILE_STANDARD_INFO."""

    _fields_ = (
        ("allocation_size", wintypes.LARGE_INTEGER),
        ("end_of_file", wintypes.LARGE_INTEGER),
        ("number_of_links", wintypes.DWORD),
        ("delete_pending", wintypes.BOOLEAN),
        ("directory", wintypes.BOOLEAN),
    )


def is_deleted(descriptor: int) -> bool:
    """Whether somebody deleted the file, which is open here. Until it is closed, its name may stay.

    Raises:
        OSError: it cannot be asked.
    """
    found = _StandardInfo()
    handle = msvcrt.get_osfhandle(descriptor)
    if not _kernel32.GetFileInformationByHandleEx(handle, _STANDARD_INFO, ctypes.byref(found), ctypes.sizeof(found)):
        raise ctypes.WinError(ctypes.get_last_error())
    return bool(found.delete_pending) or found.number_of_links == 0


def open_shared(path: Path) -> int:
    """A descriptor to read bytes, which keeps nobody from writing, renaming or removing the file.

    Raises:
        OSError: it cannot be opened.
    """
    handle = opening.open_handle(path, opening.GENERIC_READ, share=opening.SHARE_ALL, disposition=opening.OPEN_EXISTING)
    return msvcrt.open_osfhandle(handle, os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT)


def replace(source: Path, target: Path) -> None:
    """Give the file this name, in the place of what has it.

    Raises:
        OSError: that is not possible; somebody who has one of them open is waited for, some seconds.
    """
    _patiently(lambda: source.replace(target))


def remove(path: Path) -> None:
    """Delete the file, if it is there.

    Raises:
        OSError: it cannot be deleted; somebody who has it open is waited for, some seconds.
    """
    _patiently(lambda: path.unlink(missing_ok=True))


def remove_folder(path: Path) -> None:
    """Delete the folder with all that is in it.

    Raises:
        OSError: it is not there, or a part of it cannot be deleted; somebody who has a file of it open is waited for,
            some seconds.
    """
    _patiently(lambda: shutil.rmtree(path))


def _patiently(step: Callable[[], object]) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            step()
            return
        except OSError as error:
            if error.winerror not in _IN_USE or time.monotonic() > until:
                raise
        time.sleep(_STEP)

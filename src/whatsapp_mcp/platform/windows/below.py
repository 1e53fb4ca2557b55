"""Paths are judged as text before anything is touched, then each folder on the way is looked at, and what was opened
is judged by where the system says that it lies.

There are no descriptors of folders here to go from. Whoever exchanges a folder in the moment between the look and the
opening has the server open another file, which is closed again unread: its final path is not below the folder.
"""

from __future__ import annotations

import ctypes
import errno
import msvcrt
import os
import stat
import sys
from ctypes import wintypes
from pathlib import Path, PureWindowsPath
from typing import Final

from whatsapp_mcp.platform.names import leads_elsewhere
from whatsapp_mcp.platform.refused import ClosedPlace, SecondName
from whatsapp_mcp.platform.windows import files, opening

assert sys.platform == "win32"

_NAME_SURROGATE: Final = 0x2000_0000
"""The bit of a reparse tag that says: another place. Links and junctions have it; files that a cloud keeps do not."""
_VOLUME_NAMES: Final = (0, 2)
"""VOLUME_NAME_DOS; VOLUME_NAME_NT for volumes without a letter."""
_LONGEST: Final = 32_768

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_CloseHandle = _kernel32.CloseHandle
_CloseHandle.argtypes, _CloseHandle.restype = (wintypes.HANDLE,), wintypes.BOOL
_GetFinalPath = _kernel32.GetFinalPathNameByHandleW
_GetFinalPath.argtypes = (wintypes.HANDLE, wintypes.LPWSTR, wintypes.DWORD, wintypes.DWORD)
_GetFinalPath.restype = wintypes.DWORD


def is_no_path(text: str) -> bool:
    """Whether this system can have no such path, or must not even look for it."""
    return leads_elsewhere(text) or any("\ud800" <= char <= "\udfff" for char in text)


def kernel_folders() -> tuple[Path, ...]:
    """Folders in which no file is a file."""
    return ()


def locate(folder: Path, given: Path) -> Path:
    """The place that a path means; ``folder`` is where it begins when it is relative. Nothing but the folder is looked
    at: a path of another folder stays as it is written, and links below the folder are refused when it is opened.
    """
    real = Path(os.path.realpath(folder))
    written = Path(os.path.normpath(folder / given))
    return real / written.relative_to(folder) if written.is_relative_to(folder) else written


def is_there(place: Path) -> bool:
    """Whether something is at a place that was located."""
    return os.path.lexists(place)


def open_below(folder: Path, place: Path, closed: Path) -> int | None:
    """A descriptor of a file that was located below a folder; None when what is there is not a regular file.

    Raises:
        ClosedPlace: the way leads out of the folder, or through ``closed``.
        SecondName: the file has another name too.
        OSError: it is not there, cannot be opened, or a link or a junction leads to it.
    """
    if not stat.S_ISREG(_look_along(folder, place).st_mode):
        return None
    descriptor = os.open(place, os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT)
    try:
        found = os.fstat(descriptor)
        final = _final_path(msvcrt.get_osfhandle(descriptor))
        if not final.is_relative_to(_final_path_of(folder)) or final.is_relative_to(_final_path_of(closed)):
            raise ClosedPlace
        if found.st_nlink > 1:
            raise SecondName
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _look_along(folder: Path, place: Path) -> os.stat_result:
    """What is at the place; links are met on the way, never followed."""
    way = folder
    found = way.stat()
    for part in place.relative_to(folder).parts:
        way /= part
        found = way.lstat()
        if found.st_reparse_tag & _NAME_SURROGATE:
            raise ClosedPlace
    return found


def _final_path_of(folder: Path) -> PureWindowsPath:
    """Where a folder lies; the path itself when it is not there."""
    try:
        handle = opening.open_handle(
            folder, 0, share=opening.SHARE_ALL, disposition=opening.OPEN_EXISTING, flags=opening.BACKUP_SEMANTICS
        )
    except OSError:
        return PureWindowsPath(folder)
    try:
        return _final_path(handle)
    finally:
        _CloseHandle(handle)


def _final_path(handle: int) -> PureWindowsPath:
    """Where the system says that the open file lies, with long names, links and junctions resolved."""
    buffer = ctypes.create_unicode_buffer(_LONGEST)
    for volume in _VOLUME_NAMES:
        if 0 < _GetFinalPath(handle, buffer, _LONGEST, volume) < _LONGEST:
            return PureWindowsPath(buffer.value)
    raise ctypes.WinError(ctypes.get_last_error())


def remove_below(folder: Path, below: str, name: str) -> bool:
    """Delete the plain file ``folder/below/name``; False when there is none. Follows no link.

    Raises:
        OSError: it cannot be deleted, or one of the folders is a link.
    """
    try:
        for way in (folder, folder / below):
            if way.lstat().st_reparse_tag & _NAME_SURROGATE:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if not stat.S_ISREG((folder / below / name).lstat().st_mode):
            return False
        files.remove(folder / below / name)
    except FileNotFoundError:
        return False
    return True

"""``CreateFileW``, which opens files and folders, and what it is told."""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes
from pathlib import Path
from typing import Final

assert sys.platform == "win32"

GENERIC_READ: Final = 0x8000_0000
GENERIC_WRITE: Final = 0x4000_0000
SHARE_READ: Final = 1
SHARE_READ_WRITE: Final = 3
"""As the C library opens: others may read and write, but not rename and delete."""
SHARE_ALL: Final = 7
CREATE_NEW: Final = 1
OPEN_EXISTING: Final = 3
OPEN_ALWAYS: Final = 4
BACKUP_SEMANTICS: Final = 0x0200_0000
"""FILE_FLAG_BACKUP_SEMANTICS: what opens a folder."""

_INVALID_HANDLE: Final = ctypes.c_void_p(-1).value


class SecurityAttributes(ctypes.Structure):
    """SECURITY_ATTRIBUTES: the access list of what is made."""

    _fields_ = (("length", wintypes.DWORD), ("descriptor", ctypes.c_void_p), ("inherit", wintypes.BOOL))


_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_CreateFile = _kernel32.CreateFileW
_CreateFile.argtypes = (
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.POINTER(SecurityAttributes),
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.HANDLE,
)
_CreateFile.restype = wintypes.HANDLE


def open_handle(
    path: Path,
    access: int,
    *,
    share: int,
    disposition: int,
    attributes: SecurityAttributes | None = None,
    flags: int = 0,
) -> int:
    """A handle of a file or folder, which no child inherits.

    Args:
        access: what will be done with it (``GENERIC_READ`` …); 0 only asks where and what it is.
        share: what others may do meanwhile.
        disposition: whether it must be new, must be there, or is made if it is missing.

    Raises:
        FileExistsError: it must be new and is not.
        OSError: it cannot be opened; ``winerror`` says why.
    """
    given = None if attributes is None else ctypes.byref(attributes)
    handle = _CreateFile(str(path), access, share, given, disposition, flags, None)
    if handle in (None, _INVALID_HANDLE):
        raise ctypes.WinError(ctypes.get_last_error())
    return int(handle)

"""The open itself is the lock: with sharing for reading only, nobody else can open the file for writing.

``LockFileEx`` would keep others from reading who holds it, and is not inherited.
"""

from __future__ import annotations

import ctypes
import msvcrt
import os
import sys
from ctypes import wintypes
from pathlib import Path
from typing import Final

assert sys.platform == "win32"

_GENERIC_READ: Final = 0x80000000
_GENERIC_WRITE: Final = 0x40000000
_FILE_SHARE_READ: Final = 1
_OPEN_ALWAYS: Final = 4
_ERROR_SHARING_VIOLATION: Final = 32
_INVALID_HANDLE: Final = ctypes.c_void_p(-1).value

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.CreateFileW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.HANDLE,
]
_kernel32.CreateFileW.restype = wintypes.HANDLE


class FileLock:
    """Exclusive among those who take it; others can read the file."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.number: int = msvcrt.get_osfhandle(descriptor)
        """What a child process has to be given to hold it too."""

    @classmethod
    def take(cls, path: Path) -> FileLock | None:
        """Take it now; None when somebody else holds it.

        Raises:
            OSError: the file cannot be opened; or it is not this user's alone, then without a number, and ``strerror``
                says why, as the end of a sentence.
        """
        from whatsapp_mcp.platform.windows.ownership import not_ours_alone

        handle = _kernel32.CreateFileW(
            str(path), _GENERIC_READ | _GENERIC_WRITE, _FILE_SHARE_READ, None, _OPEN_ALWAYS, 0, None
        )
        if handle in (None, _INVALID_HANDLE):
            code = ctypes.get_last_error()
            if code == _ERROR_SHARING_VIOLATION:
                return None
            raise ctypes.WinError(code)
        lock = cls.inherited(handle)
        if (why := not_ours_alone(os.fstat(lock._descriptor))) is not None:
            lock.release()
            raise PermissionError(None, why)
        return lock

    @classmethod
    def inherited(cls, number: int) -> FileLock:
        """The one whose ``number`` the parent told. Raises OSError when it is none."""
        os.set_handle_inheritable(number, False)
        return cls(msvcrt.open_osfhandle(number, os.O_RDWR | os.O_BINARY))

    def write(self, content: bytes) -> None:
        """Say in the file who holds it."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, content)

    def release(self) -> None:
        """Let go, once. A child that was given it still holds it."""
        os.close(self._descriptor)

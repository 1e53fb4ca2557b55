"""Processes by their number. (``os.kill`` asks nothing here: signal 0 ends the process.)"""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes
from typing import Final

assert sys.platform == "win32"

_TERMINATE: Final = 0x0001
_SYNCHRONIZE: Final = 0x0010_0000
_ACCESS_DENIED: Final = 5
_INVALID_PARAMETER: Final = 87
"""What ``OpenProcess`` says of a number that no process has."""
_WAIT_TIMEOUT: Final = 258
_KILLED: Final = 9
"""The exit code that a process gets from us: as if by SIGKILL."""

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_OpenProcess = _kernel32.OpenProcess
_OpenProcess.argtypes, _OpenProcess.restype = (wintypes.DWORD, wintypes.BOOL, wintypes.DWORD), wintypes.HANDLE
_Wait = _kernel32.WaitForSingleObject
_Wait.argtypes, _Wait.restype = (wintypes.HANDLE, wintypes.DWORD), wintypes.DWORD
_TerminateProcess = _kernel32.TerminateProcess
_TerminateProcess.argtypes, _TerminateProcess.restype = (wintypes.HANDLE, wintypes.UINT), wintypes.BOOL
_CloseHandle = _kernel32.CloseHandle
_CloseHandle.argtypes, _CloseHandle.restype = (wintypes.HANDLE,), wintypes.BOOL


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    if not 0 < pid < 1 << 32:
        return False
    handle = _OpenProcess(_SYNCHRONIZE, False, pid)
    if not handle:
        return ctypes.get_last_error() == _ACCESS_DENIED  # of another user
    try:
        return bool(_Wait(handle, 0) == _WAIT_TIMEOUT)  # one that ended stays while somebody has a handle of it
    finally:
        _CloseHandle(handle)


def end_now(pid: int) -> None:
    """End a process at once, without asking it; nothing happens when there is none.

    Raises:
        OSError: it is another user's.
    """
    handle = _OpenProcess(_TERMINATE | _SYNCHRONIZE, False, pid)
    if not handle:
        if ctypes.get_last_error() == _INVALID_PARAMETER:
            return
        raise ctypes.WinError(ctypes.get_last_error())
    try:
        if not _TerminateProcess(handle, _KILLED):
            error = ctypes.get_last_error()
            if _Wait(handle, 0) == _WAIT_TIMEOUT:
                raise ctypes.WinError(error)
    finally:
        _CloseHandle(handle)


def open_files_limit() -> int | None:
    """How many files and connections this process may have open; None when that is not limited."""
    return None

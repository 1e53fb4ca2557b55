"""A job object of which this process is the only member."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from ctypes import wintypes
from typing import Final

assert sys.platform == "win32"

_EXTENDED_LIMITS: Final = 9
"""JobObjectExtendedLimitInformation."""
_PROCESS_TIME: Final = 0x2
_ACTIVE_PROCESSES: Final = 0x8
_PROCESS_MEMORY: Final = 0x100
_DIE_ON_UNHANDLED_EXCEPTION: Final = 0x400
_TICKS: Final = 10_000_000
"""Of 100 ns, in a second."""
_NOT_ENOUGH_QUOTA: Final = 1816
"""The exit code of a process whose time was used up: ERROR_NOT_ENOUGH_QUOTA."""


class _Limits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION."""

    _fields_ = (
        ("process_time", ctypes.c_int64),
        ("job_time", ctypes.c_int64),
        ("flags", wintypes.DWORD),
        ("working_sets", ctypes.c_size_t * 2),
        ("active_processes", wintypes.DWORD),
        ("affinity", ctypes.c_size_t),
        ("classes", wintypes.DWORD * 2),
        ("counters", ctypes.c_uint64 * 6),
        ("process_memory", ctypes.c_size_t),
        ("job_memory", ctypes.c_size_t),
        ("peaks", ctypes.c_size_t * 2),
    )


class _Memory(ctypes.Structure):
    """PROCESS_MEMORY_COUNTERS."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("faults", wintypes.DWORD),
        ("counters", ctypes.c_size_t * 6),
        ("committed", ctypes.c_size_t),
        ("peak", ctypes.c_size_t),
    )


_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_CreateJobObject = _kernel32.CreateJobObjectW
_CreateJobObject.argtypes, _CreateJobObject.restype = (ctypes.c_void_p, wintypes.LPCWSTR), wintypes.HANDLE
_Assign = _kernel32.AssignProcessToJobObject
_Assign.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
_SetLimits = _kernel32.SetInformationJobObject
_SetLimits.argtypes = (wintypes.HANDLE, ctypes.c_int, ctypes.c_void_p, wintypes.DWORD)
_GetMemory = _kernel32.K32GetProcessMemoryInfo
_GetMemory.argtypes = (wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD)
_GetCurrentProcess = _kernel32.GetCurrentProcess
_GetCurrentProcess.restype = wintypes.HANDLE

_job = wintypes.HANDLE()


def begin(parent: int, *, open_files: int) -> None:
    """For the whole life of the process: starts no other, shows no dialogue when it crashes.

    There is no limit on ``open_files``; the end of ``parent`` shows by the end of the input.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a console is for the parent
    job = _CreateJobObject(None, None)
    if job and _Assign(job, _GetCurrentProcess()):  # refused where a job lets no other into its processes
        _job.value = job
        _set(_Limits(flags=_ACTIVE_PROCESSES | _DIE_ON_UNHANDLED_EXCEPTION, active_processes=1))


def allow(*, memory: int | None, cpu_seconds: int, file_bytes: int) -> None:
    """From now on, in place of what was allowed before.

    Args:
        memory: bytes, as ``memory_in_use`` counts them; None for any amount.
        cpu_seconds: in user mode, beside those that were used up.
        file_bytes: not limited here.
    """
    limits = _Limits(
        flags=_ACTIVE_PROCESSES | _DIE_ON_UNHANDLED_EXCEPTION | _PROCESS_TIME,
        active_processes=1,
        process_time=int((os.times().user + 1 + cpu_seconds) * _TICKS),
    )
    if memory is not None:
        limits.flags |= _PROCESS_MEMORY
        limits.process_memory = memory
    _set(limits)


def memory_in_use() -> int:
    """Bytes that the system has promised this process; 0 when it does not tell."""
    found = _Memory(size=ctypes.sizeof(_Memory))
    if not _GetMemory(_GetCurrentProcess(), ctypes.byref(found), found.size):
        return 0
    return int(found.committed)


def ran_out_of_time(exit_code: int | None) -> bool:
    """Whether a process that ended so had used up its CPU time."""
    return exit_code == _NOT_ENOUGH_QUOTA


def _set(limits: _Limits) -> None:
    if _job.value is not None:
        _SetLimits(_job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits))

"""setrlimit(2)."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

assert sys.platform != "win32"

_SET_PDEATHSIG: Final = 1
"""prctl(2): PR_SET_PDEATHSIG."""
_STATM: Final = Path("/proc/self/statm")


def begin(parent: int, *, open_files: int) -> None:
    """For the whole life of the process: ends with ``parent``, opens few files, leaves no memory image behind.

    macOS has no signal for the end of a parent; the process has to notice by the end of its input.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the parent
    if sys.platform == "linux":
        import ctypes  # not for servers, which only ask what a process has died of

        ctypes.CDLL(None, use_errno=True).prctl(_SET_PDEATHSIG, signal.SIGKILL)
    _limit("RLIMIT_CORE", 0)
    _limit("RLIMIT_NOFILE", open_files)
    if os.getppid() != parent:
        os._exit(0)  # it ended before the kernel knew


def allow(*, memory: int | None, cpu_seconds: int, file_bytes: int) -> None:
    """From now on, in place of what was allowed before.

    Args:
        memory: bytes, as ``memory_in_use`` counts them; None for any amount.
        cpu_seconds: beside those that were used up.
        file_bytes: of every file that is written.
    """
    if memory is not None:
        _limit("RLIMIT_AS", memory)
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit("RLIMIT_CPU", int(used.ru_utime + used.ru_stime) + 1 + cpu_seconds)
    _limit("RLIMIT_FSIZE", file_bytes)


def memory_in_use() -> int:
    """Bytes of address space; 0 where the system does not tell."""
    try:
        return int(_STATM.read_bytes().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def ran_out_of_time(exit_code: int | None) -> bool:
    """Whether a process that ended so had used up its CPU time."""
    return exit_code == -signal.SIGXCPU


def _limit(name: str, value: int) -> None:
    """The soft limit only: the next job may need another one."""
    kind = getattr(resource, name, None)
    if kind is None:
        return
    _, hard = resource.getrlimit(kind)
    with contextlib.suppress(ValueError, OSError):  # the system allows less already, or has no such limit
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))

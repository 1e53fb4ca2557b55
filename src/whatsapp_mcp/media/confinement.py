"""What a decoder process may use: set by itself, before it opens anything.

All limits of the operating system stand here. Linux has all of them. Where one is missing the others still hold, and
the server's own deadline ends the process in any case: macOS does not enforce a limit on memory and has no signal for
the end of a parent (the process notices the end of its input, once a decoder lets it); Windows has none of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Final

from whatsapp_mcp.media import limits

_SET_PDEATHSIG: Final = 1
"""prctl(2): PR_SET_PDEATHSIG."""
_STATM: Final = Path("/proc/self/statm")

ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "1"}
"""Has to be there when the process starts: every arena of glibc would take 64 MiB of addresses."""


def begin(parent: int) -> None:
    """For the whole life of the process: ends with its parent, opens few files, leaves no memory image behind.

    Args:
        parent: process id of the server.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is for the server
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_SET_PDEATHSIG, signal.SIGKILL)
    if sys.platform != "win32":
        _limit("RLIMIT_CORE", 0)
        _limit("RLIMIT_NOFILE", limits.DECODER_FILES)
        if os.getppid() != parent:
            os._exit(0)  # it ended before the kernel knew


class Meter:
    """Grants memory and time, job by job."""

    def __init__(self) -> None:
        self._ground = _addresses()

    def loaded(self, before: int) -> None:
        """A library was loaded; what it took does not count as a job's memory."""
        self._ground += _addresses() - before

    @staticmethod
    def now() -> int:
        return _addresses()

    def grant(self, *, cpu_seconds: int, file_bytes: int) -> None:
        """From now on: so much CPU time, files of that size, and the memory of one job."""
        if sys.platform == "win32":
            return
        import resource

        if self._ground:
            _limit("RLIMIT_AS", self._ground + limits.DECODER_MEMORY)
        used = resource.getrusage(resource.RUSAGE_SELF)
        _limit("RLIMIT_CPU", int(used.ru_utime + used.ru_stime) + 1 + cpu_seconds)
        _limit("RLIMIT_FSIZE", file_bytes)


def _limit(name: str, value: int) -> None:
    """The soft limit only: the next job may need another one."""
    if sys.platform == "win32":
        return
    import resource

    kind = getattr(resource, name, None)
    if kind is None:
        return
    _, hard = resource.getrlimit(kind)
    with contextlib.suppress(ValueError, OSError):  # the system allows less already, or has no such limit
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


def _addresses() -> int:
    """Bytes of address space in use; 0 where the system does not tell."""
    if sys.platform != "linux":
        return 0
    try:
        return int(_STATM.read_bytes().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0

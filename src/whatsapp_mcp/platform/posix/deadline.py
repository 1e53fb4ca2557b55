"""The end of this process at a moment that is set in advance, kept by the system: also while the process is stopped."""

from __future__ import annotations

import ctypes
import signal
import sys
import time
from typing import Final

assert sys.platform != "win32"

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""It goes on while the computer sleeps: Linux's by this name, macOS' by the other one."""
_SIGEV_SIGNAL: Final = 0


class _Event(ctypes.Structure):
    """``struct sigevent``: 64 bytes on every Linux."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signal", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_char * 48),
    )


class _Time(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Time), ("value", _Time))


def boot_clock() -> float:
    """Seconds by a clock that nobody sets, and that goes on while the process is stopped or the computer sleeps."""
    return time.clock_gettime(_CLOCK)


class Deadline:
    """Ends this process when it is not moved in time.

    On Linux the kernel kills it at that moment, stopped or not. Elsewhere a signal ends it: one that was stopped before
    anything else runs in it.
    """

    def __init__(self) -> None:
        self._timer = ctypes.c_void_p()
        self._library = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        if self._library is not None:
            event = _Event(None, signal.SIGKILL, _SIGEV_SIGNAL, b"")
            if self._library.timer_create(_CLOCK, ctypes.byref(event), ctypes.byref(self._timer)):
                self._library = None

    def end_process_in(self, seconds: float) -> None:
        """Move it there; at once when that is past."""
        self._set(max(seconds, 0.001))

    def cancel(self) -> None:
        """There is none any more."""
        self._set(0.0)

    def _set(self, seconds: float) -> None:
        if self._library is None:
            signal.setitimer(signal.ITIMER_REAL, seconds)  # SIGALRM, which nobody here handles, ends the process
            return
        whole = int(seconds)
        setting = _Setting(_Time(0, 0), _Time(whole, int((seconds - whole) * 1e9)))
        self._library.timer_settime(self._timer, 0, ctypes.byref(setting), None)

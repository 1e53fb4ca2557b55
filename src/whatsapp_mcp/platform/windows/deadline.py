"""The end of this process at a moment that is set in advance. Windows keeps no such moment: a thread does."""

from __future__ import annotations

import os
import sys
import threading
import time

assert sys.platform == "win32"


def boot_clock() -> float:
    """Seconds by a clock that nobody sets, and that goes on while the process is stopped or the computer sleeps."""
    return time.monotonic()


class Deadline:
    """Ends this process when it is not moved in time; a process that is stopped ends when it goes on."""

    def __init__(self) -> None:
        self._moved = threading.Condition()
        self._at: float | None = None
        threading.Thread(target=self._watch, name="deadline", daemon=True).start()

    def end_process_in(self, seconds: float) -> None:
        """Move it there; at once when that is past."""
        self._set(boot_clock() + seconds)

    def cancel(self) -> None:
        """There is none any more."""
        self._set(None)

    def _set(self, at: float | None) -> None:
        with self._moved:
            self._at = at
            self._moved.notify()

    def _watch(self) -> None:
        with self._moved:
            while True:
                rest = None if self._at is None else self._at - boot_clock()
                if rest is not None and rest <= 0:
                    os._exit(9)
                self._moved.wait(rest)

"""How long to wait before a session process that ended by itself is started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

STABLE_AFTER: Final = 60.0
"""Seconds; a session that was connected this long starts the count again."""


class BackOff:
    """Longer after each failure in a row."""

    def __init__(self, pauses: Sequence[float], *, clock: Callable[[], float] = time.monotonic) -> None:
        """``pauses``: seconds before the n-th start in a row; the last one repeats."""
        self._pauses = pauses
        self._clock = clock
        self._failures = 0
        self._connected_at: float | None = None

    def connected(self) -> None:
        self._connected_at = self._clock()

    def start_again(self) -> None:
        """Count from zero."""
        self._failures = 0

    def failed(self) -> float:
        """Seconds to wait after this failure."""
        if self._connected_at is not None and self._clock() - self._connected_at > STABLE_AFTER:
            self._failures = 0
        self._connected_at = None
        pause = self._pauses[min(self._failures, len(self._pauses) - 1)]
        self._failures += 1
        return pause

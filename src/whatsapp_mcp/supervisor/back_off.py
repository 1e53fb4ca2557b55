"""How long to wait before a session process that ended by itself is started again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

STABLE_AFTER: Final = 60.0
"""Seconds; a session that was connected this long starts the count again."""
PATIENCE: Final = 30
"""Sessions in a row that were connected, though not for long, after which the pauses begin to grow. What ends them may
be what other people send; the account is not to be away for that, and yet must not log in every second all day."""


class BackOff:
    """Longer after each failure in a row to connect; at once, for a good while, after a session that was connected."""

    def __init__(self, pauses: Sequence[float], *, clock: Callable[[], float] = time.monotonic) -> None:
        """``pauses``: seconds before the n-th start in a row; the last one repeats."""
        self._pauses = pauses
        self._clock = clock
        self._connected_at: float | None = None
        self.start_again()

    def connected(self) -> None:
        self._connected_at = self._clock()

    def start_again(self) -> None:
        """Count from zero."""
        self._failures = 0
        self._short_lives = 0

    def failed(self) -> float:
        """Seconds to wait after this end of a session."""
        connected_at, self._connected_at = self._connected_at, None
        if connected_at is None:
            self._failures += 1
            return self._pause(self._failures - 1)
        self._failures = 0
        if self._clock() - connected_at > STABLE_AFTER:
            self._short_lives = 0
        self._short_lives += 1
        return self._pause(self._short_lives - 1 - PATIENCE)

    def _pause(self, position: int) -> float:
        return self._pauses[min(max(position, 0), len(self._pauses) - 1)]

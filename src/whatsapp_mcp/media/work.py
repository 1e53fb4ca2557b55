"""How long work here reports its progress, is stopped, and fails. The work itself is synchronous, in worker threads."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

__all__ = ["OnProgress", "Progress", "UnusableMedia", "Work", "WorkCancelled"]

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""``await progress(done, total, message)``; the same shape as the operations use."""

OnProgress = Callable[[float], None]
"""Called from the worker thread with a fraction, 0..1."""


class UnusableMedia(Exception):
    """The file cannot be sent the way it was asked for. The facade turns this into InvalidArgument with the field."""

    def __init__(self, message: str, *, next_step: str = "Pass another file, or send it as a document.") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step


class WorkCancelled(Exception):
    """The caller does not want the result any more."""


def _ignore(_fraction: float) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Work:
    """The two strings by which a caller holds a running conversion."""

    on_progress: OnProgress = _ignore
    cancelled: threading.Event = field(default_factory=threading.Event)

    def step(self, fraction: float) -> None:
        """Report how far the work is; between two calls nothing should take longer than a second.

        Raises:
            WorkCancelled: the caller set ``cancelled``.
        """
        if self.cancelled.is_set():
            raise WorkCancelled
        self.on_progress(min(1.0, max(0.0, fraction)))

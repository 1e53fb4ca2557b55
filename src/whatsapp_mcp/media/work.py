"""Heavy work beside the event loop: its progress told, and stopped on request."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
from anyio.lowlevel import checkpoint

T = TypeVar("T")

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


class Relay:
    """Hands the progress of a worker thread to an asynchronous callback, at a pace the other end can take."""

    def __init__(self, progress: Progress, interval: float) -> None:
        """``interval``: seconds between two notifications."""
        self.cancelled = threading.Event()
        self._progress = progress
        self._interval = interval
        self._latest = (0.0, "")
        self._told = 0.0

    def stage(self, message: str, *, begin: float, end: float) -> Work:
        """A part of the work, from the fraction ``begin`` of the whole to ``end``."""

        def on_progress(fraction: float) -> None:
            self._latest = (begin + (end - begin) * fraction, message)

        on_progress(0.0)
        return Work(on_progress, self.cancelled)

    async def run(self) -> None:
        """Report until cancelled; then tell the worker to stop."""
        try:
            while True:
                await anyio.sleep(self._interval)
                await self._tell()
        finally:
            self.cancelled.set()

    async def _tell(self) -> None:
        latest = self._latest
        if latest[0] > self._told:  # MCP: progress increases with each notification
            self._told = latest[0]
            with contextlib.suppress(Exception):  # who no longer listens does not stop the work
                await self._progress(latest[0], 1.0, latest[1])


async def relayed(job: Callable[[Relay], Awaitable[T]], progress: Progress, *, interval: float) -> T:
    """Run a job with its progress reported. Cancelling the caller stops the job's worker threads and waits for them."""
    relay = Relay(progress, interval)
    results: list[T] = []
    failure: Exception | None = None
    async with anyio.create_task_group() as group:
        group.start_soon(relay.run)
        try:
            results.append(await job(relay))
        except Exception as error:
            failure = error  # raised below: a task group would wrap it
        group.cancel_scope.cancel()
    if isinstance(failure, WorkCancelled):
        await checkpoint()  # raises the cancellation that stopped the worker
    if failure is not None:
        raise failure
    return results[0]

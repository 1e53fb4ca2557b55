"""Heavy work beside the event loop: its progress told, and stopped on request."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
from anyio.lowlevel import checkpoint

T = TypeVar("T")

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


def ignore(_fraction: float) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Work:
    """The two strings by which a caller holds a running conversion."""

    on_progress: OnProgress = ignore
    cancelled: threading.Event = field(default_factory=threading.Event)

    def step(self, fraction: float) -> None:
        """Report how far the work is; between two calls nothing should take longer than a second.

        Raises:
            WorkCancelled: the caller set ``cancelled``.
        """
        if self.cancelled.is_set():
            raise WorkCancelled
        self.on_progress(min(1.0, max(0.0, fraction)))


async def stoppable(job: Callable[[threading.Event], Awaitable[T]]) -> T:
    """Run a job that gives its event to worker threads. Cancelling the caller sets it, and waits for them."""
    cancelled = threading.Event()
    results: list[T] = []
    failure: Exception | None = None

    async def watch() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            results.append(await job(cancelled))
        except Exception as error:
            failure = error  # raised below: a task group would wrap it
        group.cancel_scope.cancel()
    if isinstance(failure, WorkCancelled):
        await checkpoint()  # raises the cancellation that stopped the worker
    if failure is not None:
        raise failure
    return results[0]

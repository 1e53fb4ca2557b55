"""Work of this server that goes on when its client waits no longer; who asks for the same again waits for it too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar

from whatsapp_mcp.waiting import waits_for

T = TypeVar("T")

_STOP_SECONDS: Final = 5.0


class _Work(NamedTuple):
    name: str
    task: asyncio.Task[Any]


class UnderWay:
    """Of one server, and ending with it."""

    def __init__(self) -> None:
        self._works: dict[str, _Work] = {}

    async def joined(self, key: str, name: str, work: Callable[[], Awaitable[T]], until: float | None) -> T:
        """The result of ``work``, or of the one under the same key that is under way.

        Args:
            name: by which others can ask for it.
            until: by the event loop's clock; then, and when the caller is cancelled, the work goes on.

        Raises:
            TimeoutError: it takes longer than ``until``.
        """
        found = self._works.get(key)
        if found is not None:
            with waits_for("the same, which an earlier call asked for"):
                return await _within(found.task, until)
        task = asyncio.create_task(_result(work))
        self._works[key] = _Work(name, task)
        task.add_done_callback(lambda _: self._done(key))
        return await _within(task, until)

    async def stop(self, key: str) -> None:
        """End the work under a key, if it is under way; what does not end at once is not waited for."""
        if (found := self._works.get(key)) is not None:
            found.task.cancel()
            await asyncio.wait({found.task}, timeout=_STOP_SECONDS)

    def name_of(self, key: str) -> str | None:
        """Of the work under a key, while it is under way."""
        found = self._works.get(key)
        return found.name if found is not None else None

    def has(self, name: str) -> bool:
        """Whether work of this name is under way."""
        return any(work.name == name for work in self._works.values())

    def _done(self, key: str) -> None:
        task = self._works.pop(key).task
        if not task.cancelled():
            task.exception()  # nobody may be there to learn of it, which is no reason to log it


async def _result(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def _within(task: asyncio.Task[T], until: float | None) -> T:
    async with asyncio.timeout_at(until):
        return await asyncio.shield(task)

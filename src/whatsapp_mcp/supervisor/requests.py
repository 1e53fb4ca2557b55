"""Requests that are carried out one after the other, by one task."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Request:
    work: Callable[[], Awaitable[Any]]
    answer: asyncio.Future[Any] | None
    """None: nobody waits for it."""

    def refuse(self, error: Exception) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)


class RequestQueue:
    """Anybody puts requests in; one task serves them."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[_Request] = asyncio.Queue()

    def put(self, work: Callable[[], Awaitable[object]]) -> None:
        """To be done when it has its turn; what it raises ends the serving."""
        self._waiting.put_nowait(_Request(work, None))

    async def ask(self, work: Callable[[], Awaitable[T]]) -> T:
        """Have something done and wait for it; raises what it raises. Giving up before its turn withdraws it; after
        that, it is finished all the same."""
        return await self.ask_early(lambda _answer: work())

    async def ask_early(self, work: Callable[[asyncio.Future[T]], Awaitable[T]]) -> T:
        """The same for a request that may answer before it is done."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait(_Request(lambda: work(answer), answer))
        return await answer

    async def serve(self, closing: Callable[[], Exception]) -> None:
        """Until it is cancelled.

        Args:
            closing: the error for whoever waits then.
        """
        while True:
            request = await self._waiting.get()
            answer = request.answer
            if answer is None:
                await request.work()
                continue
            if answer.done():
                continue
            try:
                result = await request.work()
            except Exception as error:
                if answer.cancelled():
                    logger.warning("a request that nobody waits for any more failed: %s", error)
                elif answer.done():
                    raise
                else:
                    answer.set_exception(error)
            except BaseException:
                request.refuse(closing())
                raise
            else:
                if not answer.done():
                    answer.set_result(result)

    def refuse(self, error: Callable[[], Exception]) -> None:
        """Give all that wait an error."""
        while not self._waiting.empty():
            self._waiting.get_nowait().refuse(error())

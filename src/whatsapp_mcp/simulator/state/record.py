"""Lists that one can wait on: what simulated people received, in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Record(Generic[T]):
    """Everything of one kind that happened, oldest first; grows only."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._items: list[T] = []
        self._waiting: set[asyncio.Future[None]] = set()

    def add(self, item: T) -> None:
        self._items.append(item)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._items))

    def __getitem__(self, index: int) -> T:
        return self._items[index]

    def since(self, start: int) -> list[T]:
        """The items from position ``start`` on; ``len(record)`` taken before an action marks what it causes."""
        return self._items[start:]

    async def wait_for(
        self, predicate: Callable[[T], bool] | None = None, *, timeout: float = 30.0, start: int = 0
    ) -> T:
        """The first item from ``start`` on that fits, waiting up to ``timeout`` seconds for it.

        Raises:
            TimeoutError: none came; the text lists what did.
        """
        try:
            async with asyncio.timeout(timeout):
                while True:
                    while start < len(self._items):
                        item = self._items[start]
                        start += 1
                        if predicate is None or predicate(item):
                            return item
                    await self._next()
        except TimeoutError:
            raise TimeoutError(f"no fitting {self._what} within {timeout} s; there are: {self._items[-5:]}") from None

    async def _next(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            await waiter
        finally:
            self._waiting.discard(waiter)

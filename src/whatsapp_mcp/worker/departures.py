"""When held messages leave: each when it is due, as soon as there is a connection, in order within its chat."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextlib import suppress
from typing import Final, TypeVar

from anyio import to_thread

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.pipe.codec import Moving
from whatsapp_mcp.store.deferred import DeferredSends, Due
from whatsapp_mcp.waiting import waits_for
from whatsapp_mcp.worker.deferring import Deferring
from whatsapp_mcp.worker.sleep import LOOK, SLEPT
from whatsapp_mcp.worker.store_thread import StoreThread

logger = logging.getLogger(__name__)

T = TypeVar("T")
RETRY: Final = 1.0
"""Seconds after which one is tried again that could not leave."""
LOOK_EACH: Final = 0.5
"""Seconds between two looks at how far one is that somebody waits for."""
DRAIN: Final = 5.0
"""Seconds that what is just leaving has when they are stopped."""
LONGEST: Final = 60.0
"""Seconds after which it is looked again at the latest: somebody may set the clock."""


class Departures:
    """Lives in the thread of the event loop."""

    def __init__(
        self,
        deferring: Deferring,
        store: StoreThread,
        threads: Executor,
        *,
        stay: int = 24 * 3_600_000,
        now: Callable[[], int] = now_ms,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """
        Args:
            threads: in which messages are sent.
            stay: milliseconds; only what is due within them is expected to leave here.
            now: milliseconds since 1970.
            pause: waits for so many seconds.
        """
        self._deferring = deferring
        self._store = store
        self._threads = threads
        self._stay = stay
        self._now = now
        self._pause = pause
        self._look = asyncio.Event()
        self._connected = False
        self._stopped: float | None = None
        self._leaving: dict[str, asyncio.Task[None]] = {}
        """By lane."""
        self._news = asyncio.Event()
        """Set, and made anew, when something may have become of one."""
        self._held = 0
        self._known = False
        """Whether ``_held`` counts all of those that are due soon."""

    @property
    def are_expected(self) -> bool:
        """Whether something is to leave soon, or leaves just now, as far as is known."""
        return bool(not self._known or self._held or self._leaving)

    def connection_is(self, *, up: bool) -> None:
        """Whether messages can leave."""
        self._connected = up
        self.look()

    def look(self) -> None:
        """Something was held, or is not any more."""
        self._known = False
        self._look.set()
        self._news.set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Until ``stop``."""
        while self._stopped is None:
            self._look.clear()
            try:
                pause = await self._depart()
            except Exception:  # nobody waits for this task: it would end unseen, and nothing leave any more
                logger.exception("it could not be looked for messages that are due")
                pause = RETRY
            before = self._now()
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._look.wait()
            if self._now() - before > (pause + SLEPT) * 1000:
                # The computer slept, so the connection may be dead without a sign: this process is to end, see `sleep`.
                await self._pause(2 * LOOK)

    async def settled(self, message_id: str) -> None:
        """Return when it is known what became of one; see `AwaitSend`.

        Raises:
            Moving: not in this process any more.
        """
        with waits_for("the message to leave") as wait:
            while True:
                if self._stopped is not None:
                    raise Moving
                news = self._news
                if not await self._is_open(message_id):
                    return
                while not news.is_set():
                    if (inner := self._deferring.wait_of(message_id)) is not None:
                        wait.what, wait.total, wait.done = inner.what, inner.total, inner.so_far()
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_EACH):
                            await news.wait()

    async def _is_open(self, message_id: str) -> bool:
        work = self._store.run(lambda writer: writer.with_deferred(lambda held: held.is_open(message_id)))
        return await asyncio.wrap_future(work)

    def stop(self) -> None:
        """Nothing more leaves."""
        if self._stopped is None:
            self._stopped = asyncio.get_running_loop().time()
        self.look()

    async def ended(self) -> None:
        """What was leaving when they were stopped is gone, or its time is over."""
        self.stop()
        assert self._stopped is not None
        rest = self._stopped + DRAIN - asyncio.get_running_loop().time()
        if self._leaving and rest > 0:
            await asyncio.wait(self._leaving.values(), timeout=rest)

    async def forget(self) -> None:
        """The account is being unlinked: nothing leaves any more."""
        await to_thread.run_sync(self._deferring.forget)

    async def _depart(self) -> float:
        """Let those leave that are due; seconds until it is to be looked again."""
        held = await self._waiting()
        if any(one.late_at < self._now() for one in held):
            await to_thread.run_sync(self._deferring.expire)
            held = await self._waiting()
        now, pause = self._now(), LONGEST
        self._held = sum(one.due_at <= now + self._stay for one in held)
        self._known = not self._look.is_set()
        for one in sorted(held, key=lambda one: one.id in self._deferring.asking):
            if self._connected and one.due_at <= now:
                self._let_leave(one)
            pause = min(pause, (self._next(one, now) - now) / 1000)
        return max(pause, 0.0)

    async def _waiting(self) -> tuple[Due, ...]:
        work = self._store.run(lambda writer: writer.with_deferred(DeferredSends.waiting))
        return await asyncio.wrap_future(work)

    def _next(self, one: Due, now: int) -> int:
        """When there is something to do about it, beside the end of what leaves."""
        return one.due_at if one.due_at > now else one.late_at + 1

    def _let_leave(self, one: Due) -> None:
        if one.lane in self._leaving or self._stopped is not None:
            return
        task = asyncio.create_task(self._leave(one))
        self._leaving[one.lane] = task
        task.add_done_callback(lambda _: self._left(one))

    async def _leave(self, one: Due) -> None:
        try:
            left = await asyncio.get_running_loop().run_in_executor(self._threads, self._deferring.leave, one.id)
        except Exception:
            logger.exception("a held message could not be sent")
            left = False
        if not left and self._stopped is None:
            await self._pause(RETRY)

    def _left(self, one: Due) -> None:
        del self._leaving[one.lane]
        self.look()

"""What changes while a server runs, and is told unasked: lists, resources that somebody watches, the connection.

One task waits for what the session process announces; between two announcements nothing is asked of the store.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol

from whatsapp_mcp.models.session import SessionSnapshot, SessionState

logger = logging.getLogger(__name__)

GATHERED: Final = 0.25
"""Seconds in which announcements become one."""
LOOK: Final = 2.0
"""Seconds between two looks at what nobody announces: the file of the policy."""

_UNLINKED: Final = frozenset({SessionState.UNPAIRED, SessionState.PAIRING, SessionState.LOGGED_OUT})


class SessionBoard(Protocol):
    """Where the session stands; the session manager has it."""

    @property
    def snapshot(self) -> SessionSnapshot: ...

    async def wait_change(self, timeout: float) -> bool:
        """Wait until the state changes or something is stored; False when ``timeout`` seconds passed first."""
        ...


def is_unlinked(board: SessionBoard | None) -> bool:
    """Whether it is known that no account is linked; without a session nothing is known of one."""
    return board is None or board.snapshot.state in _UNLINKED


class ChangeWatch:
    """Looks again after each change, from when somebody wants to know on."""

    def __init__(self, board: SessionBoard, look: Callable[[], Awaitable[None]]) -> None:
        self._board = board
        self._look = look
        self._wanted = asyncio.Event()

    def wanted(self) -> None:
        self._wanted.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._run(), name="news")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self) -> None:
        await self._wanted.wait()
        waiting = self._wait()
        try:
            while True:
                await self._looked()
                await asyncio.wait({waiting})
                # The next wait begins before this look, so that nothing falls between the two.
                waiting = self._wait()
                await asyncio.sleep(GATHERED)
        finally:
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await waiting

    def _wait(self) -> asyncio.Task[bool]:
        return asyncio.create_task(self._board.wait_change(LOOK), name="news-wait")

    async def _looked(self) -> None:
        try:
            await self._look()
        except Exception:
            logger.exception("what is new could not be told")

"""The clients that can be told something unasked: those of the 2025 revisions, on the stream that they keep open.

Later revisions have no such stream: a client asks for what it wants to hear of (`subscriptions`).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio
import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession

from whatsapp_mcp.server.sdk_private import connection_of

logger = logging.getLogger(__name__)

PATIENCE: Final = 2.0
"""Seconds in which a client has to take a notification; who does not read misses it, and keeps nobody waiting."""


class Audience:
    """Of one server."""

    def __init__(self, on_first: Callable[[], None]) -> None:
        self._on_first = on_first
        self._sessions: dict[int, ServerSession] = {}

    async def joined(self, ctx: ServerRequestContext[Any], _params: types.NotificationParams | None) -> None:
        """The client has said that it is ready."""
        connection = connection_of(ctx.session)
        self._sessions[id(connection)] = ctx.session
        connection.exit_stack.callback(self._sessions.pop, id(connection), None)
        self._on_first()

    async def tell(self, notification: types.ServerNotification) -> None:
        await self.tell_each(lambda session: session.send_notification(notification))

    async def tell_each(self, telling: Callable[[ServerSession], Awaitable[None]]) -> None:
        """Side by side, so that none waits for another."""
        async with anyio.create_task_group() as tasks:
            for session in list(self._sessions.values()):
                tasks.start_soon(patiently, telling, session)


async def patiently(telling: Callable[[ServerSession], Awaitable[None]], session: ServerSession) -> bool:
    """Whether the client took it."""
    try:
        with anyio.move_on_after(PATIENCE) as waiting:
            await telling(session)
    except Exception as error:  # whatever is wrong with its stream is not ours, and the others are told
        logger.debug("a client could not be told: %s", type(error).__name__)
        return False
    return not waiting.cancelled_caught

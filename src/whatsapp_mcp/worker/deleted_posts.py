"""Looking which post of a channel was deleted, when all that is known is that one was."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.pipe.profiles import SyncPosts

logger = logging.getLogger(__name__)

PAUSE: Final = 1.0
"""Seconds before each question: posts are deleted several at a time, and WhatsApp is not asked all the time."""
SEVERAL: Final = 100
"""Channels that may wait at once; a device that was away for long learns of many deletions."""


class DeletedPosts:
    """One task that asks about one channel after the other."""

    def __init__(self, ask: Callable[[SyncPosts], Awaitable[None]]) -> None:
        self._ask = ask
        self._waiting: dict[Jid, None] = {}
        self._news = asyncio.Event()

    def note(self, channel: Jid) -> None:
        """A post of this channel was deleted."""
        if len(self._waiting) < SEVERAL:
            self._waiting[channel] = None
            self._news.set()

    async def look(self) -> None:
        """Until it is cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(PAUSE)
            channel = next(iter(self._waiting))
            del self._waiting[channel]
            if not self._waiting:
                self._news.clear()
            try:
                await self._ask(SyncPosts(newsletter=channel))
            except WhatsAppMcpError as error:
                logger.info("the posts of a channel could not be looked at: %s", error.message)

"""What handlers work with: the session, the store, the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import anyio
import anyio.to_thread

from whatsapp_mcp.pipe.messages import SendKey
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.side_login.queue import SideLoginQueue
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.supervisor.manager import SessionManager

__all__ = ["Services", "Store"]

T = TypeVar("T")
READERS: Final = 4
"""Store queries at once; a limiter of our own, so that slow queries never starve the transport's threads."""


class Store:
    """The message store, read in worker threads."""

    def __init__(self, reader: StoreReader) -> None:
        self._reader = reader
        self._limiter = anyio.CapacityLimiter(READERS)

    def look(self, query: Callable[[StoreReader], T]) -> T:
        """Look a few rows up by an index, without the detour over a thread, which costs more than such a query."""
        return query(self._reader)

    async def read(self, query: Callable[[StoreReader], T]) -> T:
        return await anyio.to_thread.run_sync(query, self._reader, limiter=self._limiter)


@dataclass(frozen=True, slots=True)
class Services:
    settings: Settings
    session: SessionManager
    side_login: SideLoginQueue
    store: Store
    send_key: SendKey | None = None
    """Of the call that is served: under it, a message is sent once; see `idempotency`."""

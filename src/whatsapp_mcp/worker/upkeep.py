"""What keeps the store small and quick while the session runs: a small part between whatever else it has to do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.media.received.place import ReceivedMedia
from whatsapp_mcp.store.write.retention import RetentionPolicy
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.worker.store_thread import StoreThread

logger = logging.getLogger(__name__)

INTERVAL: Final = 3600.0
"""Seconds between the end of one look through the store for old messages and the next."""
PAUSE: Final = 0.05
"""Seconds between two parts, so that the disk has time for others."""
QUIET: Final = 30.0
"""Seconds in which hardly anything came, before the search index is gathered."""
HARDLY: Final = 100
"""Messages."""


def policy(days: int, media: ReceivedMedia) -> RetentionPolicy:
    """Keep messages so many days, and what was downloaded of them.

    Args:
        media: where the files of the account lie. Those of a folder that cannot be deleted stay; while a bucket cannot
            be reached, the messages stay too.
    """
    return RetentionPolicy(days, media.remove)


async def keep_pruned(store: StoreThread) -> None:
    """Old messages go. Until it is cancelled."""
    while True:
        goes_on = await _part(store, lambda writer: writer.prune(), "old messages could not be removed")
        await asyncio.sleep(PAUSE if goes_on else INTERVAL)


async def keep_gathered(store: StoreThread) -> None:
    """The search index is gathered when a history has come. Until it is cancelled."""
    newest, looked_at, goes_on = store.newest_arrival, -1, False
    while True:
        await asyncio.sleep(PAUSE if goes_on else QUIET)
        before, newest = newest, store.newest_arrival
        if goes_on or (newest != looked_at and newest - before <= HARDLY):
            looked_at = newest
            goes_on = await _part(
                store, lambda writer: writer.gather_search(), "the search index could not be gathered"
            )


async def _part(store: StoreThread, do: Callable[[StoreWriter], bool], complaint: str) -> bool:
    """Whether to go on. Nobody waits for these tasks: one that failed would end unseen."""
    try:
        return await asyncio.wrap_future(store.run(do))
    except StoreError as error:
        logger.warning("%s: %s", complaint, error.message)
    except Exception:
        logger.exception(complaint)
    return False

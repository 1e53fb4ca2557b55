"""Removing old messages while the session runs: a small part between whatever else the store has to do."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.media.received.place import ReceivedMedia
from whatsapp_mcp.store.write.retention import RetentionPolicy
from whatsapp_mcp.worker.store_thread import StoreThread

logger = logging.getLogger(__name__)

INTERVAL: Final = 3600.0
"""Seconds between the end of one look through the store and the next."""
PAUSE: Final = 0.05
"""Seconds between two parts, so that the disk has time for others."""


def policy(days: int, media: ReceivedMedia) -> RetentionPolicy:
    """Keep messages so many days, and what was downloaded of them.

    Args:
        media: where the files of the account lie. Those of a folder that cannot be deleted stay; while a bucket cannot
            be reached, the messages stay too.
    """
    return RetentionPolicy(days, media.remove)


async def keep_pruned(store: StoreThread) -> None:
    """Until it is cancelled."""
    while True:
        try:
            goes_on = await asyncio.wrap_future(store.run(lambda writer: writer.prune()))
        except StoreError as error:
            logger.warning("old messages could not be removed: %s", error.message)
            goes_on = False
        except Exception:  # nobody waits for this task: it would end unseen, and nothing be removed any more
            logger.exception("old messages could not be removed")
            goes_on = False
        await asyncio.sleep(PAUSE if goes_on else INTERVAL)

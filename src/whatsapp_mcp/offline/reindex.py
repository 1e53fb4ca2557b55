"""`whatsapp-mcp reindex` and `vacuum`: a new search index, and a store without what is free in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.offline.store_work import StoreWork, done_on_store
from whatsapp_mcp.pipe.control import Reindex, Vacuum
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.write.writer import StoreWriter


@dataclass(frozen=True, slots=True)
class Reindexed:
    messages: int
    """In the index now."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Vacuumed:
    before: int
    """Bytes."""
    after: int
    seconds: float


def _indexed(writer: StoreWriter) -> int:
    return writer.rebuild_search() if writer.newly_indexed is None else writer.newly_indexed


_REINDEX: Final = StoreWork(
    Reindex(),
    _indexed,
    begins="makes the index; its servers are `reconnecting` until that is done, and search on in the old one",
    undone="the index was made; it is as it was before",
    again="whatsapp-mcp reindex",
)
_VACUUM: Final = StoreWork(
    Vacuum(),
    StoreWriter.compact,
    begins="writes the store anew; its servers are `reconnecting` until that is done, and read on",
    undone="the store was written anew; it is as it was before",
    again="whatsapp-mcp vacuum",
)


def run_reindex(settings: Settings, say: Callable[[str], None] = lambda _: None) -> Reindexed:
    """Make the index in one transaction: whatever ends it before leaves the store as it was.

    Raises:
        NotFound, DataDirectoryInUse, SessionCrashed, StoreError: see :func:`done_on_store`.
    """
    started = time.monotonic()
    messages = done_on_store(settings, _REINDEX, say)
    return Reindexed(messages, time.monotonic() - started)


def run_vacuum(settings: Settings, say: Callable[[str], None] = lambda _: None) -> Vacuumed:
    """Write the store's file anew: smaller after much was removed, and in order.

    Raises:
        NotFound, DataDirectoryInUse, SessionCrashed, StoreError: see :func:`done_on_store`; or there is no room.
    """
    started = time.monotonic()
    before, after = done_on_store(settings, _VACUUM, say)
    return Vacuumed(before, after, time.monotonic() - started)

"""`whatsapp-mcp reindex`: a new search index, for a store that no server uses."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass

from whatsapp_mcp.errors import DataDirectoryInUse, NotFound
from whatsapp_mcp.pipe.account_lock import AccountLock, holder_text
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.write.writer import StoreWriter


@dataclass(frozen=True, slots=True)
class Reindexed:
    messages: int
    """In the index now."""
    seconds: float


def run_reindex(settings: Settings) -> Reindexed:
    """Make the index in one transaction: whatever ends it before leaves the store as it was.

    Raises:
        NotFound: no store yet.
        DataDirectoryInUse: a server runs; says which.
        StoreError: the store itself is damaged, or of a newer version.
    """
    if not settings.store_path.exists():
        raise NotFound(
            f"there is no message store at {settings.store_path} yet",
            next_step="Link an account first (`whatsapp-mcp status` shows what there is), or choose --data-dir.",
        )
    lock = AccountLock.acquire(settings.lock_path)
    if lock is None:
        raise DataDirectoryInUse(
            f"the data directory {settings.data_dir} is in use by {holder_text(settings.lock_path)}",
            next_step="Stop that server (close the MCP host that started it), wait some seconds, and run this again.",
        )
    try:
        started = time.monotonic()
        with closing(StoreWriter(settings.store_path)) as writer:
            messages = writer.newly_indexed
            if messages is None:
                messages = writer.rebuild_search()
        return Reindexed(messages, time.monotonic() - started)
    finally:
        lock.release()

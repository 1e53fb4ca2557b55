"""`whatsapp-mcp reindex`: a new search index, made by the session process if one runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.errors import DataDirectoryInUse, NotFound, SessionCrashed
from whatsapp_mcp.offline.attached import Observer, attached
from whatsapp_mcp.pipe.account_lock import AccountLock, holder_text
from whatsapp_mcp.pipe.codec import Moving
from whatsapp_mcp.pipe.control import Reindex
from whatsapp_mcp.pipe.lines import Refused
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.write.writer import StoreWriter

ANSWER_LIMIT: Final = 1800.0
"""Seconds for the session process; a million messages take it about half a minute, on a slow disk several."""
HOLDER_LIMIT: Final = 30.0
"""Seconds within which who holds the lock listens, or lets go of it."""


@dataclass(frozen=True, slots=True)
class Reindexed:
    messages: int
    """In the index now."""
    seconds: float


def run_reindex(settings: Settings, say: Callable[[str], None] = lambda _: None) -> Reindexed:
    """Make the index in one transaction: whatever ends it before leaves the store as it was.

    Args:
        say: is told what goes on, where that takes long or others notice it.

    Raises:
        NotFound: no store yet.
        DataDirectoryInUse: who holds the account cannot be asked; says who.
        SessionCrashed: the session process ended meanwhile.
        StoreError: the store itself is damaged, or of a newer version.
    """
    if not settings.store_path.exists():
        raise NotFound(
            f"there is no message store at {settings.store_path} yet",
            next_step="Link an account first (`whatsapp-mcp status` shows what there is), or choose --data-dir.",
        )
    started = time.monotonic()
    messages: int | None = None

    def ask() -> bool:
        nonlocal messages
        messages = asyncio.run(_asked(settings, say))
        return messages is None

    lock = AccountLock.acquire(settings.lock_path, limit=HOLDER_LIMIT, between=ask)
    if lock is not None:
        try:
            messages = _made(settings)
        finally:
            lock.release()
    if messages is None:
        raise DataDirectoryInUse(
            f"the account is in use by {holder_text(settings.lock_path)}, which does not answer",
            next_step="Run `whatsapp-mcp doctor`, which says what to do about it.",
        )
    return Reindexed(messages, time.monotonic() - started)


def _made(settings: Settings) -> int:
    """By this process, which holds the lock."""
    with closing(StoreWriter(settings.store_path)) as writer:
        return writer.rebuild_search() if writer.newly_indexed is None else writer.newly_indexed


async def _asked(settings: Settings, say: Callable[[str], None]) -> int | None:
    """By the session process; None when there is none to ask now."""
    try:
        async with attached(settings) as found:
            if isinstance(found, Refused):
                _check_it_is_ending(found)
            if not isinstance(found, Observer):
                return None
            say(
                f"session process {found.welcome.pid} makes the index; "
                "its servers are `reconnecting` until that is done, and search on in the old one ..."
            )
            return await found.call(Reindex(), ANSWER_LIMIT)
    except (TimeoutError, Moving):
        return None
    except SessionCrashed as error:
        raise SessionCrashed(
            "the session process ended before the index was made; it is as it was before",
            next_step="Run `whatsapp-mcp reindex` again.",
        ) from error


def _check_it_is_ending(refused: Refused) -> None:
    """Raises DataDirectoryInUse when it refuses for another reason."""
    if refused.why not in ("ending", "retired"):
        raise DataDirectoryInUse(
            f"session process {refused.pid} is of version {refused.version}",
            next_step="Restart the MCP hosts, so that all use the version that is installed, and run this again.",
        )

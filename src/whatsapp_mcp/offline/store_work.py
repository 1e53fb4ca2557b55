"""Work on the message store that its writer alone can do: by the session process if one runs, else here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from whatsapp_mcp.errors import DataDirectoryInUse, NotFound, SessionCrashed
from whatsapp_mcp.offline.attached import Observer, attached
from whatsapp_mcp.pipe.account_lock import AccountLock, holder_text
from whatsapp_mcp.pipe.codec import Moving
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.lines import Refused
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.choice import database_at
from whatsapp_mcp.store.write.writer import StoreWriter

R = TypeVar("R")

ANSWER_LIMIT: Final = 1800.0
"""Seconds for the session process; a million messages take it about half a minute, on a slow disk several."""
HOLDER_LIMIT: Final = 30.0
"""Seconds within which who holds the lock listens, or lets go of it."""


@dataclass(frozen=True, slots=True)
class StoreWork(Generic[R]):
    """What is to be done, and how a person is told."""

    command: Command[R]
    """Asks the session process for it."""
    here: Callable[[StoreWriter], R]
    """The same by this process."""
    begins: str
    """What the session process does now: `makes the index`, and what its servers see of it."""
    undone: str
    """What did not come about when it ended meanwhile."""
    again: str
    """The command to run again."""


def done_on_store(settings: Settings, work: StoreWork[R], say: Callable[[str], None]) -> R:
    """
    Args:
        say: is told what goes on, where that takes long or others notice it.

    Raises:
        NotFound: no store yet.
        DataDirectoryInUse: who holds the account cannot be asked; says who.
        SessionCrashed: the session process ended meanwhile.
        StoreError: the store itself is damaged, or of a newer version.
    """
    if not database_at(settings.store).exists():
        raise NotFound(
            f"there is no message store at {settings.store} yet",
            next_step="Link an account first (`whatsapp-mcp status` shows what there is), or choose --data-dir.",
        )
    done: list[R] = []

    def ask() -> bool:
        done.extend(asyncio.run(_asked(settings, work, say)))
        return not done

    lock = AccountLock.acquire(settings.lock_path, limit=HOLDER_LIMIT, between=ask)
    if lock is not None:
        try:
            with closing(StoreWriter(settings.store)) as writer:
                done.append(work.here(writer))
        finally:
            lock.release()
    if not done:
        raise DataDirectoryInUse(
            f"the account is in use by {holder_text(settings.lock_path)}, which does not answer",
            next_step="Run `whatsapp-mcp doctor`, which says what to do about it.",
        )
    return done[0]


async def _asked(settings: Settings, work: StoreWork[R], say: Callable[[str], None]) -> tuple[R, ...]:
    """By the session process; nothing when there is none to ask now."""
    try:
        async with attached(settings) as found:
            if isinstance(found, Refused):
                _check_it_is_ending(found)
            if not isinstance(found, Observer):
                return ()
            say(f"session process {found.welcome.pid} {work.begins} ...")
            return (await found.call(work.command, ANSWER_LIMIT),)
    except (TimeoutError, Moving):
        return ()
    except SessionCrashed as error:
        raise SessionCrashed(
            f"the session process ended before {work.undone}", next_step=f"Run `{work.again}` again."
        ) from error


def _check_it_is_ending(refused: Refused) -> None:
    """Raises DataDirectoryInUse when it refuses for another reason."""
    if refused.why not in ("ending", "retired"):
        raise DataDirectoryInUse(
            f"session process {refused.pid} is of version {refused.version}",
            next_step="Restart the MCP hosts, so that all use the version that is installed, and run this again.",
        )

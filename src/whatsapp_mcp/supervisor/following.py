"""What the phone changes and neonize has no event for: looked for in its database, and told to the session process.

Every server looks, and the session process stores what is news: so none has to know of the others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.models.app_state import ChatMarksSeen
from whatsapp_mcp.pipe.codec import Moving
from whatsapp_mcp.postgres import beside_loop
from whatsapp_mcp.session_db.chat_marks import app_state_versions, chat_marks
from whatsapp_mcp.supervisor.link import Link
from whatsapp_mcp.whereabouts import Whereabouts

logger = logging.getLogger(__name__)

R = TypeVar("R")

LOOK: Final = 1.0
"""Seconds between two looks at a file, 0.1 ms each where something was written; and until a second look at what is
new."""
LOOK_IN_POSTGRES: Final = 30.0
"""Seconds; a look takes a connection there, and hundreds of accounts may be there."""
ANSWER: Final = 30.0
CONTACTS: Final = "critical_unblock_low"
"""The collection of the names that the owner saved."""


@asynccontextmanager
async def following(where: Whereabouts, link: Link) -> AsyncIterator[None]:
    """While inside."""
    task = asyncio.create_task(_follow(where, link), name="changes by the phone")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _follow(where: Whereabouts, link: Link) -> None:
    told: ChatMarksSeen | None = None
    before: ChatMarksSeen | None = None
    looked_at: tuple[int, int] | None = None
    rest, usual = LOOK, LOOK if isinstance(where, Path) else LOOK_IN_POSTGRES
    while not link.gone:
        await asyncio.sleep(rest)
        rest = usual
        try:
            if told is not None:
                written = _written(where)
                if written is not None and written == looked_at:
                    continue
                if await _asked(where, app_state_versions) == told.versions:
                    looked_at = written
                    continue
            seen = await _asked(where, chat_marks)
            if seen is None or seen != before:  # in the middle of writing, perhaps
                before, rest = seen, LOOK
                continue
            await _tell(link, told, seen)
        except (WhatsAppMcpError, Moving) as error:
            logger.debug("what the phone changed could not be told: %s", error)
            continue
        except Exception:  # nobody waits for this task: it would end unseen
            logger.exception("what the phone changes is not looked for any more")
            return
        told = seen


def _written(where: Whereabouts) -> tuple[int, int] | None:
    """When the file was written last, and its size; None where there is no file."""
    try:
        found = where.stat() if isinstance(where, Path) else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found is not None else None


async def _asked(where: Whereabouts, question: Callable[[Whereabouts], R]) -> R:
    """Beside the loop in any case: neonize may be writing."""
    if isinstance(where, Path):
        return await asyncio.to_thread(question, where)
    return await beside_loop(where, partial(question, where))


async def _tell(link: Link, told: ChatMarksSeen | None, seen: ChatMarksSeen) -> None:
    from whatsapp_mcp.pipe.account import SyncContacts  # what a server that starts does without
    from whatsapp_mcp.pipe.side_login import KeepChatMarks

    if told is None or told.device != seen.device:
        await link.call(KeepChatMarks(seen=seen), ANSWER)
        return
    known = set(told.chats)
    news = tuple(marks for marks in seen.chats if marks not in known)
    await link.call(KeepChatMarks(seen=ChatMarksSeen(seen.device, seen.versions, news)), ANSWER)
    if told.versions.get(CONTACTS) != seen.versions.get(CONTACTS):
        await link.call(SyncContacts(), ANSWER)

"""Large generated stores, with the held messages of the recall test among the rest.

Making a million messages takes a minute, so a folder to keep stores in may be named; what is made without one is gone
afterwards.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Final, NamedTuple

from tests.unit.store.held_queries import HELD

from bench.generate import NOW, SPAN, History, fill
from whatsapp_mcp.models.changes import Change, MessageReceived
from whatsapp_mcp.store.search.index import INDEX_VERSION
from whatsapp_mcp.store.version import SCHEMA_VERSION
from whatsapp_mcp.store.write.writer import StoreWriter

__all__ = ["DEFAULT", "LargeStore", "Scale", "held_messages", "large_store"]

DEFAULT: Final = 100_000


class Scale(NamedTuple):
    """What the command line says about the larger rows."""

    messages: int = DEFAULT
    keep: Path | None = None
    """Folder of stores that are used again."""
    peers: tuple[tuple[str, Path], ...] = ()
    """Names and checkouts of other servers."""
    webhooks: int = 1_000
    file_mib: int = 2_048


class LargeStore(NamedTuple):
    home: Path
    """What ``mcp_host.environment`` takes; the store is the account's below it."""
    history: History


@asynccontextmanager
async def large_store(scale: Scale) -> AsyncIterator[LargeStore]:
    """One that was kept is not made again unless schema or folding are others; delete it when the generator changed."""
    if scale.keep is None:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            yield LargeStore(Path(folder), await _made(Path(folder), scale.messages))
        return
    version = f"{SCHEMA_VERSION}-{INDEX_VERSION.replace(' ', '-')}"
    home = scale.keep / f"{scale.messages}-schema-{version}"
    if not home.is_dir():
        unfinished = home.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        await _made(unfinished, scale.messages)
        unfinished.rename(home)
    yield LargeStore(home, History())


async def _made(home: Path, messages: int) -> History:
    history = History()
    store = home / "data" / "default" / "messages.db"
    await fill(store, messages, history=history, more=held_messages(history))
    with closing(StoreWriter(store)) as writer:
        while writer.gather_search():  # as a session does half a minute after a history
            pass
    return history


def held_messages(history: History) -> Iterator[Change]:
    """The held messages, evenly over the whole time and over the private chats of all sizes; ids are the keys."""
    chats = [chat for chat in history.chats if chat.is_lid]
    for number, (key, content) in enumerate(HELD.items()):
        chat = chats[number * len(chats) // len(HELD)]
        timestamp = NOW - (number + 1) * SPAN // (len(HELD) + 1)
        yield MessageReceived(key, chat, chat, timestamp, content, from_history=True)

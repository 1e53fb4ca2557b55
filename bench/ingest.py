"""Storing a history, search index included. Floor: sqlite3's ``executemany`` of the same messages into one table.

The floor's table has the columns of ours and nothing else: no index, no search, no counters, no JID that is resolved.
It is written with the same pragmas in transactions of the same size. The messages are made beforehand; making them
does not count on either side.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from bench.generate import BATCH, LID_OF_OURS, NUMBER_OF_OURS, History, batches
from bench.row import Row, median
from whatsapp_mcp.models.changes import Change, MessageReceived
from whatsapp_mcp.store.engine.sqlite.files import open_for_writing
from whatsapp_mcp.store.write.writer import StoreWriter

__all__ = ["measure"]

MESSAGES: Final = 50_000
ROUNDS: Final = 2
AT_LEAST: Final = 15_000
_COLUMNS: Final = 24


async def measure() -> list[Row]:
    made: list[list[Change]] = []
    for batch in batches(History().changes(MESSAGES)):
        made.append(batch)
        await asyncio.sleep(0)  # so that Ctrl-C is seen
    characters = sum(len(c.content.text) for batch in made for c in batch if isinstance(c, MessageReceived))
    ours: list[float] = []
    floors: list[float] = []
    size = 0
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            floors.append(MESSAGES / await _raw(Path(folder) / "raw.db", made))
            path = Path(folder) / "messages.db"
            ours.append(MESSAGES / await _stored(path, made))
            size = path.stat().st_size
    note = (
        f"{MESSAGES:,} messages of {characters / MESSAGES:.0f} characters, {BATCH} a transaction;"
        f" {size / MESSAGES:.0f} bytes on disk each"
    )
    return [Row("history into the store", median(ours), "msg/s", median(floors), at_least=AT_LEAST, note=note)]


async def _stored(path: Path, made: list[list[Change]]) -> float:
    """Seconds, until everything is on the disk and the file closed."""
    writer = StoreWriter(path)
    writer.set_owner(NUMBER_OF_OURS, LID_OF_OURS)
    began = time.monotonic()
    with closing(writer):
        for batch in made:
            writer.apply(batch)
            await asyncio.sleep(0)
    return time.monotonic() - began


async def _raw(path: Path, made: list[list[Change]]) -> float:
    """Seconds for the floor."""
    rows = [[_plain(change) for change in batch if isinstance(change, MessageReceived)] for batch in made]
    connection = open_for_writing(path)
    began = time.monotonic()
    with closing(connection):
        connection.execute(f"CREATE TABLE messages ({', '.join(f'c{i}' for i in range(_COLUMNS))})")
        for batch in rows:
            _insert(connection, batch)
            await asyncio.sleep(0)
    return time.monotonic() - began


def _insert(connection: sqlite3.Connection, rows: list[tuple[object, ...]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(f"INSERT INTO messages VALUES ({', '.join('?' * _COLUMNS)})", rows)
    connection.execute("COMMIT")


def _plain(message: MessageReceived) -> tuple[object, ...]:
    quote = message.content.quote
    values = (
        *(message.id, str(message.chat), str(message.sender), message.timestamp, message.from_me),
        *(message.from_history, str(message.content.kind), message.content.text, message.raw),
        *(quote.message_id if quote else None, quote.text if quote else None),
    )
    return values + (0,) * (_COLUMNS - len(values))

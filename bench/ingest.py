"""Storing a history, search index included, in processor time: neither the disk nor a busy machine counts.

Floor: SQLite alone, which gets the finished rows of the same messages for the same tables, indexes and search index, in
transactions of the same size. What remains is ours: to find out who and where it is, to fold its words, and to keep the
counters. The messages are made beforehand; making them does not count on either side. A rate says more about the
machine than about us, so the budget is the ratio.

The same history in PostgreSQL, with the processor time of the database's process; floor: the store in a file.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

import psycopg
from tests.postgres import postgres_server

from bench.generate import BATCH, LID_OF_OURS, NUMBER_OF_OURS, History, batches
from bench.row import Row, median
from whatsapp_mcp.models.changes import Change, MessageReceived
from whatsapp_mcp.store.engine.sqlite.files import open_for_reading, open_for_writing
from whatsapp_mcp.store.search.index import DOCUMENT_COLUMNS, documents
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whereabouts import PostgresSchema, schema_name

__all__ = ["Finished", "empty_store", "finished", "measure", "put", "sqlite_alone"]

MESSAGES: Final = 50_000
ROUNDS: Final = 2
RATIO: Final = 3.2
RATIO_OF_POSTGRES: Final = 3.0
_MESSAGES: Final = "SELECT * FROM messages WHERE arrival > ? ORDER BY arrival LIMIT ?"
_MEDIA: Final = "SELECT * FROM media WHERE arrival > ? AND arrival <= ? ORDER BY arrival"
_DOCUMENTS: Final = (
    f"SELECT {DOCUMENT_COLUMNS} FROM messages AS m LEFT JOIN media ON media.arrival = m.arrival"
    " WHERE m.arrival > ? AND m.arrival <= ?"
)


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
            path = Path(folder) / "messages.db"
            ours.append(MESSAGES / await _stored(path, made))
            floors.append(MESSAGES / await sqlite_alone(Path(folder) / "floor.db", path))
            size = path.stat().st_size
    note = (
        f"{MESSAGES:,} messages of {characters / MESSAGES:.0f} characters, {BATCH} a transaction;"
        f" {size / MESSAGES:.0f} bytes on disk each"
    )
    name, speeds = "history into the store, of one core", (median(ours), median(floors))
    there = [MESSAGES / await _in_postgres(made) for _ in range(ROUNDS)]
    return [
        Row(name, speeds[0], "msg/s", speeds[1], rate=True, ratio_at_most=RATIO, note=note),
        Row(
            "history into PostgreSQL, of one core",
            median(there),
            "msg/s",
            speeds[0],
            rate=True,
            ratio_at_most=RATIO_OF_POSTGRES,
        ),
    ]


async def _in_postgres(made: list[list[Change]]) -> float:
    """Seconds of processor time, here and in the database's process for us."""
    with postgres_server() as url, closing(StoreWriter(PostgresSchema(url, schema_name("default")))) as writer:
        writer.set_owner(NUMBER_OF_OURS, LID_OF_OURS)
        with psycopg.connect(url) as connection:
            ((process,),) = connection.execute(
                "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            ).fetchall()
        before, began = _busy(process), time.thread_time()
        for batch in made:
            writer.apply(batch)
            await asyncio.sleep(0)
        return time.thread_time() - began + _busy(process) - before


def _busy(process: int) -> float:
    """Seconds of processor time that it had."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


async def _stored(path: Path, made: list[list[Change]]) -> float:
    """Seconds of processor time, until everything is on the disk and the file closed."""
    writer = StoreWriter(path)
    writer.set_owner(NUMBER_OF_OURS, LID_OF_OURS)
    began = time.thread_time()
    with closing(writer):
        for batch in made:
            writer.apply(batch)
            await asyncio.sleep(0)
    return time.thread_time() - began


class Finished(NamedTuple):
    """Rows as they lie in a store."""

    messages: list[Any]
    media: list[Any]
    words: list[tuple[int, str]]
    """Place and document, for the search index."""


def finished(stored: sqlite3.Connection, after: int, most: int) -> Finished | None:
    """Those of the next messages after an arrival; None: there are none."""
    messages = stored.execute(_MESSAGES, (after, most)).fetchall()
    if not messages:
        return None
    between = (after, messages[-1][0])
    words = sorted(documents(stored.execute(_DOCUMENTS, between)))
    return Finished(messages, stored.execute(_MEDIA, between).fetchall(), words)


def empty_store(path: Path) -> sqlite3.Connection:
    """One for ``put``."""
    StoreWriter(path).close()
    connection = open_for_writing(path)
    connection.execute("PRAGMA foreign_keys = OFF")  # who and where is in none of the tables
    return connection


def put(connection: sqlite3.Connection, rows: Finished) -> None:
    """What SQLite has to do for them at least, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_insert("messages", rows.messages), rows.messages)
    if rows.media:
        connection.executemany(_insert("media", rows.media), rows.media)
    connection.executemany("INSERT INTO message_search (rowid, document) VALUES (?, ?)", rows.words)
    connection.execute("COMMIT")


async def sqlite_alone(path: Path, stored: Path, batch: int = BATCH) -> float:
    """The same for the floor: the rows of the store ``stored``, so many messages a transaction."""
    connection = empty_store(path)
    seconds, last = 0.0, 0
    with closing(open_for_reading(stored)) as source, closing(connection):
        while (rows := finished(source, last, batch)) is not None:
            last = rows.messages[-1][0]
            began = time.thread_time()
            put(connection, rows)
            seconds += time.thread_time() - began
            await asyncio.sleep(0)
        began = time.thread_time()
    return seconds + time.thread_time() - began


def _insert(table: str, rows: Sequence[Sequence[object]]) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})"

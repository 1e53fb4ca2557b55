"""Which messages a page shows and how many there are of them: the queries behind the reader's lists."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import NamedTuple

from whatsapp_mcp.store.conditions import Where
from whatsapp_mcp.store.query import match_expression
from whatsapp_mcp.store.records import MessagePage
from whatsapp_mcp.store.rows import ARRIVAL_MASK, fitting
from whatsapp_mcp.store.views import MESSAGES, messages_view

__all__ = ["Source", "count", "found", "listed", "page_of", "size"]


class Source(NamedTuple):
    """A query for ``arrival`` and ``place`` of the messages that fit, the values for ``where``'s marks in it."""

    sql: str
    where: Where
    total: int
    """How many fit."""


def page_of(connection: sqlite3.Connection, source: Source, *, limit: int, offset: int) -> MessagePage:
    """Newest first."""
    if source.total == 0 or limit <= 0:
        return MessagePage((), source.total)
    page = f"{source.sql} ORDER BY place DESC LIMIT ? OFFSET ?"
    rows = connection.execute(
        MESSAGES.format(page=page, order="m.place DESC"), (*source.where.values, size(limit), size(offset))
    ).fetchall()
    return MessagePage(messages_view(connection, rows), source.total)


def listed(
    connection: sqlite3.Connection, chat: int, where: Where, *, media_only: bool, from_me: bool | None
) -> Source:
    """All messages of one chat that fit."""
    index = "messages_media" if media_only else "messages_sent" if from_me else "messages_chat"
    counted = _counter(connection, chat, media_only=media_only, from_me=from_me) if where.timeless else None
    if not where.has_start:
        where.insert("m.place > 0")  # not the hidden ones
    where.insert("m.chat = ?", chat)
    source = f"FROM messages AS m INDEXED BY {index} WHERE {where}"
    if counted is None:
        counted = count(connection, f"SELECT count(*) {source}", where.values)
    return Source(f"SELECT m.arrival AS arrival, m.place AS place {source}", where, counted)


def found(
    connection: sqlite3.Connection, text: str, where: Where, *, chat: int | None = None, apart_from: int | None = None
) -> Source:
    """Messages with all words of ``text``, in one chat or in all but one; where there are none, those that have words
    beginning so. Hidden ones are not in the index.
    """
    where.insert("message_search MATCH ?", "")
    source = "FROM message_search"
    if len(where.conditions) > 1:
        source += f" CROSS JOIN messages AS m ON m.arrival = message_search.rowid & {ARRIVAL_MASK}"
    source += f" WHERE {where.replaced('m.place', 'message_search.rowid')}"
    total = 0
    for beginnings in (False, True):
        expression = match_expression(text, chat=chat, apart_from=apart_from, beginnings=beginnings)
        if expression is None:
            break
        where.values[0] = expression
        total = count(connection, f"SELECT count(*) {source}", where.values)
        if total:
            break
    sql = f"SELECT message_search.rowid & {ARRIVAL_MASK} AS arrival, message_search.rowid AS place {source}"
    return Source(sql, where, total)


def _counter(connection: sqlite3.Connection, chat: int, *, media_only: bool, from_me: bool | None) -> int | None:
    """The counters that the writer keeps, where one answers the question."""
    row = connection.execute(
        "SELECT message_count, media_count, sent_count FROM chats WHERE entity = ?", (chat,)
    ).fetchone()
    if row is None:
        return 0
    match media_only, from_me:
        case False, None:
            counted: int = row["message_count"]
        case False, True:
            counted = row["sent_count"]
        case False, False:
            counted = row["message_count"] - row["sent_count"]
        case True, None:
            counted = row["media_count"]
        case _:
            return None
    return counted


def size(number: int) -> int:
    """A limit or offset as SQLite takes it."""
    return fitting(max(0, number))


def count(connection: sqlite3.Connection, sql: str, values: Collection[int | str]) -> int:
    counted: int = connection.execute(sql, tuple(values)).fetchone()[0]
    return counted

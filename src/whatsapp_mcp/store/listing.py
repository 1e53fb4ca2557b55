"""Which messages a page shows and how many there are of them: the queries behind the reader's lists."""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.store.conditions import Span, Where
from whatsapp_mcp.store.cursors import decode_cursor, encode_cursor
from whatsapp_mcp.store.query import Filters, match_expression
from whatsapp_mcp.store.records import ChatPage, MessagePage
from whatsapp_mcp.store.rows import ARRIVAL_MASK, fitting
from whatsapp_mcp.store.views import CHATS, MESSAGES, chats_view, messages_view

__all__ = ["COUNTED", "chat_page", "found", "listed", "size"]

COUNTED: Final = 1000
"""Hits of a search that are counted, and ranked, at most: to go through all hits of a frequent word takes long."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Messages that fit, by their places."""

    sql: str
    """FROM … WHERE …"""
    place: str
    """The column with the place."""
    values: tuple[int | str, ...]

    def places(
        self, connection: sqlite3.Connection, limit: int, *, offset: int = 0, before: int | None = None
    ) -> list[int]:
        """Newest first."""
        below = f" AND {self.place} < ?" if before is not None else ""
        rows = connection.execute(
            f"SELECT {self.place} {self.sql}{below} ORDER BY {self.place} DESC LIMIT ? OFFSET ?",
            (*self.values, *(() if before is None else (before,)), size(limit), size(offset)),
        )
        return [place for (place,) in rows]


def chat_page(connection: sqlite3.Connection, where: Where, *, limit: int, offset: int, cursor: str | None) -> ChatPage:
    """Chats that fit, the one with the newest message first."""
    joined = "chats JOIN entities ON entities.id = chats.entity" if where.by_name else "chats"
    total = count(connection, f"SELECT count(*) FROM {joined} WHERE {where}", where.values)
    if cursor is not None:
        where.add(
            "(coalesce(chats.last_message_at, 0), chats.updated_at, chats.entity) < (?, ?, ?)",
            *decode_cursor(cursor, 3),
        )
    rows = connection.execute(
        # WhatsApp's times are whole seconds: what was written later comes first within one.
        f"{CHATS} WHERE {where} ORDER BY chats.last_message_at DESC, chats.updated_at DESC, chats.entity DESC"
        " LIMIT ? OFFSET ?",
        (*where.values, size(limit) + 1, size(offset)),
    ).fetchall()
    shown = rows[: max(0, limit)]
    cursors = tuple(encode_cursor(row["last_message_at"] or 0, row["updated_at"], row["entity"]) for row in shown)
    return ChatPage(chats_view(connection, shown), total, more=len(rows) > len(shown), cursors=cursors)


def listed(
    connection: sqlite3.Connection,
    chat: int,
    span: Span,
    *,
    media_only: bool,
    from_me: bool | None,
    limit: int,
    offset: int,
    cursor: str | None,
) -> MessagePage:
    """Messages of one chat that fit, newest first; all of them are counted."""
    before = _place(cursor)
    source = _in_chat(chat, span, media_only=media_only, from_me=from_me)
    if span.is_everything:
        total = _counter(connection, chat, media_only=media_only, from_me=from_me)
    elif from_me is False and not media_only:  # each count by an index alone, without a look at the messages
        sent = _in_chat(chat, span, media_only=False, from_me=True)
        total = _count(connection, _in_chat(chat, span, media_only=False, from_me=None)) - _count(connection, sent)
    else:
        total = None
    if total is None:
        total = _count(connection, source)
    if total == 0 or limit <= 0:
        return MessagePage((), total)
    places = source.places(connection, limit + 1, offset=offset, before=before)
    return _page(connection, places, limit, total)


def _place(cursor: str | None) -> int | None:
    return decode_cursor(cursor, 1)[0] if cursor is not None else None


def _in_chat(chat: int, span: Span, *, media_only: bool, from_me: bool | None) -> _Source:
    index = "messages_media" if media_only else "messages_sent" if from_me else "messages_chat"
    where, values = span.condition("m.place")
    if media_only:
        where += " AND m.has_media = 1"
    if from_me is not None:
        where += f" AND m.from_me = {int(from_me)}"
    return _Source(f"FROM messages AS m INDEXED BY {index} WHERE m.chat = ? AND {where}", "m.place", (chat, *values))


def _count(connection: sqlite3.Connection, source: _Source) -> int:
    return count(connection, f"SELECT count(*) {source.sql}", source.values)


def found(
    connection: sqlite3.Connection,
    text: str,
    filters: Filters,
    span: Span,
    *,
    limit: int,
    offset: int,
    cursor: str | None,
    by_relevance: bool = False,
) -> MessagePage:
    """Messages with all words of ``text``; where there are none, those that have words beginning so.

    Newest first or, of the newest ones, the most relevant first: bm25, which prefers short messages and rare words.
    """
    before = _place(cursor)
    for beginnings in (False, True):
        expression = match_expression(text, filters, beginnings=beginnings)
        if expression is None:
            break
        source = _Source("FROM message_search WHERE message_search MATCH ?", "rowid", (expression,))
        if not span.is_everything:
            where, values = span.condition("rowid")
            source = _Source(f"{source.sql} AND {where}", "rowid", (expression, *values))
        newest = source.places(connection, COUNTED + 1)
        if newest:
            return _found_page(
                connection, source, newest, limit=limit, offset=offset, before=before, by_relevance=by_relevance
            )
    return MessagePage((), 0)


def _found_page(
    connection: sqlite3.Connection,
    source: _Source,
    newest: list[int],
    *,
    limit: int,
    offset: int,
    before: int | None,
    by_relevance: bool,
) -> MessagePage:
    total, more = min(len(newest), COUNTED), len(newest) > COUNTED
    if limit <= 0:
        return MessagePage((), total, total_is_more=more)
    if by_relevance:
        places = _ranked(connection, source)[offset : offset + limit + 1]
    else:
        start = (0 if before is None else bisect_right(newest, -before, key=lambda place: -place)) + offset
        if more and start + limit + 1 > len(newest):
            places = source.places(connection, limit + 1, offset=offset, before=before)
        else:
            places = newest[start : start + limit + 1]
    return _page(connection, places, limit, total, total_is_more=more)


def _ranked(connection: sqlite3.Connection, source: _Source) -> list[int]:
    rows = connection.execute(
        "SELECT place FROM (SELECT rowid AS place, bm25(message_search) AS score"
        f" {source.sql} ORDER BY rowid DESC LIMIT {COUNTED}) ORDER BY score, place DESC",
        source.values,
    )
    return [place for (place,) in rows]


def _page(
    connection: sqlite3.Connection, places: Sequence[int], limit: int, total: int, *, total_is_more: bool = False
) -> MessagePage:
    """The messages at ``places``, of which there is one more than ``limit`` where others follow."""
    shown = [place & ARRIVAL_MASK for place in places[:limit]]
    wanted = f"SELECT column1 AS arrival FROM (VALUES {', '.join(['(?)'] * len(shown))})"
    rows = connection.execute(MESSAGES.format(page=wanted, order="NULL"), shown).fetchall() if shown else []
    by_arrival = {row["arrival"]: row for row in rows}
    messages = messages_view(connection, [by_arrival[arrival] for arrival in shown])
    cursors = tuple(encode_cursor(place) for place in places[:limit])
    return MessagePage(messages, total, total_is_more=total_is_more, more=len(places) > limit, cursors=cursors)


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

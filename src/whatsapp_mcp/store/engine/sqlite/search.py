"""The search index in SQLite: a contentless FTS5 table, whose rowids are the places of the messages.

It keeps no text: to take a message out, FTS5 must be given exactly the words that were put in.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.engine.sqlite.expression import fts5
from whatsapp_mcp.store.engine.sqlite.verifying import index_fault
from whatsapp_mcp.store.rows import ARRIVAL_MASK
from whatsapp_mcp.store.search.folding import ASCII_SYMBOLS
from whatsapp_mcp.store.search.query import Filters, Query
from whatsapp_mcp.store.search.span import Span
from whatsapp_mcp.store.search.tables import FoundPlaces

SEARCH_TABLE: Final = f"""
    CREATE VIRTUAL TABLE message_search USING fts5(
        document, content = '', tokenize = "ascii tokenchars '{ASCII_SYMBOLS}'"
    )
    """
_DELETE: Final = "INSERT INTO message_search (message_search, rowid, document) VALUES ('delete', ?, ?)"
_INSERT: Final = "INSERT INTO message_search (rowid, document) VALUES (?, ?)"

_MERGE: Final = "INSERT INTO message_search (message_search, rank) VALUES ('merge', ?)"
_MERGED: Final = 64
"""Pages that are written at once, which takes some milliseconds."""
_SMALL: Final = 500
"""Pages that are quick to go through wherever they lie: of some thirty thousand messages."""
_APART: Final = 0.25
"""Share of the pages."""


@dataclass(frozen=True, slots=True)
class _Source:
    sql: str
    """FROM … WHERE …"""
    place: str
    """The column with the place."""
    values: tuple[int | str, ...]

    def places(
        self, connection: StoreConnection, limit: int, *, offset: int = 0, before: int | None = None
    ) -> list[int]:
        below = f" AND {self.place} < ?" if before is not None else ""
        rows = connection.execute(
            f"SELECT {self.place} {self.sql}{below} ORDER BY {self.place} DESC LIMIT ? OFFSET ?",
            (*self.values, *(() if before is None else (before,)), limit, offset),
        )
        return [place for (place,) in rows]


class FtsTables:
    ascending = True

    def change(self, connection: StoreConnection, changes: Iterable[tuple[int, str | None, str | None]]) -> None:
        execute = connection.execute
        for place, old, new in changes:
            if old:
                execute(_DELETE, (place, old))
            if new:
                execute(_INSERT, (place, new))

    def rebuild(self, connection: StoreConnection, documents: Iterable[tuple[int, str]]) -> None:
        try:
            connection.execute("INSERT INTO message_search (message_search) VALUES ('delete-all')")
        except sqlite3.DatabaseError:
            if not connection.in_transaction:  # SQLite ended it: more is wrong than the index
                raise
            _replace_table(connection)
        connection.executemany(_INSERT, documents)

    def gather(self, connection: StoreConnection, *, begun: bool) -> bool:
        """FTS5 leaves a history in some twenty segments, in all of which each word is looked up: that takes twice as
        long as in one."""
        if not begun and not _is_scattered(connection):
            return False
        before = _total_changes(connection)
        connection.execute(_MERGE, (_MERGED if begun else -_MERGED,))  # less than nothing: of all segments
        return _total_changes(connection) - before >= 2  # as FTS5 tells that it did something

    def count(self, connection: StoreConnection) -> int:
        return int(connection.execute("SELECT count(*) FROM message_search_docsize").fetchone()[0])

    def matching(self, connection: StoreConnection, query: Query, filters: Filters, span: Span) -> FoundPlaces | None:
        if query.is_blank and filters.among is None and not filters.tags(alone=True):
            return _of_all(filters, span)
        asked = query.asked(filters, frugal=True)
        if asked is None:
            return None
        place, table = "message_search.rowid", "FROM message_search"
        conditions, values = filters.conditions(alone=not query.wanted)
        if conditions:
            table += f" CROSS JOIN messages AS m ON m.arrival = {place} & {ARRIVAL_MASK}"
        where: list[str] = ["message_search MATCH ?", *conditions]
        all_values: list[int | str] = [fts5(asked), *values]
        if not span.is_everything:
            condition, moments = span.condition(place)
            where.append(condition)
            all_values += moments
        return _Source(f"{table} WHERE {' AND '.join(where)}", place, tuple(all_values))

    def count_matching(self, connection: StoreConnection, query: Query, filters: Filters, most: int) -> int | None:
        asked = query.asked(filters, frugal=True)
        if asked is None:
            return None
        some = "SELECT 1 FROM message_search WHERE message_search MATCH ? LIMIT ?"
        return int(connection.execute(f"SELECT count(*) FROM ({some})", (fts5(asked), most)).fetchone()[0])

    def lengths(self, connection: StoreConnection, places: Sequence[int]) -> Mapping[int, Any]:
        rows = connection.execute(
            f"SELECT id, length(sz), sz FROM message_search_docsize WHERE id IN ({', '.join('?' * len(places))})",
            places,
        )
        # sz: the number of words, as a varint of which more bytes mean more.
        return {place: (length, number) for place, length, number in rows}

    def fault(self, connection: StoreConnection) -> str | None:
        return index_fault(connection)


def _of_all(filters: Filters, span: Span) -> FoundPlaces:
    """Where no word and nothing that has a tag is wanted: of all that is found by anything, in order of time."""
    conditions, values = filters.conditions(alone=True)
    where, moments = span.condition("indexed.id")
    if filters.apart_from:
        conditions.append(f"m.chat NOT IN ({', '.join('?' * len(filters.apart_from))})")
    conditions.insert(0, where)
    sql = (
        "FROM message_search_docsize AS indexed CROSS JOIN messages AS m"
        f" ON m.arrival = indexed.id & {ARRIVAL_MASK} WHERE {' AND '.join(conditions)}"
    )
    return _Source(sql, "indexed.id", (*moments, *values, *filters.apart_from))


def _is_scattered(connection: StoreConnection) -> bool:
    rows = connection.execute("SELECT count(*) FROM message_search_idx GROUP BY segid")
    pages = [int(of_segment) for (of_segment,) in rows]
    everywhere = sum(pages)
    return everywhere > _SMALL and everywhere - max(pages) > _APART * everywhere


def _total_changes(connection: StoreConnection) -> int:
    return int(connection.execute("SELECT total_changes()").fetchone()[0])


def _replace_table(connection: StoreConnection) -> None:
    """SQLite opens a virtual table before it drops it, which a damaged one does not survive."""
    execute = connection.execute
    execute("PRAGMA writable_schema = ON")
    try:
        execute("DELETE FROM sqlite_master WHERE name = 'message_search'")
    finally:
        execute("PRAGMA writable_schema = RESET")
    for part in ("data", "idx", "docsize", "config"):
        execute(f"DROP TABLE IF EXISTS message_search_{part}")
    execute(SEARCH_TABLE)


TABLES: Final = FtsTables()

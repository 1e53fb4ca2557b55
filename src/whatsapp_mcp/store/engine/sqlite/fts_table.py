"""A contentless table of FTS5 with documents, whose rowids are the places of the messages.

It keeps no text: to take a message out, FTS5 must be given exactly the words that were put in.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import ARRIVAL_MASK
from whatsapp_mcp.store.search.folding import ASCII_SYMBOLS
from whatsapp_mcp.store.search.span import Span

_MERGED: Final = 64
"""Pages that are written at once, which takes some milliseconds."""
_SMALL: Final = 500
"""Pages that are quick to go through wherever they lie: of some thirty thousand messages."""
_APART: Final = 0.25
"""Share of the pages."""


@dataclass(frozen=True, slots=True)
class FtsTable:
    name: str

    @property
    def definition(self) -> str:
        return (
            f"CREATE VIRTUAL TABLE {self.name} USING fts5("
            f"document, content = '', tokenize = \"ascii tokenchars '{ASCII_SYMBOLS}'\")"
        )

    def change(self, connection: StoreConnection, changes: Iterable[tuple[int, str | None, str | None]]) -> None:
        """See ``SearchTables.change``."""
        execute = connection.execute
        delete = f"INSERT INTO {self.name} ({self.name}, rowid, document) VALUES ('delete', ?, ?)"
        insert = self._insert
        for place, old, new in changes:
            if old:
                execute(delete, (place, old))
            if new:
                execute(insert, (place, new))

    def add(self, connection: StoreConnection, documents: Iterable[tuple[int, str]]) -> None:
        """Places ascend."""
        connection.executemany(self._insert, documents)

    def clear(self, connection: StoreConnection) -> None:
        """Forget everything, however broken it is. Within a transaction."""
        try:
            connection.execute(f"INSERT INTO {self.name} ({self.name}) VALUES ('delete-all')")
        except sqlite3.DatabaseError:
            if not connection.in_transaction:  # SQLite ended it: more is wrong than the index
                raise
            self._replace(connection)

    def count(self, connection: StoreConnection) -> int:
        return int(connection.execute(f"SELECT count(*) FROM {self.name}_docsize").fetchone()[0])

    def is_larger(self, connection: StoreConnection, pages: int) -> bool:
        """Than so many pages in which words begin."""
        return connection.execute(f"SELECT 1 FROM {self.name}_idx LIMIT 1 OFFSET ?", (pages,)).fetchone() is not None

    def merge(self, connection: StoreConnection, *, begun: bool) -> bool:
        """A small part of making one segment of all; False when it is done, or was not needed.

        FTS5 leaves a history in some twenty segments, in all of which each word is looked up: that takes twice as long
        as in one.
        """
        if not begun and not self._is_scattered(connection):
            return False
        before = _total_changes(connection)
        connection.execute(  # less than nothing: of all segments
            f"INSERT INTO {self.name} ({self.name}, rank) VALUES ('merge', ?)", (_MERGED if begun else -_MERGED,)
        )
        return _total_changes(connection) - before >= 2  # as FTS5 tells that it did something

    def matching(self, expression: str, conditions: Sequence[str], values: Sequence[str], span: Span) -> FtsHits:
        """What fits ``expression``, and ``conditions`` on its message ``m`` with ``values`` for their marks."""
        place, table = f"{self.name}.rowid", f"FROM {self.name}"
        if conditions:
            table += f" CROSS JOIN messages AS m ON m.arrival = {place} & {ARRIVAL_MASK}"
        where: list[str] = [f"{self.name} MATCH ?", *conditions]
        all_values: list[int | str] = [expression, *values]
        if not span.is_everything:
            condition, moments = span.condition(place)
            where.append(condition)
            all_values += moments
        return FtsHits(f"{table} WHERE {' AND '.join(where)}", place, tuple(all_values))

    @property
    def _insert(self) -> str:
        return f"INSERT INTO {self.name} (rowid, document) VALUES (?, ?)"

    def _is_scattered(self, connection: StoreConnection) -> bool:
        rows = connection.execute(f"SELECT count(*) FROM {self.name}_idx GROUP BY segid")
        pages = [int(of_segment) for (of_segment,) in rows]
        everywhere = sum(pages)
        return everywhere > _SMALL and everywhere - max(pages) > _APART * everywhere

    def _replace(self, connection: StoreConnection) -> None:
        """SQLite opens a virtual table before it drops it, which a damaged one does not survive."""
        execute = connection.execute
        execute("PRAGMA writable_schema = ON")
        try:
            execute("DELETE FROM sqlite_master WHERE name = ?", (self.name,))
        finally:
            execute("PRAGMA writable_schema = RESET")
        for part in ("data", "idx", "docsize", "config"):
            execute(f"DROP TABLE IF EXISTS {self.name}_{part}")
        execute(self.definition)


@dataclass(frozen=True, slots=True)
class FtsHits:
    """``FoundPlaces`` of one statement."""

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


MESSAGE_SEARCH: Final = FtsTable("message_search")
"""That of all shown messages."""


def _total_changes(connection: StoreConnection) -> int:
    return int(connection.execute("SELECT total_changes()").fetchone()[0])

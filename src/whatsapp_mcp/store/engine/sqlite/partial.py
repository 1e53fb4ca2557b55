"""Two smaller indexes beside that of all messages, for what would take long in a large store.

FTS5 goes through whole lists. What begins with two letters is in the lists of all words that begin so, put together
before the first hit is told, though the newest ones are wanted: they are in an index of the newest messages alone. A
frequent word and a kind that few messages have are seldom together, and both lists are gone through for the next hit:
what is not plain text has an index of its own.

Each holds the documents of its messages from one place on, exactly: whatever changes from there on is changed in it
too, in the same transaction. It is filled from the newest message back, a small part at a time, when little comes
(``grow``), so that a history is not stored more slowly; a search asks it for what it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.engine.sqlite.fts_table import MESSAGE_SEARCH, FtsHits, FtsTable
from whatsapp_mcp.store.rows import ARRIVAL_MASK
from whatsapp_mcp.store.search.index import DOCUMENT_COLUMNS, documents, kind_tag
from whatsapp_mcp.store.search.span import Span

_LARGE: Final = 1000
"""Pages of the whole index, of some two hundred thousand messages: a smaller one is quick without these."""
_ENOUGH: Final = 30_000
"""Newest messages, at least."""
_SHARE: Final = 40
"""One of so many messages is among the newest: with what begins as fewer of them do, all lists are short."""
_TOO_MANY: Final = 4
"""Times that; it is begun anew then."""
_STRETCH: Final = 400
"""Messages that are looked at at once, which takes some milliseconds."""
_TOP: Final = 1 << 62
"""Above all places."""
_BOTTOM: Final = 1
"""The lowest place in a span without a start."""


@dataclass(frozen=True, slots=True)
class PartialIndex:
    table: FtsTable
    among: str
    """Which messages ``m`` are in it."""
    except_for: str | None
    """The tag of all others."""
    newest_only: bool

    def lowest(self, connection: StoreConnection) -> int:
        """From this place on, it holds all that it should; above all places where nothing was put into it."""
        row = connection.execute("SELECT lowest FROM partial_search WHERE name = ?", (self.table.name,)).fetchone()
        return int(row[0]) if row is not None else _TOP

    def change(self, connection: StoreConnection, changes: Sequence[tuple[int, str | None, str | None]]) -> None:
        """What changes in the whole index."""
        if not changes or changes[-1][0] < (lowest := self.lowest(connection)):
            return
        within = [(place, self._held(old), self._held(new)) for place, old, new in changes if place >= lowest]
        self.table.change(connection, within)

    def clear(self, connection: StoreConnection) -> None:
        """See ``FtsTable.clear``."""
        self.table.clear(connection)
        connection.execute("DELETE FROM partial_search WHERE name = ?", (self.table.name,))

    def grow(self, connection: StoreConnection) -> bool:
        """Put a small part more into it; False when there is enough in it. Within a transaction."""
        lowest = self.lowest(connection)
        if self.newest_only and lowest != _TOP:
            held, enough = self.table.count(connection), _enough(connection)
            if held > _TOO_MANY * enough:
                self.clear(connection)
                return True
            if held >= enough:
                return False
        if lowest <= _BOTTOM:
            return self.table.merge(connection, begun=False)
        if not MESSAGE_SEARCH.is_larger(connection, _LARGE):
            return False
        below = connection.execute(
            f"SELECT id FROM {MESSAGE_SEARCH.name}_docsize WHERE id < ? ORDER BY id DESC LIMIT 1 OFFSET ?",
            (lowest, _STRETCH - 1),
        ).fetchone()
        next_lowest = _BOTTOM if below is None else int(below[0])
        rows = connection.execute(
            f"SELECT {DOCUMENT_COLUMNS} FROM {MESSAGE_SEARCH.name}_docsize AS indexed"
            f" CROSS JOIN messages AS m ON m.arrival = indexed.id & {ARRIVAL_MASK}"
            " LEFT JOIN media ON media.arrival = m.arrival"
            f" WHERE indexed.id >= ? AND indexed.id < ? AND {self.among} ORDER BY indexed.id",
            (next_lowest, lowest),
        )
        self.table.add(connection, documents(rows))
        connection.execute("INSERT OR REPLACE INTO partial_search VALUES (?, ?)", (self.table.name, next_lowest))
        return True

    def _held(self, document: str | None) -> str | None:
        return None if document is None or (self.except_for and self.except_for in document.split()) else document


NEWEST: Final = PartialIndex(FtsTable("message_search_newest"), "TRUE", None, newest_only=True)
NOT_TEXT: Final = PartialIndex(
    FtsTable("message_search_not_text"), "m.kind != 'text'", kind_tag("text"), newest_only=False
)
PARTIAL: Final = (NEWEST, NOT_TEXT)
PARTIAL_TABLES: Final = (
    *(partial.table.definition for partial in PARTIAL),
    # From the place lowest on, the search table holds all that it should.
    "CREATE TABLE partial_search (name TEXT PRIMARY KEY, lowest INTEGER NOT NULL) STRICT, WITHOUT ROWID",
)
"""What makes them."""


def _enough(connection: StoreConnection) -> int:
    (newest,) = connection.execute("SELECT max(arrival) FROM messages").fetchone()
    return max(_ENOUGH, int(newest or 0) // _SHARE)


@dataclass(frozen=True, slots=True)
class NewestFirst:
    """``FoundPlaces`` that are looked for among the newest messages first."""

    among_newest: FtsHits
    anywhere: FtsHits
    span: Span

    def places(
        self, connection: StoreConnection, limit: int, *, offset: int = 0, before: int | None = None
    ) -> list[int]:
        lowest = NEWEST.lowest(connection)
        if lowest != _TOP and (before is None or before > lowest):
            found = self.among_newest.places(connection, limit, offset=offset, before=before)
            if len(found) == limit or lowest <= self.span.lowest:
                return found
        return self.anywhere.places(connection, limit, offset=offset, before=before)

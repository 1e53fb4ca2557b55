"""The search index as the writer changes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import ARRIVAL_MASK
from whatsapp_mcp.store.search.index import SHOWN_ROWS, documents
from whatsapp_mcp.store.search.tables import SearchTables
from whatsapp_mcp.waiting import waits_for

_AT_ONCE: Final = 5000
"""Rows that are read at once where they have no order to come in."""


class _Pending(NamedTuple):
    """What the index holds for a place, and what it shall hold."""

    old: str | None
    new: str | None


class SearchIndex:
    """Collects what a transaction changes, for ``flush``.

    Places reach the tables in ascending order: FTS5 writes out all it has in memory as a small segment of its own at
    each step back, and history comes newest first.
    """

    def __init__(self, connection: StoreConnection, tables: SearchTables) -> None:
        self._connection = connection
        self._tables = tables
        self._pending: dict[int, _Pending] = {}
        self._gathers = False

    def add(self, place: int, document: str | None) -> None:
        """None, here and below: the message is not to be found."""
        pending = self._pending.get(place)
        self._pending[place] = _Pending(pending.old if pending else None, document)

    def remove(self, place: int, document: str | None) -> None:
        """``document`` as it was added."""
        pending = self._pending.get(place)
        self._pending[place] = _Pending(pending.old if pending else document, None)

    def flush(self) -> None:
        changes = ((place, *self._pending[place]) for place in sorted(self._pending))
        self._tables.change(self._connection, [one for one in changes if one[1] != one[2]])
        self._pending.clear()

    def forget(self) -> None:
        self._pending.clear()
        self._gathers = False

    def gather(self) -> bool:
        """See ``SearchTables.gather``."""
        self._gathers = self._tables.gather(self._connection, begun=self._gathers)
        return self._gathers

    def move(self, chat: int, to: int) -> None:
        """All messages of one chat belong to another; to be called before their rows are changed."""
        rows = self._connection.execute(f"{SHOWN_ROWS} AND m.chat = ?", (chat,)).fetchall()
        for place, document in documents(rows):
            self.remove(place, document)
        for place, document in documents((place, to, *rest) for place, _, *rest in rows):
            self.add(place, document)

    def rebuild(self) -> int:
        """Make the whole index anew from the messages, however broken it is; within the caller's transaction.

        Returns:
            How many messages are in it.
        """
        (total,) = self._connection.execute("SELECT count(*) FROM messages").fetchone()
        with waits_for("making the search index", total=total, unit="messages") as wait:

            def noted() -> Iterator[tuple[int, str]]:
                for count, row in enumerate(documents(self._rows())):
                    wait.done = count
                    yield row

            self._tables.rebuild(self._connection, noted())
        return self._tables.count(self._connection)

    def _rows(self) -> Iterator[Any]:
        """Never all at once: there may be millions."""
        if self._tables.ascending:
            yield from self._connection.execute(f"{SHOWN_ROWS} ORDER BY m.place")
            return
        arrival = 0
        some = f"{SHOWN_ROWS} AND m.arrival > ? ORDER BY m.arrival LIMIT {_AT_ONCE}"
        while rows := self._connection.execute(some, (arrival,)).fetchall():
            yield from rows
            arrival = rows[-1]["place"] & ARRIVAL_MASK

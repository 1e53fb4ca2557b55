"""Which messages of a chat are unread: each one by itself, up to a place of the chat behind which nothing is read.

A second is too coarse: an automatic answer comes within the second in which we wrote. So "read" is a place
(``store.rows``), and what we wrote, read or marked reads what lies before it in our order. A message of the history
lies behind it only where its second does; it is unread when the phone counts it so, never because it came late.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import ARRIVAL_MASK, place_ceiling, place_floor
from whatsapp_mcp.store.write.chat_row import ChatRow

_ADD_NEW: Final = "INSERT INTO unread (arrival, chat, place) VALUES (?, ?, ?)"
_ADD: Final = f"{_ADD_NEW} ON CONFLICT DO NOTHING"
_READ: Final = "DELETE FROM unread WHERE chat = ? AND place <= ?"
_WRITTEN: Final = f"kind != '{MessageKind.NOTICE}'"
"""What happened to a group is nothing to read."""
_FIRST_READ: Final = (  # the newest message of others after so many of them
    "SELECT place FROM messages INDEXED BY messages_chat WHERE chat = ? AND place BETWEEN 1 AND ? AND from_me = 0"
    f" AND {_WRITTEN}"
    " ORDER BY place DESC LIMIT 1 OFFSET ?"
)
_ADD_BETWEEN: Final = (
    "INSERT INTO unread (arrival, chat, place) SELECT arrival, chat, place FROM messages"
    " INDEXED BY messages_chat WHERE chat = ? AND place > ? AND place <= ? AND from_me = 0"
    f" AND {_WRITTEN} ON CONFLICT DO NOTHING"
)
_NEWEST: Final = "SELECT max(place) FROM messages INDEXED BY messages_chat WHERE chat = ? AND place BETWEEN ? AND ?"
_NEWEST_OF_HISTORY: Final = (
    "SELECT place FROM messages INDEXED BY messages_chat WHERE chat = ? AND place > 0 AND from_history = 1"
    f" AND {_WRITTEN}"
    " ORDER BY place DESC LIMIT 1"
)

_AT_ONCE: Final = 5000
"""Places in one statement."""


class Unread:
    """The rows of ``unread``, and their number in the rows of ``chats``."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection

    def add(self, row: ChatRow, place: int, *, is_new: bool = False) -> None:
        """A message that is shown; it is read already when it lies before what is read.

        ``is_new``: nothing was ever said of its arrival number.
        """
        if place > row.read_place:
            add = _ADD_NEW if is_new else _ADD
            row.unread += self._connection.execute(add, (place & ARRIVAL_MASK, row.entity, place)).rowcount

    def remove(self, row: ChatRow, *places: int) -> None:
        """These messages are gone, hidden or read; whether or not they were unread."""
        arrivals = iter(place & ARRIVAL_MASK for place in places)
        while row.unread and (some := [*islice(arrivals, _AT_ONCE)]):
            gone = f"DELETE FROM unread WHERE arrival IN ({', '.join('?' * len(some))})"
            row.unread -= self._connection.execute(gone, some).rowcount

    def has(self, place: int) -> bool:
        sql = "SELECT 1 FROM unread WHERE arrival = ?"
        return self._connection.execute(sql, (place & ARRIVAL_MASK,)).fetchone() is not None

    def read(self, row: ChatRow, place: int) -> None:
        """Everything up to this place is read."""
        if place <= row.read_place:
            return
        row.read_place = place
        if row.unread:
            row.unread -= self._connection.execute(_READ, (row.entity, place)).rowcount

    def read_at(self, row: ChatRow, milliseconds: int) -> None:
        """Everything is read that was here at a moment: what is of its second, and here, is."""
        floor, ceiling = place_floor(milliseconds), place_ceiling(milliseconds)
        (newest,) = self._connection.execute(_NEWEST, (row.entity, floor, ceiling)).fetchone()
        self.read(row, newest if newest is not None else floor - 1)

    def count(self, row: ChatRow, count: int, until: int | None) -> None:
        """The phone counts so many unread messages: the newest ones of other people.

        Args:
            until: when the last message was sent that the phone knew of, milliseconds; later ones stay as they are.
                None: it knew of all that are here.
        """
        limit = self._counted_until(row, until)
        found = self._connection.execute(_FIRST_READ, (row.entity, limit, count)).fetchone()
        if count == 0:
            (newest,) = self._connection.execute(_NEWEST, (row.entity, 1, limit)).fetchone()
            self.read(row, newest or 0)
        elif found is not None:
            self.read(row, found[0])
        if count:
            between = (row.entity, row.read_place, limit)
            row.unread += self._connection.execute(_ADD_BETWEEN, between).rowcount

    def _counted_until(self, row: ChatRow, until: int | None) -> int:
        """The phone sends a chat in several parts, the newest messages first, each with the same count."""
        if until is None:
            return (1 << 63) - 1
        newest = self._connection.execute(_NEWEST_OF_HISTORY, (row.entity,)).fetchone()
        return max(place_ceiling(until), newest[0] if newest is not None else 0)

    def unite(self, one: ChatRow, other: ChatRow) -> None:
        """What is unread in ``other`` is so in ``one`` now, unless it lies before what is read there."""
        self._connection.execute("UPDATE unread SET chat = ? WHERE chat = ?", (one.entity, other.entity))
        one.unread += other.unread
        place, one.read_place = max(one.read_place, other.read_place), 0
        self.read(one, place)

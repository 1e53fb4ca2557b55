"""The chat rows: when something last happened, how much is in a chat, how much of it is unread; hidden messages apart.

Unread, as WhatsApp counts: a message from somebody else counts until it is read. Reading one (on any of our devices)
reads all before it, and so does writing into the chat. What the phone says about a chat (``ChatChanged.unread_count``)
replaces the count.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, fields
from typing import Final

from whatsapp_mcp.models.changes import ChatChanged
from whatsapp_mcp.store.rows import ARRIVAL_MASK, fitting, place_floor
from whatsapp_mcp.untrusted_text import encodable


@dataclass(slots=True)
class ChatRow:
    """A row of ``chats``, as it will be at the end of the transaction. Times in milliseconds."""

    entity: int
    name: str | None = None
    last_message_at: int | None = None
    ephemeral_expiration: int = 0
    unread_live: int = 0
    unread_base: int = 0
    read_until: int = 0
    archived: int = 0
    pinned: int = 0
    muted_until: int = 0
    message_count: int = 0
    media_count: int = 0
    sent_count: int = 0
    created_at: int = 0
    updated_at: int = 0
    deleted_until: int = -1
    cleared_until: int = -1
    cleared_unstarred_until: int = -1
    marked_unread: int = 0
    marked_at: int = 0
    gone: int = 0
    """A group that we are not in any more."""

    @property
    def empty_until(self) -> int:
        """No message up to this time is shown."""
        return max(self.deleted_until, self.cleared_until)

    @property
    def hides_until(self) -> int:
        """Up to this time messages may be hidden, later ones only one by one."""
        return max(self.deleted_until, self.cleared_until, self.cleared_unstarred_until)


_COLUMNS: Final = [field.name for field in fields(ChatRow)]
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM chats WHERE entity = ?"
_WRITE: Final = (
    f"INSERT INTO chats ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    f" ON CONFLICT (entity) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _COLUMNS[1:])}"
)
_UNREAD_AFTER: Final = (
    "SELECT count(*) FROM messages WHERE chat = ? AND place >= ? AND timestamp > ? AND from_me = 0 AND from_history = ?"
)
_UNREAD_HISTORY: Final = (  # at most so many
    "SELECT count(*) FROM (SELECT 1 FROM messages WHERE chat = ? AND place >= ? AND timestamp > ? AND from_me = 0"
    " AND from_history = 1 LIMIT ?)"
)

_LAST_MESSAGE: Final = (
    # Places ascend with the second, not within it.
    f"SELECT max(timestamp) FROM messages WHERE chat = ?1 AND place >= (SELECT place & ~{ARRIVAL_MASK} FROM messages"
    " WHERE chat = ?1 AND place > 0 ORDER BY place DESC LIMIT 1)"
)


class Chats:
    """Chat rows of one transaction: read when first needed, written by ``flush``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: dict[int, ChatRow] = {}

    def get(self, entity: int, now: int) -> ChatRow:
        """The row of a chat, made when there is none. Whoever asks is about to change it."""
        row = self._rows.get(entity)
        if row is None:
            row = self.stored(entity) or ChatRow(entity, created_at=now)
            self._rows[entity] = row
        row.updated_at = now
        return row

    def stored(self, entity: int) -> ChatRow | None:
        """The row as it stands in this transaction."""
        if entity in self._rows:
            return self._rows[entity]
        values = self._connection.execute(_SELECT, (entity,)).fetchone()
        return None if values is None else ChatRow(*values)

    def drop(self, entity: int) -> None:
        """Forget a row that the caller deletes."""
        self._rows.pop(entity, None)

    def flush(self) -> None:
        """Write what changed."""
        self._connection.executemany(
            _WRITE, [tuple(getattr(row, column) for column in _COLUMNS) for row in self._rows.values()]
        )
        self._rows.clear()

    def forget(self) -> None:
        self._rows.clear()

    # -- counting -----------------------------------------------------------------------------------------------------

    def message_added(self, row: ChatRow, *, timestamp: int, from_me: bool, live: bool, has_media: bool) -> None:
        """A message came, or one that was hidden is shown again."""
        row.message_count += 1
        row.media_count += has_media
        row.sent_count += from_me
        if row.last_message_at is None or timestamp > row.last_message_at:
            row.last_message_at = timestamp
        if live and from_me:
            self.read(row, timestamp)
        elif live and timestamp > row.read_until:
            row.unread_live += 1

    def messages_hidden(self, row: ChatRow, *, messages: int, media: int, sent: int) -> None:
        """So many messages (with media, of ours) are hidden now, or gone; their rows say so already."""
        row.message_count -= messages
        row.media_count -= media
        row.sent_count -= sent
        row.last_message_at = self._connection.execute(_LAST_MESSAGE, (row.entity,)).fetchone()[0]
        if row.unread_live:
            self.recount_unread(row)

    def messages_removed(self, row: ChatRow, *, messages: int, media: int, sent: int, unread: int) -> None:
        """So many messages that were shown are not kept any longer, ``unread`` of them counted in ``unread_live``.

        ``last_message_at`` stays: the chat keeps its place in the list.
        """
        row.message_count -= messages
        row.media_count -= media
        row.sent_count -= sent
        row.unread_live = max(0, min(row.unread_live - unread, row.message_count - row.sent_count))
        self.bound_unread(row)

    def message_passed_over(self, row: ChatRow, *, timestamp: int, from_me: bool, live: bool) -> None:
        """A message came that is not stored: the row is as if it had been stored and removed."""
        row.last_message_at = max(timestamp, row.last_message_at or 0)
        if live and from_me:
            self.read(row, timestamp)

    def bound_unread(self, row: ChatRow) -> None:
        """Of the unread messages that the phone told of, only those count that are here."""
        if row.unread_base:
            values = (row.entity, place_floor(row.read_until), row.read_until, row.unread_base)
            row.unread_base = self._connection.execute(_UNREAD_HISTORY, values).fetchone()[0]

    def read(self, row: ChatRow, until: int) -> None:
        """Everything up to ``until`` is read."""
        if until <= row.read_until:
            return
        row.read_until = until
        if row.unread_live:
            row.unread_live = self._unread_after(row, from_history=0)
        if row.unread_base:
            row.unread_base = min(row.unread_base, self._unread_after(row, from_history=1))

    def recount_unread(self, row: ChatRow) -> None:
        row.unread_live = self._unread_after(row, from_history=0)

    def _unread_after(self, row: ChatRow, *, from_history: int) -> int:
        values = (row.entity, place_floor(row.read_until), row.read_until, from_history)
        count: int = self._connection.execute(_UNREAD_AFTER, values).fetchone()[0]
        return count

    # -- what the phone says ------------------------------------------------------------------------------------------

    def changed(self, row: ChatRow, change: ChatChanged) -> None:
        if change.name:
            row.name = encodable(change.name)
        if change.is_member is not None:
            row.gone = int(not change.is_member)
        if change.ephemeral_expiration is not None:
            row.ephemeral_expiration = max(0, fitting(change.ephemeral_expiration))
        if change.archived is not None:
            row.archived = int(change.archived)
        if change.pinned is not None:
            row.pinned = int(change.pinned)
        if change.muted_until is not None:
            row.muted_until = fitting(change.muted_until)
        if change.unread_count is not None:
            self._set_unread(row, max(0, fitting(change.unread_count)))

    def _set_unread(self, row: ChatRow, count: int) -> None:
        if count >= row.unread_live:
            row.unread_base = count - row.unread_live
            return
        # Fewer than we counted: all but the newest ``count`` are read.
        found = self._connection.execute(
            "SELECT timestamp FROM messages WHERE chat = ? AND from_me = 0 AND from_history = 0"
            " ORDER BY place DESC LIMIT 1 OFFSET ?",
            (row.entity, count),
        ).fetchone()
        row.unread_base = 0
        if found is not None:
            row.read_until = max(row.read_until, found[0])
        row.unread_live = count

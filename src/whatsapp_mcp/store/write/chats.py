"""The chat rows: when something last happened, how much is in a chat, how much of it is unread; hidden messages apart.

Unread, as WhatsApp counts: a message from somebody else counts until it is read. Reading one (on any of our devices)
reads all before it, and so does writing into the chat: whoever writes has it open, and WhatsApp's clients confirm what
they show (those confirmations come as well, but may come later). What we send to a broadcast list is written into no
chat, and reads none. What the phone says about a chat (``ChatChanged.unread_count``)
replaces the count of what it knew of.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Final

from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.store.database import Inquiry, Row, StoreConnection
from whatsapp_mcp.store.rows import ARRIVAL_MASK, fitting, place_floor
from whatsapp_mcp.store.write.chat_row import ChatRow
from whatsapp_mcp.store.write.unread import Unread
from whatsapp_mcp.untrusted_text import encodable

_COLUMNS: Final = [field.name for field in fields(ChatRow)]
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM chats WHERE entity = ?"
_WRITE: Final = (
    f"INSERT INTO chats ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
    f" ON CONFLICT (entity) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in _COLUMNS[1:])}"
)
_LAST_MESSAGE: Final = (
    # Places ascend with the second, not within it.
    f"SELECT max(timestamp) FROM messages WHERE chat = ?1 AND place >= (SELECT place & ~{ARRIVAL_MASK} FROM messages"
    " WHERE chat = ?1 AND place > 0 ORDER BY place DESC LIMIT 1)"
)


class Chats:
    """Chat rows of one transaction: read when first needed, written by ``flush``."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._rows: dict[int, ChatRow] = {}
        self._said: dict[int, set[str]] = {}
        """Columns of chats about which something was said since this store was opened, other than by a history."""
        self._ahead: dict[int, Row | None] = {}
        """Rows as they were read at the beginning, where nobody has asked for them yet."""
        self.unread = Unread(connection)

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
        if entity in self._ahead:
            values = self._ahead[entity]
        else:
            values = self._connection.execute(_SELECT, (entity,)).fetchone()
        return None if values is None else ChatRow(*values)

    def read_ahead(self, inquiry: Inquiry, entities: Collection[int]) -> None:
        """Read the rows of some chats that will be asked for."""
        self._ahead = dict.fromkeys(entities)
        self._ahead |= {row[0]: row for row in inquiry.chats(self._connection, ", ".join(_COLUMNS), entities)}

    def drop(self, entity: int) -> None:
        """Forget a row that the caller deletes."""
        self._rows.pop(entity, None)
        self._ahead.pop(entity, None)

    def flush(self) -> None:
        """Write what changed."""
        self._connection.executemany(
            _WRITE, [tuple(getattr(row, column) for column in _COLUMNS) for row in self._rows.values()]
        )
        self.forget()

    def forget(self) -> None:
        self._rows.clear()
        self._ahead.clear()

    # -- counting -----------------------------------------------------------------------------------------------------

    def message_added(
        self,
        row: ChatRow,
        *,
        place: int,
        timestamp: int,
        from_me: bool,
        live: bool,
        has_media: bool,
        is_note: bool,
        reads: bool = True,
        is_new: bool = False,
    ) -> None:
        """A message came, or one that was hidden is shown again.

        Args:
            is_note: we wrote it to ourselves, elsewhere.
            reads: of one of ours, whether the chat was open when it was written.
            is_new: its arrival number was just given.
        """
        row.message_count += 1
        row.media_count += has_media
        row.sent_count += from_me
        if row.last_message_at is None or timestamp > row.last_message_at:
            row.last_message_at = timestamp
        if live and from_me and not is_note:
            if reads:
                self.unread.read(row, place)
        elif live:
            self.unread.add(row, place, is_new=is_new)

    def messages_hidden(self, row: ChatRow, *places: int, media: int, sent: int) -> None:
        """The messages at these places (with media, of ours) are hidden now, or gone; their rows say so already."""
        row.message_count -= len(places)
        row.media_count -= media
        row.sent_count -= sent
        row.last_message_at = self._connection.execute(_LAST_MESSAGE, (row.entity,)).fetchone()[0]
        self.unread.remove(row, *places)

    def messages_removed(self, row: ChatRow, *places: int, media: int, sent: int) -> None:
        """The messages at these places, which were shown, are not kept any longer.

        ``last_message_at`` stays: the chat keeps its place in the list.
        """
        row.message_count -= len(places)
        row.media_count -= media
        row.sent_count -= sent
        self.unread.remove(row, *places)

    def message_passed_over(self, row: ChatRow, *, timestamp: int, from_me: bool, live: bool) -> None:
        """A message came that is not stored: the row is as if it had been stored and removed."""
        row.last_message_at = max(timestamp, row.last_message_at or 0)
        if live and from_me:
            self.unread.read(row, place_floor(timestamp))

    # -- what the phone says ------------------------------------------------------------------------------------------

    def changed(self, row: ChatRow, change: ChatChanged) -> None:
        """A history is stored when there is time for it: what happened since counts."""
        told = _told(change)
        said = self._said.setdefault(row.entity, set())
        if not change.from_history:
            said.update(told)
        for column, value in told.items():
            if not change.from_history or column not in said:
                setattr(row, column, value)
        if change.unread_count is not None:
            self.unread.count(row, max(0, fitting(change.unread_count)), change.counted_until)


def _told(change: ChatChanged) -> dict[str, int | str]:
    """Columns and what they shall be."""
    told: dict[str, int | str] = {}
    if change.name:
        told["name"] = encodable(change.name)
    if change.is_member is not None:
        told["gone"] = int(not change.is_member)
    if change.ephemeral_expiration is not None:
        told["ephemeral_expiration"] = max(0, fitting(change.ephemeral_expiration))
    if change.archived is not None:
        told["archived"] = int(change.archived)
    if change.pinned is not None:
        told["pinned"] = int(change.pinned)
    if change.muted_until is not None:
        told["muted_until"] = fitting(change.muted_until)
    return told

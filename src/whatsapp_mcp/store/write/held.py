"""A message that is stored, as the writer looks at it."""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from whatsapp_mcp.models.changes import MessageKind
from whatsapp_mcp.store.rows import load_extra
from whatsapp_mcp.store.search.index import document_of

__all__ = ["Held", "find_held"]


class Held(NamedTuple):
    """What the writer needs to know of a stored message."""

    arrival: int
    place: int
    chat: int
    id: str
    sender: int
    wire_chat: int
    timestamp: int
    from_me: int
    from_history: int
    has_media: int
    kind: str
    text: str
    status: int | None
    extra: str | None
    edited_at: int | None
    revoked_at: int | None
    created_at: int
    author: int
    """The entity of ``sender``."""
    person: int
    """1 in a chat with one person."""
    file_name: str | None

    @property
    def is_placeholder(self) -> bool:
        return self.kind == MessageKind.UNDECRYPTABLE

    @property
    def is_hidden(self) -> bool:
        return self.place < 0

    @property
    def document(self) -> str | None:
        """What the search index holds for it."""
        if self.revoked_at is not None or self.is_hidden:
            return None
        return document_of(
            chat=self.chat,
            sender=self.sender,
            from_me=self.from_me,
            has_media=self.has_media,
            kind=self.kind,
            text=self.text,
            file_name=self.file_name,
            extra=load_extra(self.extra),
        )


_HELD: Final = (
    "SELECT m.arrival, m.place, m.chat, m.id, m.sender, m.wire_chat, m.timestamp, m.from_me, m.from_history,"
    " m.has_media, m.kind, m.text, m.status, m.extra, m.edited_at, m.revoked_at, m.created_at, addresses.entity,"
    " entities.kind = 'person', media.file_name"
    " FROM messages AS m JOIN addresses ON addresses.id = m.sender JOIN entities ON entities.id = m.chat"
    " LEFT JOIN media ON media.arrival = m.arrival WHERE m.chat = ? AND m.id = ?"
)


def find_held(connection: sqlite3.Connection, chat: int, message_id: str) -> Held | None:
    row = connection.execute(_HELD, (chat, message_id)).fetchone()
    return None if row is None else Held(*row)

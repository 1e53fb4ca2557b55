"""A stored message as the session needs it, hidden or not."""

from __future__ import annotations

import sqlite3
from typing import Final

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.store.records import StoredMessage
from whatsapp_mcp.store.rows import STATUS, read_content, stored_jid

__all__ = ["find_message"]

_FIND: Final = (
    "SELECT m.*, media.*, chat.jid AS chat_jid, author.jid AS sender_jid, wire_chat.jid AS wire_chat_jid,"
    " wire_sender.jid AS wire_sender_jid"
    " FROM chats CROSS JOIN messages AS m ON m.chat = chats.entity AND m.id = ?2"
    " JOIN entities AS chat ON chat.id = m.chat"
    " JOIN addresses AS wire_chat ON wire_chat.id = m.wire_chat"
    " JOIN addresses AS wire_sender ON wire_sender.id = m.sender"
    " JOIN entities AS author ON author.id = wire_sender.entity"
    " LEFT JOIN media ON media.arrival = m.arrival"
    " WHERE {where}"
)


def find_message(connection: sqlite3.Connection, message_id: str, chat: int | None) -> StoredMessage | None:
    """The message of this id, in one chat (an entity) or in any.

    Raises:
        InvalidArgument: without ``chat``, and several chats have a message of this id.
    """
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    # Without a chat, one look into the index per chat.
    where = "chats.entity = ?1" if chat is not None else "?1 IS NULL"
    rows = cursor.execute(_FIND.format(where=where), (chat, message_id)).fetchall()
    if not rows:
        return None
    if len(rows) > 1:
        raise InvalidArgument(f"several chats have a message {message_id}; say which with phone", field="phone")
    row = rows[0]
    return StoredMessage(
        id=row["id"],
        chat=stored_jid(row["chat_jid"]),
        sender=stored_jid(row["sender_jid"]),
        wire_chat=stored_jid(row["wire_chat_jid"]),
        wire_sender=stored_jid(row["wire_sender_jid"]),
        from_me=bool(row["from_me"]),
        timestamp=row["timestamp"],
        content=read_content(row),
        raw=row["raw"] or b"",
        status=None if row["status"] is None else STATUS[row["status"]],
        edited_at=row["edited_at"],
        revoked_at=row["revoked_at"],
    )

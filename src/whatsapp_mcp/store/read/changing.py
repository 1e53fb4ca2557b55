"""Marks of what changes: another one each time that something else would be shown."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.store.database import StoreConnection

LOOKED_AT: Final = 100
"""Messages of a chat, the newest ones."""
_CHATS: Final = "SELECT count(*), coalesce(max(updated_at), 0), coalesce(sum(message_count), 0) FROM chats"
_CHAT: Final = "SELECT updated_at, message_count FROM chats WHERE entity = ?"
_MESSAGES: Final = (
    "SELECT count(*), coalesce(max(arrival), 0), coalesce(max(updated_at), 0) FROM (SELECT m.arrival, m.updated_at"
    " FROM messages AS m INDEXED BY messages_chat WHERE m.chat = ? AND m.place > 0 ORDER BY m.place DESC LIMIT ?)"
)


def chats_mark(connection: StoreConnection) -> tuple[int, ...]:
    """Of the list of all chats."""
    return tuple(connection.execute(_CHATS).fetchone())


def chat_mark(connection: StoreConnection, chat: int) -> tuple[int, ...] | None:
    """Of a chat (an entity) and its newest messages, with what happened to them: edits, reactions, receipts."""
    row = connection.execute(_CHAT, (chat,)).fetchone()
    if row is None:
        return None
    return (*row, *connection.execute(_MESSAGES, (chat, LOOKED_AT)).fetchone())

"""The labels of a business account, and what they are on."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.models.views import Label
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.read.views import CHATS, chats_view

NAMED: Final = 20
"""Chats that are told of each label."""
_CHATS: Final = (
    f"{CHATS} JOIN chat_labels ON chat_labels.chat = chats.entity AND chat_labels.labelled = 1"
    " WHERE chat_labels.label = ? ORDER BY entities.folded, entities.jid"
)
_MESSAGES: Final = (
    "SELECT count(*) FROM (SELECT said.chat, said.message_id FROM message_labels AS said"
    " JOIN addresses AS target ON target.id = said.author"
    " JOIN messages ON messages.chat = said.chat AND messages.id = said.message_id"
    " AND messages.place >= 0 WHERE said.label = ? GROUP BY said.chat, said.message_id, target.entity"
    " HAVING max(said.changed_at * 2 + said.labelled) % 2 = 1)"
)
"""Of the two addresses of an author, what was said last counts."""


def labels(connection: StoreConnection) -> tuple[Label, ...]:
    """All that are not deleted, by name; of chats and messages only those that may be read."""
    rows = connection.execute("SELECT id, name, color FROM labels WHERE deleted = 0 ORDER BY name, id").fetchall()
    return tuple(_label(connection, row) for row in rows)


def label(connection: StoreConnection, label_id: str) -> Label | None:
    row = connection.execute("SELECT id, name, color FROM labels WHERE deleted = 0 AND id = ?", (label_id,)).fetchone()
    return _label(connection, row) if row is not None else None


def _label(connection: StoreConnection, row: Row) -> Label:
    chats = connection.execute(_CHATS, (row["id"],)).fetchall()
    (messages,) = connection.execute(_MESSAGES, (row["id"],)).fetchone()
    return Label(
        id=row["id"],
        name=row["name"],
        color=row["color"],
        chats=chats_view(connection, chats[:NAMED]),
        chat_count=len(chats),
        message_count=messages,
    )

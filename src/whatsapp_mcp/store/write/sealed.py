"""What came encrypted under the secret of a message that it is about, until that message is here and opens it.

What it says is not known before, so nothing of it is applied. What could not be opened is tried again when something
comes that may change that: the message it is about, or an address of who wrote either.
"""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import SealedReceived
from whatsapp_mcp.models.views import SealedStatement, SealedTarget
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import clamp, stored_jid
from whatsapp_mcp.store.write.held import messages_under
from whatsapp_mcp.store.write.identities import Address
from whatsapp_mcp.store.write.statements import NOBODY

AT_ONCE: Final = 200
"""Opened together."""

_KEEP: Final = (
    "INSERT INTO sealed (chat, message_id, author, sender, id, wire_chat, from_me, from_history, sent_at, due, raw)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1, ?)"
    " ON CONFLICT (chat, message_id, sender, id) DO UPDATE SET due = 1, raw = excluded.raw, from_history = CASE"
    " WHEN excluded.from_history < sealed.from_history THEN excluded.from_history ELSE sealed.from_history END"
)
_DUE: Final = (
    "SELECT sealed.number, sealed.id, message_id, chat, wire_chat.jid, sender.jid, sender.entity, author.jid,"
    " author.entity, from_me, from_history, sent_at, raw FROM sealed"
    " JOIN addresses AS wire_chat ON wire_chat.id = sealed.wire_chat"
    " JOIN addresses AS sender ON sender.id = sealed.sender LEFT JOIN addresses AS author ON author.id = sealed.author"
    f" WHERE due = 1 ORDER BY number LIMIT {AT_ONCE}"
)
_THEIRS: Final = "(SELECT id FROM addresses WHERE entity = :entity)"
_OF_PERSON: Final = (
    f"UPDATE sealed SET due = 1 WHERE due = 0 AND (sender IN {_THEIRS} OR EXISTS (SELECT 1 FROM messages AS m"
    f" WHERE m.chat = sealed.chat AND m.id = sealed.message_id AND m.sender IN {_THEIRS}))"
)
MOVES: Final = (
    "UPDATE sealed SET due = 1 WHERE chat IN (:kept, :gone)",
    "DELETE FROM sealed WHERE chat = :kept AND EXISTS (SELECT 1 FROM sealed AS other WHERE other.chat = :gone"
    " AND other.message_id = sealed.message_id AND other.sender = sealed.sender AND other.id = sealed.id)",
    "UPDATE sealed SET chat = :kept WHERE chat = :gone",
)
"""The chat ``gone`` is the chat ``kept``."""


class Sealed:
    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._any: bool | None = None
        """Whether there is anything; None when it must be looked up."""

    def forget(self) -> None:
        self._any = None

    def keep(self, change: SealedReceived, chat: Address, sender: Address, author: Address | None) -> None:
        """Keep it to be opened. ``author``: of the message that it is about, where that is told."""
        values = (chat.entity, change.message_id, author.id if author else NOBODY, sender.id, change.id, chat.id)
        flags = (int(change.from_me), int(change.from_history), clamp(change.timestamp))
        self._connection.execute(_KEEP, (*values, *flags, change.raw))
        self._any = True

    def message_came(self, chat: int, message_id: str) -> None:
        """What is about this message may be opened now."""
        if self._has_any():
            self._connection.execute("UPDATE sealed SET due = 1 WHERE chat = ? AND message_id = ?", (chat, message_id))

    def address_learned(self, entity: int) -> None:
        """Somebody has another address, which may have gone into a key."""
        if self._has_any():
            self._connection.execute(_OF_PERSON, {"entity": entity})

    def _has_any(self) -> bool:
        if self._any is None:
            self._any = self._connection.execute("SELECT 1 FROM sealed LIMIT 1").fetchone() is not None
        return self._any

    def due(self) -> tuple[SealedStatement, ...]:
        """What is to be tried, at most ``AT_ONCE``."""
        if self._any is False:
            return ()
        return tuple(self._statement(*row) for row in self._connection.execute(_DUE).fetchall())

    def opened(self, statement: SealedStatement) -> None:
        self._connection.execute("DELETE FROM sealed WHERE number = ?", (statement.number,))

    def not_opened(self, statement: SealedStatement) -> None:
        self._connection.execute("UPDATE sealed SET due = 0 WHERE number = ?", (statement.number,))

    def _statement(
        self,
        number: int,
        stanza_id: str,
        message_id: str,
        chat: int,
        wire_chat: str,
        sender: str,
        sender_entity: int,
        author: str | None,
        author_entity: int | None,
        from_me: int,
        from_history: int,
        sent_at: int,
        raw: bytes,
    ) -> SealedStatement:
        found = messages_under(self._connection, chat, message_id)
        found.sort(key=lambda one: one[0] != author_entity)
        return SealedStatement(
            number=number,
            id=stanza_id,
            message_id=message_id,
            chat=stored_jid(wire_chat),
            sender=stored_jid(sender),
            sender_forms=self._forms(sender_entity),
            from_me=bool(from_me),
            from_history=bool(from_history),
            timestamp=sent_at,
            raw=raw,
            author=stored_jid(author) if author is not None else None,
            about=tuple(SealedTarget(message, self._forms(entity)) for entity, message in found),
        )

    def _forms(self, entity: int) -> tuple[Jid, ...]:
        rows = self._connection.execute("SELECT jid FROM addresses WHERE entity = ? ORDER BY id", (entity,))
        return tuple(stored_jid(jid) for (jid,) in rows)

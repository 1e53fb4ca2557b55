"""What a message row shows of the things that were said about the message: edits, revokes, receipts.

Each of those is kept in a table of its own. ``settle`` works the row out from them, so that it makes no difference
whether the message came first.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from whatsapp_mcp.models import DeliveryStatus, MessageKind
from whatsapp_mcp.store.chats import Chats
from whatsapp_mcp.store.index import SearchIndex, words_of
from whatsapp_mcp.store.rows import RANK, load_extra

__all__ = ["Held", "Settling"]


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
    def words(self) -> str:
        """What the search index holds for it."""
        return "" if self.revoked_at is not None else words_of(self.text, self.file_name, load_extra(self.extra))


_HELD: Final = (
    "SELECT m.arrival, m.place, m.chat, m.id, m.sender, m.wire_chat, m.timestamp, m.from_me, m.from_history,"
    " m.has_media, m.kind, m.text, m.status, m.extra, m.edited_at, m.revoked_at, m.created_at, addresses.entity,"
    " entities.kind = 'person', media.file_name"
    " FROM messages AS m JOIN addresses ON addresses.id = m.sender JOIN entities ON entities.id = m.chat"
    " LEFT JOIN media ON media.arrival = m.arrival WHERE m.chat = ? AND m.id = ?"
)


class Settling:
    def __init__(self, connection: sqlite3.Connection, chats: Chats, index: SearchIndex) -> None:
        self._connection = connection
        self._chats = chats
        self._index = index
        self._awaited: int | None = None
        """How many messages are awaited; None when it must be counted again."""

    def forget(self) -> None:
        self._awaited = None

    def held(self, chat: int, message_id: str) -> Held | None:
        row = self._connection.execute(_HELD, (chat, message_id)).fetchone()
        return None if row is None else Held(*row)

    def arrived(self, chat: int, message_id: str, now: int) -> None:
        """A message was stored: apply what came before it."""
        if self._awaited is None:
            self._awaited = self._connection.execute("SELECT count(*) FROM awaited").fetchone()[0]
        if not self._awaited:
            return
        values = (chat, message_id)
        if self._connection.execute("DELETE FROM awaited WHERE chat = ? AND message_id = ?", values).rowcount:
            self._awaited -= 1
            self.settle(chat, message_id, now)

    def settle(self, chat: int, message_id: str, now: int) -> None:
        """Make the row say what edits, revokes and receipts say; if it is not here, remember that they wait for it."""
        held = self.held(chat, message_id)
        if held is None:
            self._connection.execute("INSERT OR IGNORE INTO awaited VALUES (?, ?)", (chat, message_id))
            self._awaited = None
            return
        held = self._settle_edit(held, now)
        self._settle_revoke(held, now)
        self._settle_receipts(held, now)

    def _settle_edit(self, held: Held, now: int) -> Held:
        found = self._connection.execute(
            "SELECT edited_at, addresses.entity, text, mentions, extra FROM edits"
            " JOIN addresses ON addresses.id = edits.sender"
            " WHERE chat = ? AND message_id = ? AND edited_at >= ? ORDER BY edited_at DESC",
            (held.chat, held.id, held.edited_at or 0),
        ).fetchall()
        for edited_at, author, text, mentions, extra in found:
            if not _is_author(held, author):
                continue
            self._index.remove(held.place, held.chat, held.words)
            self._update(
                held.arrival,
                now,
                "original_text = coalesce(original_text, text), text = ?, mentions = ?, extra = coalesce(?, extra),"
                " edited_at = ?",
                *(text, mentions, extra, edited_at),
            )
            held = held._replace(text=text, extra=extra or held.extra, edited_at=edited_at)
            self._index.add(held.place, held.chat, held.words)
            break
        return held

    def _settle_revoke(self, held: Held, now: int) -> None:
        found = self._connection.execute(
            "SELECT revoked_at, addresses.entity FROM revokes JOIN addresses ON addresses.id = revokes.sender"
            " WHERE chat = ? AND message_id = ?",
            (held.chat, held.id),
        ).fetchall()
        # In a group admins may, and who is one is not known here: WhatsApp's server checks it.
        times = [at for at, by in found if not held.person or _is_author(held, by)]
        if not times or min(times) == held.revoked_at:
            return
        if held.revoked_at is None:
            self._index.remove(held.place, held.chat, held.words)
            self._chats.get(held.chat, now).media_count -= held.has_media
        self._update(held.arrival, now, "revoked_at = ?, has_media = 0", min(times))

    def _settle_receipts(self, held: Held, now: int) -> None:
        delivered, read, played, read_by_us = self._connection.execute(
            "SELECT max(delivered_at IS NOT NULL AND NOT from_me), max(read_at IS NOT NULL AND NOT from_me),"
            " max(played_at IS NOT NULL AND NOT from_me), max((read_at IS NOT NULL OR played_at IS NOT NULL)"
            " AND from_me) FROM receipts WHERE chat = ? AND message_id = ?",
            (held.chat, held.id),
        ).fetchone()
        if read_by_us and not held.from_me:
            self._chats.read(self._chats.get(held.chat, now), held.timestamp)
        if not held.from_me or not held.person:
            # In a group the receipts say who got and read it; there is no one status.
            return
        reached = DeliveryStatus.PLAYED if played else DeliveryStatus.READ if read else DeliveryStatus.DELIVERED
        if (played or read or delivered) and RANK[reached] > (held.status if held.status is not None else -1):
            self._update(held.arrival, now, "status = ?", RANK[reached])

    def _update(self, arrival: int, now: int, assignments: str, *values: int | str | None) -> None:
        self._connection.execute(
            f"UPDATE messages SET {assignments}, updated_at = ? WHERE arrival = ?", (*values, now, arrival)
        )


def _is_author(held: Held, entity: int) -> bool:
    """Only the author edits a message, and deletes it for everyone in a chat of two.

    Our own other devices may name us by a LID that is not known to be ours yet: in a chat of two whoever is not the
    other one is us.
    """
    return entity == held.author or (bool(held.person and held.from_me) and entity != held.chat)

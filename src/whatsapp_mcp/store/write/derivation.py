"""What a message row shows of the things that were said about the message: edits, revokes, deletions, receipts.

Each of those is kept in a table of its own. ``derive`` works the row out from them, so that it makes no difference
whether the message came first.
"""

from __future__ import annotations

import sqlite3

from whatsapp_mcp.models.changes import DeliveryStatus
from whatsapp_mcp.store.rows import RANK
from whatsapp_mcp.store.search.index import SearchIndex
from whatsapp_mcp.store.write.chats import Chats
from whatsapp_mcp.store.write.held import Held, find_held, update_message
from whatsapp_mcp.store.write.visibility import Visibility


class Derivation:
    def __init__(
        self, connection: sqlite3.Connection, chats: Chats, index: SearchIndex, visibility: Visibility
    ) -> None:
        self._connection = connection
        self._chats = chats
        self._index = index
        self._visibility = visibility
        self._awaited: int | None = None
        """How many messages are awaited; None when it must be counted again."""

    def forget(self) -> None:
        self._awaited = None

    def arrived(self, chat: int, message_id: str, timestamp: int, now: int) -> None:
        """A message was stored: apply what came before it."""
        if self._taken(chat, message_id) or timestamp <= self._chats.get(chat, now).hides_until:
            self.derive(chat, message_id, now)

    def _taken(self, chat: int, message_id: str) -> bool:
        """Whether the message was awaited; now it is not any more."""
        if self._awaited is None:
            self._awaited = self._connection.execute("SELECT count(*) FROM awaited").fetchone()[0]
        if not self._awaited:
            return False
        values = (chat, message_id)
        found = self._connection.execute("DELETE FROM awaited WHERE chat = ? AND message_id = ?", values).rowcount > 0
        self._awaited -= found
        return found

    def derive(self, chat: int, message_id: str, now: int) -> None:
        """Make the row say what was said about the message; if it is not here, remember that something waits for it."""
        held = find_held(self._connection, chat, message_id)
        if held is None:
            self._connection.execute("INSERT OR IGNORE INTO awaited VALUES (?, ?)", (chat, message_id))
            self._awaited = None
            return
        held = self._apply_edits(held, now)
        held = self._apply_revokes(held, now)
        held = self._visibility.derive(held, now)
        self._apply_receipts(held, now)

    def _apply_edits(self, held: Held, now: int) -> Held:
        found = self._connection.execute(
            "SELECT edited_at, addresses.entity, text, mentions, extra FROM edits"
            " JOIN addresses ON addresses.id = edits.sender"
            " WHERE chat = ? AND message_id = ? AND edited_at >= ? ORDER BY edited_at DESC",
            (held.chat, held.id, held.edited_at or 0),
        ).fetchall()
        for edited_at, author, text, mentions, extra in found:
            if not _is_author(held, author):
                continue
            self._index.remove(held.place, held.document)
            update_message(
                self._connection,
                held.arrival,
                now,
                "original_text = coalesce(original_text, text), text = ?, mentions = ?, extra = coalesce(?, extra),"
                " edited_at = ?",
                *(text, mentions, extra, edited_at),
            )
            held = held._replace(text=text, extra=extra or held.extra, edited_at=edited_at)
            self._index.add(held.place, held.document)
            break
        return held

    def _apply_revokes(self, held: Held, now: int) -> Held:
        found = self._connection.execute(
            "SELECT revoked_at, addresses.entity FROM revokes JOIN addresses ON addresses.id = revokes.sender"
            " WHERE chat = ? AND message_id = ?",
            (held.chat, held.id),
        ).fetchall()
        # In a group admins may, and who is one is not known here: WhatsApp's server checks it.
        times = [at for at, by in found if not held.person or _is_author(held, by)]
        if not times or min(times) == held.revoked_at:
            return held
        if held.revoked_at is None:
            self._index.remove(held.place, held.document)
            if not held.is_hidden:
                self._chats.get(held.chat, now).media_count -= held.has_media
        update_message(self._connection, held.arrival, now, "revoked_at = ?, has_media = 0", min(times))
        return held._replace(revoked_at=min(times), has_media=0)

    def _apply_receipts(self, held: Held, now: int) -> None:
        delivered, read, played, read_by_us = self._connection.execute(
            "SELECT max(delivered_at IS NOT NULL AND NOT from_me), max(read_at IS NOT NULL AND NOT from_me),"
            " max(played_at IS NOT NULL AND NOT from_me), max((read_at IS NOT NULL OR played_at IS NOT NULL)"
            " AND from_me) FROM receipts WHERE chat = ? AND message_id = ?",
            (held.chat, held.id),
        ).fetchone()
        if read_by_us and not held.from_me:
            self._chats.unread.read(self._chats.get(held.chat, now), abs(held.place))
        if not held.from_me or not held.person:
            # In a group the receipts say who got and read it; there is no one status.
            return
        reached = DeliveryStatus.PLAYED if played else DeliveryStatus.READ if read else DeliveryStatus.DELIVERED
        if (played or read or delivered) and RANK[reached] > (held.status if held.status is not None else -1):
            update_message(self._connection, held.arrival, now, "status = ?", RANK[reached])


def _is_author(held: Held, entity: int) -> bool:
    """Only the author edits a message, and deletes it for everyone in a chat of two.

    Our own other devices may name us by a LID that is not known to be ours yet: in a chat of two whoever is not the
    other one is us.
    """
    return entity == held.author or (bool(held.person and held.from_me) and entity != held.chat)

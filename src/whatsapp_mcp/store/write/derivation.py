"""What a message row shows of the things that were said about the message: edits, revokes, deletions, receipts.

Each of those is kept in a table of its own. ``derive`` works the row out from them, so that it makes no difference
whether the message came first. What counts is decided here: an edit by the author, a revoke by the author or by an
admin of the group, receipts of others for our messages. docs/security.md, "Who may say what", has the whole table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind
from whatsapp_mcp.models.events import EventKind
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import RANK
from whatsapp_mcp.store.write.ahead import Ahead
from whatsapp_mcp.store.write.chats import Chats
from whatsapp_mcp.store.write.event_log import EventLog
from whatsapp_mcp.store.write.held import Held, held_under, is_note, update_message
from whatsapp_mcp.store.write.identities import Address
from whatsapp_mcp.store.write.search_index import SearchIndex
from whatsapp_mcp.store.write.statements import NOBODY, author_of, bind
from whatsapp_mcp.store.write.visibility import Visibility

_RECEIPTS: Final = (ReceiptKind.DELIVERED, ReceiptKind.READ, ReceiptKind.PLAYED)


class Derivation:
    def __init__(
        self,
        connection: StoreConnection,
        chats: Chats,
        index: SearchIndex,
        visibility: Visibility,
        events: EventLog,
        ahead: Ahead,
    ) -> None:
        self._connection = connection
        self._chats = chats
        self._index = index
        self._visibility = visibility
        self._events = events
        self._ahead = ahead
        self._awaited: int | None = None
        """How many messages are awaited; None when it must be counted again."""

    def forget(self) -> None:
        self._awaited = None

    def author(self, chat: int, message_id: str, told: Address | None) -> int:
        """The author to note with a statement about a message: an address, or ``NOBODY``; see ``statements``."""
        known = author_of(self._connection, chat, message_id, told)
        if known is None:
            self._await(chat, message_id)
            return NOBODY
        return known

    def arrived(self, chat: int, message_id: str, timestamp: int, now: int, *, alone: bool = True) -> None:
        """A message was stored: apply what came before it. ``alone``: no other one in the chat has its id."""
        awaited = self._taken(chat, message_id)
        if awaited or not alone or timestamp <= self._chats.get(chat, now).hides_until:
            self.derive_anew(chat, message_id, now)
        if awaited:
            self._tell_receipts(chat, message_id, now)

    def _tell_receipts(self, chat: int, message_id: str, now: int) -> None:
        """Who gets a message of ours may confirm it before it is stored here: only now it is known that it is ours, and
        what is told of a receipt that comes later is told."""
        found = self._connection.execute(
            "SELECT chat.kind, m.sender, receipts.sender, delivered_at, read_at, played_at"
            " FROM receipts JOIN messages AS m ON m.chat = receipts.chat AND m.id = receipts.message_id"
            " JOIN entities AS chat ON chat.id = m.chat WHERE receipts.chat = ? AND receipts.message_id = ?"
            " AND receipts.from_me = 0 AND m.from_me = 1 AND m.from_history = 0",
            (chat, message_id),
        ).fetchall()
        with self._events.told():
            for kind, author, sender, *moments in found:
                about, in_group = (chat, message_id, author), kind != "person"
                for receipt, at in zip(_RECEIPTS, moments, strict=True):
                    if at is not None:
                        self._events.receipt(receipt, about, sender, at, now, from_me=False, in_group=in_group)

    def derive_anew(self, chat: int, message_id: str, now: int) -> None:
        """The same as ``derive``, where something that was said before may be about a message that came now."""
        held = held_under(self._connection, chat, message_id)
        if len(held) == 1:
            bind(self._connection, chat, message_id, held[0].sender)
        self.derive(chat, message_id, now)

    def _await(self, chat: int, message_id: str) -> None:
        self._ahead.awaits(chat, message_id)
        added = self._connection.execute(
            "INSERT INTO awaited VALUES (?, ?) ON CONFLICT DO NOTHING", (chat, message_id)
        ).rowcount
        if self._awaited is not None:
            self._awaited += added

    def _taken(self, chat: int, message_id: str) -> bool:
        """Whether the message was awaited; now it is not any more."""
        if self._awaited is None:
            self._awaited = self._connection.execute("SELECT count(*) FROM awaited").fetchone()[0]
        if not self._awaited or self._ahead.is_awaited(chat, message_id) is False:
            return False
        values = (chat, message_id)
        found = self._connection.execute("DELETE FROM awaited WHERE chat = ? AND message_id = ?", values).rowcount > 0
        self._awaited -= found
        return found

    def derive(self, chat: int, message_id: str, now: int) -> None:
        """Make the rows of this id say what was said about them; if none is here, remember that something waits."""
        found = held_under(self._connection, chat, message_id)
        if not found:
            self._await(chat, message_id)
        first = min((abs(held.place) for held in found if not held.from_me), default=0)
        for held in found:
            edited = self._apply_edits(held, now)
            revoked = self._apply_revokes(edited, now)
            shown = self._visibility.derive(revoked, now)
            self._apply_receipts(shown, now, is_first=abs(held.place) == first)

    def _apply_edits(self, held: Held, now: int) -> Held:
        found = self._connection.execute(
            "SELECT edited_at, addresses.entity, edits.sender, text, mentions, extra FROM edits"
            " JOIN addresses ON addresses.id = edits.sender"
            " WHERE chat = ? AND message_id = ? AND edited_at >= ? ORDER BY edited_at DESC",
            (held.chat, held.id, held.edited_at or 0),
        ).fetchall()
        for edited_at, author, sender, text, mentions, extra in found:
            if not is_author(held, author):
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
            if edited_at != held.edited_at:
                self._told(EventKind.EDIT, held, (sender, author), edited_at, now)
            held = held._replace(text=text, extra=extra or held.extra, edited_at=edited_at)
            self._index.add(held.place, held.document)
            break
        return held

    def _apply_revokes(self, held: Held, now: int) -> Held:
        found = self._connection.execute(
            "SELECT revoked_at, author.entity, revoker.entity, by_admin, revokes.sender FROM revokes"
            " JOIN addresses AS author ON author.id = revokes.author"
            " JOIN addresses AS revoker ON revoker.id = revokes.sender WHERE chat = ? AND message_id = ?",
            (held.chat, held.id),
        ).fetchall()
        counting = [
            (at, sender, by)
            for at, of, by, by_admin, sender in found
            if is_author(held, of) and ((by_admin and not held.person) or is_author(held, by))
        ]
        revoked_at, *revoker = min(counting, default=(held.revoked_at, 0, 0))
        if revoked_at == held.revoked_at:
            return held
        if held.revoked_at is None:
            self._index.remove(held.place, held.document)
            if not held.is_hidden:
                self._chats.get(held.chat, now).media_count -= held.has_media
            self._told(EventKind.DELETION, held, revoker, revoked_at or now, now)
        update_message(self._connection, held.arrival, now, "revoked_at = ?, has_media = 0", revoked_at)
        return held._replace(revoked_at=revoked_at, has_media=0)

    def _told(self, kind: EventKind, held: Held, by: Sequence[int], at: int, now: int) -> None:
        """``by``: who did it, as an address and an entity."""
        sender, entity = by
        from_me = bool(held.from_me) and is_author(held, entity)
        self._events.happened(
            kind, held.chat, held.id, author=held.sender, sender=sender, from_me=from_me, at=at, now=now
        )

    def _apply_receipts(self, held: Held, now: int, *, is_first: bool) -> None:
        """``is_first``: of those of other people that have this id. Receipts of others are about our own message."""
        delivered, read, played, read_by_us = self._connection.execute(
            "SELECT max(CASE WHEN from_me = 0 THEN delivered_at END), max(CASE WHEN from_me = 0 THEN read_at END),"
            " max(CASE WHEN from_me = 0 THEN played_at END),"
            " max(CASE WHEN from_me = 1 THEN coalesce(read_at, played_at) END)"
            " FROM receipts WHERE chat = ? AND message_id = ?",
            (held.chat, held.id),
        ).fetchone()
        if read_by_us is not None and (is_note(self._connection, held.arrival) if held.from_me else is_first):
            self._chats.unread.read(self._chats.get(held.chat, now), abs(held.place))
        if not held.from_me or not held.person:
            # In a group the receipts say who got and read it; there is no one status.
            return
        if played is not None:
            reached = DeliveryStatus.PLAYED
        else:
            reached = DeliveryStatus.READ if read is not None else DeliveryStatus.DELIVERED
        if (played, read, delivered) != (None, None, None) and RANK[reached] > (
            held.status if held.status is not None else -1
        ):
            update_message(self._connection, held.arrival, now, "status = ?", RANK[reached])


def is_author(held: Held, entity: int) -> bool:
    """Only the author edits a message, and deletes it for everyone in a chat of two.

    Our own other devices may name us by a LID that is not known to be ours yet: in a chat of two whoever is not the
    other one is us.
    """
    return entity == held.author or (bool(held.person and held.from_me) and entity != held.chat)

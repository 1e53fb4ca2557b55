"""The message rows: stored once, whatever is delivered twice, and changed by what is said about them later.

What is said about a message (edit, revoke, receipt) is kept in a table of its own; ``settle`` works out from those what
the message row shows. So it makes no difference whether the message or the edit came first.
"""

from __future__ import annotations

import sqlite3
from typing import Final, NamedTuple

from whatsapp_mcp.jid import LID
from whatsapp_mcp.models import DeliveryStatus, MediaInfo, MessageKind, MessageReceived
from whatsapp_mcp.store.chats import Chats
from whatsapp_mcp.store.identity import Address
from whatsapp_mcp.store.index import SearchIndex, words_of
from whatsapp_mcp.store.rows import (
    MEDIA_COLUMNS,
    RANK,
    SLOT_BITS,
    clamp,
    clean,
    dump_extra,
    dump_mentions,
    load_extra,
    row_floor,
)

__all__ = ["Held", "Messages"]


class Held(NamedTuple):
    """What the writer needs to know of a stored message."""

    row: int
    chat: int
    id: str
    arrival: int
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
    "SELECT m.row, m.chat, m.id, m.arrival, m.sender, m.wire_chat, m.timestamp, m.from_me, m.from_history,"
    " m.has_media, m.kind, m.text, m.status, m.extra, m.edited_at, m.revoked_at, m.created_at, addresses.entity,"
    " entities.kind = 'person', media.file_name"
    " FROM messages AS m JOIN addresses ON addresses.id = m.sender JOIN entities ON entities.id = m.chat"
    " LEFT JOIN media ON media.row = m.row WHERE m.chat = ? AND m.id = ?"
)
_INSERTED: Final = (
    "row",
    "chat",
    "id",
    "arrival",
    "sender",
    "wire_chat",
    "timestamp",
    "from_me",
    "from_history",
    "has_media",
    "kind",
    "text",
    "status",
    "reply_to_id",
    "reply_to_sender",
    "reply_to_text",
    "mentions",
    "forwarded",
    "view_once",
    "expiration",
    "extra",
    "created_at",
    "updated_at",
)
_INSERT: Final = f"INSERT INTO messages ({', '.join(_INSERTED)}) VALUES ({', '.join('?' * len(_INSERTED))})"
_INSERT_MEDIA: Final = (
    f"INSERT INTO media (row, {', '.join(MEDIA_COLUMNS)}) VALUES ({', '.join('?' * (len(MEDIA_COLUMNS) + 1))})"
)


class Messages:
    def __init__(self, connection: sqlite3.Connection, chats: Chats, index: SearchIndex, arrival: int) -> None:
        """``arrival``: the highest number given so far."""
        self._connection = connection
        self._chats = chats
        self._index = index
        self.arrival = arrival
        self._slots: dict[int, int] = {}
        """Second -> the highest row number in it, within this transaction."""

    def forget(self, arrival: int) -> None:
        self.arrival = arrival
        self._slots.clear()

    def held(self, chat: int, message_id: str) -> Held | None:
        row = self._connection.execute(_HELD, (chat, message_id)).fetchone()
        return None if row is None else Held(*row)

    # -- storing ------------------------------------------------------------------------------------------------------

    def store(self, change: MessageReceived, wire_chat: Address, sender: Address, now: int) -> int | None:
        """Store a message.

        Returns:
            Its arrival number when those who wait for messages should see it: it is new, or was a placeholder or known
            from the history only. None when it was here already.
        """
        chat = wire_chat.entity
        held = self.held(chat, change.id)
        if held is None:
            self._insert(change, wire_chat, sender, now)
            if self._expected(chat, change.id):
                self.settle(chat, change.id, now)
            return self.arrival
        return self._repeated(held, change, wire_chat, sender, now)

    def _repeated(
        self, held: Held, change: MessageReceived, wire_chat: Address, sender: Address, now: int
    ) -> int | None:
        if held.is_placeholder and change.content.kind is not MessageKind.UNDECRYPTABLE:
            self._replace(held, change, wire_chat, sender, now)
            return self.arrival
        status = max(_rank(change), held.status if held.status is not None else -1)
        if change.from_me and status != held.status:
            self._update(held.row, now, "status = ?", status)
        if change.raw:
            self._connection.execute("INSERT OR IGNORE INTO protobufs VALUES (?, ?)", (held.row, change.raw))
        if change.chat.server == LID and wire_chat.id != held.wire_chat:
            # One person's chat came under both forms; the LID is the one that WhatsApp goes on with.
            self._update(held.row, now, "wire_chat = ?, sender = ?", wire_chat.id, sender.id)
        if held.from_history and not change.from_history:
            return self._came_alive(held, now)
        return None

    def _came_alive(self, held: Held, now: int) -> int:
        """Known from the history, and now delivered to us as well."""
        self.arrival += 1
        self._update(held.row, now, "from_history = 0, arrival = ?", self.arrival)
        chat = self._chats.get(held.chat, now)
        if held.from_me:
            self._chats.read(chat, held.timestamp)
        self._chats.recount_unread(chat)
        return self.arrival

    def _replace(self, held: Held, change: MessageReceived, wire_chat: Address, sender: Address, now: int) -> None:
        """A placeholder gives way to the message it stood for."""
        self.remove(held, now)
        prefer_held = change.chat.server != LID
        self._insert(
            change,
            Address(held.wire_chat, held.chat) if prefer_held else wire_chat,
            sender,
            now,
            created_at=held.created_at,
            from_history=min(held.from_history, int(change.from_history)),
            status=held.status,
        )
        self._chats.recount_unread(self._chats.get(held.chat, now))
        self.settle(held.chat, held.id, now)

    def _insert(
        self,
        change: MessageReceived,
        wire_chat: Address,
        sender: Address,
        now: int,
        *,
        created_at: int | None = None,
        from_history: int | None = None,
        status: int | None = None,
    ) -> None:
        content, chat = change.content, wire_chat.entity
        timestamp = clamp(change.timestamp)
        row = self._free_row(timestamp)
        self.arrival += 1
        from_me = int(change.from_me)
        history = int(change.from_history) if from_history is None else from_history
        has_media = int(content.media is not None)
        quote = content.quote
        text = clean(content.text)
        values = (
            row,
            chat,
            change.id,
            self.arrival,
            sender.id,
            wire_chat.id,
            timestamp,
            from_me,
            history,
            has_media,
            content.kind.value,
            text,
            max(_rank(change), -1 if status is None else status) if from_me else None,
            quote.message_id if quote else None,
            str(quote.participant) if quote and quote.participant else None,
            clean(quote.text) if quote else None,
            dump_mentions(content.mentions),
            int(content.forwarded),
            int(content.view_once),
            content.expiration,
            dump_extra(content.extra),
            created_at or now,
            now,
        )
        self._connection.execute(_INSERT, values)
        file_name = self._insert_media(row, content.media) if content.media else None
        if change.raw:
            self._connection.execute("INSERT INTO protobufs VALUES (?, ?)", (row, change.raw))
        self._index.add(row, chat, words_of(text, file_name, content.extra))
        self._chats.message_added(
            chat, now, timestamp=timestamp, from_me=from_me, from_history=history, has_media=has_media
        )

    def _insert_media(self, row: int, media: MediaInfo) -> str | None:
        file_name = clean(media.file_name) if media.file_name else None
        values = [getattr(media, column) for column in MEDIA_COLUMNS]
        values[MEDIA_COLUMNS.index("file_name")] = file_name
        self._connection.execute(_INSERT_MEDIA, (row, *values))
        return file_name

    def remove(self, held: Held, now: int) -> None:
        """Take a row out: another row says the same and more."""
        self._index.remove(held.row, held.chat, held.words)
        for table in ("protobufs", "media", "messages"):
            self._connection.execute(f"DELETE FROM {table} WHERE row = ?", (held.row,))
        chat = self._chats.get(held.chat, now)
        chat.message_count -= 1
        chat.media_count -= held.has_media
        chat.sent_count -= held.from_me

    def _free_row(self, timestamp: int) -> int:
        floor = row_floor(timestamp)
        last = self._slots.get(floor)
        if last is None:
            found = self._connection.execute(
                "SELECT max(row) FROM messages WHERE row BETWEEN ? AND ?", (floor, floor + (1 << SLOT_BITS) - 1)
            ).fetchone()[0]
            last = floor - 1 if found is None else found
        row = self._slots[floor] = last + 1
        return row

    def end_transaction(self) -> None:
        self._slots.clear()

    # -- what is said about a message ---------------------------------------------------------------------------------

    def settle(self, chat: int, message_id: str, now: int) -> None:
        """Make the row say what edits, revokes and receipts say; if it is not here, remember that they wait for it."""
        held = self.held(chat, message_id)
        if held is None:
            self._connection.execute("INSERT OR IGNORE INTO awaited VALUES (?, ?)", (chat, message_id))
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
            self._index.remove(held.row, held.chat, held.words)
            self._update(
                held.row,
                now,
                "original_text = coalesce(original_text, text), text = ?, mentions = ?, extra = coalesce(?, extra),"
                " edited_at = ?",
                *(text, mentions, extra, edited_at),
            )
            held = held._replace(text=text, extra=extra or held.extra, edited_at=edited_at)
            self._index.add(held.row, held.chat, held.words)
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
            self._index.remove(held.row, held.chat, held.words)
            self._chats.get(held.chat, now).media_count -= held.has_media
        self._update(held.row, now, "revoked_at = ?, has_media = 0", min(times))

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
            self._update(held.row, now, "status = ?", RANK[reached])

    def _expected(self, chat: int, message_id: str) -> bool:
        cursor = self._connection.execute("DELETE FROM awaited WHERE chat = ? AND message_id = ?", (chat, message_id))
        return cursor.rowcount > 0

    def _update(self, row: int, now: int, assignments: str, *values: int | str | None) -> None:
        self._connection.execute(
            f"UPDATE messages SET {assignments}, updated_at = ? WHERE row = ?", (*values, now, row)
        )


def _rank(change: MessageReceived) -> int:
    """A message of ours of which nothing is said was sent: it came from another device of ours, or the history."""
    return RANK[change.status or DeliveryStatus.SENT] if change.from_me else -1


def _is_author(held: Held, entity: int) -> bool:
    """Only the author edits a message, and deletes it for everyone in a chat of two.

    Our own other devices may name us by a LID that is not known to be ours yet: in a chat of two whoever is not the
    other one is us.
    """
    return entity == held.author or (bool(held.person and held.from_me) and entity != held.chat)

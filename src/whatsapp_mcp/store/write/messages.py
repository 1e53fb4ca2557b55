"""The message rows: each message stored once, whatever is delivered twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Final, NamedTuple

from whatsapp_mcp.jid import LID, Jid
from whatsapp_mcp.models.changes import MessageReceived, MessageTranscribed
from whatsapp_mcp.models.content import (
    BROADCAST_LIST,
    QUOTED_TEXT,
    TRANSCRIPT,
    TRANSCRIPT_BY_MACHINE,
    TRANSCRIPT_LANGUAGE,
    Content,
    MediaInfo,
    MessageKind,
)
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.models.events import EventKind
from whatsapp_mcp.models.notices import Happening
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import RANK, clamp, dump_extra, dump_jid, dump_mentions, fitting, load_extra, place_of
from whatsapp_mcp.store.search.index import document_of
from whatsapp_mcp.store.write.ahead import Ahead
from whatsapp_mcp.store.write.chats import Chats
from whatsapp_mcp.store.write.derivation import Derivation
from whatsapp_mcp.store.write.event_log import EventLog
from whatsapp_mcp.store.write.held import Held, find_held, update_message
from whatsapp_mcp.store.write.identities import Address, Identities
from whatsapp_mcp.store.write.mentioned import with_mentioned
from whatsapp_mcp.store.write.parts import belonging_to, keeps_first_file, parent_of, twin_of, twins_before
from whatsapp_mcp.store.write.search_index import SearchIndex
from whatsapp_mcp.untrusted_text import encodable

_INSERTED: Final = (
    "arrival, place, chat, id, sender, wire_chat, timestamp, from_me, from_history, has_media, kind, text, status,"
    " reply_to_id, reply_to_sender, reply_to_text, mentions, forwarded, view_once, expiration, extra, created_at,"
    " updated_at, raw, parent_id"
)
_QUOTED: Final = (
    "SELECT 1 FROM messages AS m JOIN addresses ON addresses.id = m.sender WHERE m.chat = ?1 AND m.id = ?2"
    " AND (CAST(?3 AS TEXT) IS NULL OR addresses.entity = (SELECT entity FROM addresses WHERE jid = ?3))"
)
_MEDIA_COLUMNS: Final = tuple(field.name for field in fields(MediaInfo))
_INSERT: Final = f"INSERT INTO messages ({_INSERTED}) VALUES ({', '.join('?' * (_INSERTED.count(',') + 1))})"
_TAKEN: Final = "SELECT 1 FROM messages WHERE chat = ? AND id = ?"
"""Apart from the insertion: in one statement the two take half as long again."""
_INSERT_MEDIA: Final = (
    f"INSERT INTO media (arrival, {', '.join(_MEDIA_COLUMNS)}) VALUES ({', '.join('?' * (len(_MEDIA_COLUMNS) + 1))})"
)


class _Kept(NamedTuple):
    """What a message inherits from the row that it replaces."""

    created_at: int
    from_history: int
    status: int | None
    place: int


class Messages:
    def __init__(
        self,
        connection: StoreConnection,
        chats: Chats,
        index: SearchIndex,
        derivation: Derivation,
        events: EventLog,
        identities: Identities,
        ahead: Ahead,
    ) -> None:
        self._connection = connection
        self._chats = chats
        self._index = index
        self._derivation = derivation
        self._events = events
        self._identities = identities
        self._ahead = ahead

    def store(self, change: MessageReceived, wire_chat: Address, sender: Address, now: int) -> None:
        """Store a message. It gets a new arrival number when those who wait for messages should see it: it is new, or
        was a placeholder or known from the history only.
        """
        chat, timestamp = wire_chat.entity, clamp(change.timestamp)
        if change.content.kind is MessageKind.NOTICE:
            self._told(_kind_of_notice(change.content.extra), chat, change.id, sender.id, timestamp, now)
        first = twin_of(self._connection, change, chat, sender)
        if first is not None:
            self._take_file(first, change, now)
            self.redeem(chat, change.id, sender, now)
            return
        if self._insert(change, wire_chat, sender, now):
            self._derivation.arrived(chat, change.id, timestamp, now)
            return
        held = find_held(self._connection, chat, change.id, sender)
        if held is None:  # the id is taken, by somebody else's message
            self._connection.execute("INSERT INTO shared_ids VALUES (?, ?) ON CONFLICT DO NOTHING", (chat, change.id))
            self._insert(change, wire_chat, sender, now, also=True)
            self._derivation.arrived(chat, change.id, timestamp, now, alone=False)
        elif held.is_placeholder and change.content.kind is not MessageKind.UNDECRYPTABLE:
            self._replace(held, change, wire_chat, sender, now)
        else:
            self._repeated(held, change, wire_chat, sender, now)

    def redeem(self, chat: int, message_id: str, author: Address, now: int) -> None:
        """Take out the placeholder of what came after all, if there is one, and turned out to be no message."""
        held = find_held(self._connection, chat, encodable(message_id), author)
        if held is not None and held.is_placeholder:
            self._remove(held, now)

    def transcribed(self, chat: int, author: Address, change: MessageTranscribed, now: int) -> None:
        """Keep with a message what is said in it; one that is not here, or not any more, says nothing."""
        held = find_held(self._connection, chat, encodable(change.message_id), author)
        if held is None or held.revoked_at is not None:
            return
        heard = {
            TRANSCRIPT: change.text,
            TRANSCRIPT_BY_MACHINE: True,
            TRANSCRIPT_LANGUAGE: change.language,
        }
        extra = dump_extra({**load_extra(held.extra), **heard})
        self._reindex(held, held._replace(extra=extra))
        update_message(self._connection, held.arrival, now, "extra = ?", extra)

    def absorb(self, better: Held, worse: Held, now: int) -> Held:
        """Of two rows for one message keep the better one, with what the other one knows beyond it."""
        (raw,) = self._connection.execute("SELECT raw FROM messages WHERE arrival = ?", (worse.arrival,)).fetchone()
        if self._chats.unread.has(worse.place) and not better.is_hidden:
            self._chats.unread.add(self._chats.get(better.chat, now), better.place)
        self._remove(worse, now)
        sender = worse.sender if self._is_lid(worse.sender) else better.sender
        kept = better._replace(
            status=max((status for status in (better.status, worse.status) if status is not None), default=None),
            created_at=min(better.created_at, worse.created_at),
            from_history=min(better.from_history, worse.from_history),
            wire_chat=worse.wire_chat if self._is_lid(worse.wire_chat) else better.wire_chat,
            sender=sender,
        )
        self._reindex(better, kept)
        update_message(
            self._connection,
            better.arrival,
            now,
            "status = ?, created_at = ?, from_history = ?, wire_chat = ?, sender = ?, raw = coalesce(raw, ?)",
            *(kept.status, kept.created_at, kept.from_history, kept.wire_chat, kept.sender, raw),
        )
        return kept

    # -- a message that is here already -------------------------------------------------------------------------------

    def _repeated(self, held: Held, change: MessageReceived, wire_chat: Address, sender: Address, now: int) -> None:
        rank = max(_rank(change), -1 if held.status is None else held.status)
        if change.from_me and rank >= 0 and rank != held.status:
            update_message(self._connection, held.arrival, now, "status = ?", rank)
        if change.raw:
            self._connection.execute(
                "UPDATE messages SET raw = ? WHERE arrival = ? AND raw IS NULL", (change.raw, held.arrival)
            )
        if held.is_placeholder and change.content.extra:  # it could not be decrypted, and then was, and was lost
            said = (dump_extra(change.content.extra), change.content.view_once)
            update_message(
                self._connection,
                held.arrival,
                now,
                "extra = ?, view_once = CASE WHEN ? = 1 THEN 1 ELSE view_once END",
                *said,
            )
        if held.kind == change.content.kind == MessageKind.CALL:
            held = self._call_ended(held, change.content, now)
        wire = _wire_forms(held, change, wire_chat, sender)
        if wire != (held.wire_chat, held.sender):
            update_message(self._connection, held.arrival, now, "wire_chat = ?, sender = ?", *wire)
            found = held._replace(wire_chat=wire[0], sender=wire[1])
            self._reindex(held, found)
            held = found
        if held.from_history and not change.from_history:
            self._came_alive(held, now)

    def _call_ended(self, held: Held, content: Content, now: int) -> Held:
        """The first outcome counts: whoever declined a call is told of its end once more."""
        known = load_extra(held.extra)
        if "outcome" not in content.extra or "outcome" in known:
            return held
        self._events.happened(
            EventKind.CALL,
            held.chat,
            held.id,
            author=held.sender,
            sender=held.sender,
            from_me=False,
            at=now,
            now=now,
            facts={"outcome": content.extra["outcome"]},
        )
        text, extra = encodable(content.text), dump_extra({**known, **content.extra})
        update_message(self._connection, held.arrival, now, "text = ?, extra = ?", text, extra)
        found = held._replace(text=text, extra=extra)
        self._reindex(held, found)
        return found

    def _came_alive(self, held: Held, now: int) -> None:
        """Known from the history, and now delivered to us as well."""
        arrival = self._events.next_arrival()
        place = place_of(held.timestamp, arrival)
        if held.is_hidden:
            place = -place
        self._reindex(held, held._replace(place=place))
        update_message(self._connection, held.arrival, now, "from_history = 0, arrival = ?, place = ?", arrival, place)
        chat, unread = self._chats.get(held.chat, now), self._chats.unread
        chat.newest_arrival = arrival
        is_note = held.from_me and held.author == held.chat
        if is_note:
            self._note(arrival)
        elif held.from_me:
            self._told(EventKind.OWN_MESSAGE, held.chat, held.id, held.sender, held.timestamp, now)
        if held.from_me and not is_note:
            unread.read(chat, abs(place))
        elif abs(held.place) > chat.read_place:  # else it is read, though its place is a later one of its second now
            unread.remove(chat, held.place)
            if place > 0:
                unread.add(chat, place)

    def _replace(self, held: Held, change: MessageReceived, wire_chat: Address, sender: Address, now: int) -> None:
        """A placeholder gives way to the message it stood for."""
        self._remove(held, now)
        chat_address, sender_address = _wire_forms(held, change, wire_chat, sender)
        self._insert(
            change,
            Address(chat_address, held.chat),
            Address(sender_address, sender.entity),
            now,
            _Kept(held.created_at, min(held.from_history, int(change.from_history)), held.status, held.place),
            also=True,
        )
        self._derivation.derive(held.chat, held.id, now)

    def _remove(self, held: Held, now: int) -> None:
        """Take a row out: another row says the same and more."""
        self._index.remove(held.place, held.document)
        self._connection.execute("DELETE FROM media WHERE arrival = ?", (held.arrival,))
        self._connection.execute("DELETE FROM messages WHERE arrival = ?", (held.arrival,))
        self._ahead.removed(held.chat, held.id)
        if not held.is_hidden:
            chat = self._chats.get(held.chat, now)
            self._chats.messages_hidden(chat, held.place, media=held.has_media, sent=held.from_me)

    def _reindex(self, old: Held, new: Held) -> None:
        self._index.remove(old.place, old.document)
        self._index.add(new.place, new.document)

    def _is_lid(self, address: int) -> bool:
        jid: str = self._connection.execute("SELECT jid FROM addresses WHERE id = ?", (address,)).fetchone()[0]
        return jid.endswith(f"@{LID}")

    # -- a picture that comes twice -----------------------------------------------------------------------------------

    def _take_file(self, first: Held, change: MessageReceived, now: int) -> None:
        """Give a row the file of what shows it again; and its caption, if it has none."""
        media, text = change.content.media, first.text or encodable(change.content.text)
        assert media is not None
        shown = first._replace(text=text)
        if not keeps_first_file(change.content.extra):
            self._connection.execute("DELETE FROM media WHERE arrival = ?", (first.arrival,))
            shown = shown._replace(file_name=self._insert_media(first.arrival, media))
            self._connection.execute("UPDATE media SET message = ? WHERE arrival = ?", (change.raw, first.arrival))
        self._reindex(first, shown)
        update_message(self._connection, first.arrival, now, "text = ?", text)

    def _take_twins(self, chat: int, message_id: str, author: Address, now: int) -> None:
        """What shows this new message again came before it: its row gives way."""
        if self._ahead.has_parts(chat, message_id) is False or not belonging_to(self._connection, chat, message_id):
            return
        first = find_held(self._connection, chat, message_id, author)
        if first is None:
            return
        for twin in list(twins_before(self._connection, first, author)):
            if not keeps_first_file(load_extra(twin.extra)):
                raw = "(SELECT raw FROM messages WHERE arrival = ?2)"
                self._connection.execute("DELETE FROM media WHERE arrival = ?", (first.arrival,))
                self._connection.execute(
                    f"UPDATE media SET arrival = ?1, message = coalesce(message, {raw}) WHERE arrival = ?2",
                    (first.arrival, twin.arrival),
                )
            self._remove(twin, now)
            shown = first._replace(text=first.text or twin.text, file_name=twin.file_name or first.file_name)
            self._reindex(first, shown)
            update_message(self._connection, first.arrival, now, "text = ?", shown.text)
            first = shown

    # -- a new row ----------------------------------------------------------------------------------------------------

    def _insert(
        self,
        change: MessageReceived,
        wire_chat: Address,
        sender: Address,
        now: int,
        kept: _Kept | None = None,
        *,
        also: bool = False,
    ) -> bool:
        """False when the id is taken in this chat; ``also``: even then it is stored."""
        chat = wire_chat.entity
        if not also and self._is_taken(chat, change.id):
            return False
        content = self._with_unknown_quote(chat, change.content)
        extra = with_mentioned(self._connection, content)
        if extra is not content.extra:
            content = replace(content, extra=extra)
        timestamp, from_me, media = clamp(change.timestamp), change.from_me, content.media
        from_history = kept.from_history if kept else change.from_history
        rank = max(_rank(change), -1 if kept is None or kept.status is None else kept.status)
        status = rank if from_me and rank >= 0 else None
        text = encodable(content.text)
        arrival = self._events.arrival + 1
        place = place_of(timestamp, arrival)
        values = (
            arrival,
            place,
            chat,
            change.id,
            sender.id,
            wire_chat.id,
            timestamp,
            *map(int, (from_me, from_history, media is not None)),  # what is not exactly int or str takes longer
            content.kind.value,
            text,
            status,
            *_described(content),
            kept.created_at if kept else now,
            now,
            change.raw or None,
            parent := parent_of(content.extra),
        )
        self._connection.execute(_INSERT, values)
        self._ahead.stored(chat, change.id, sender.entity, parent)
        self._events.next_arrival()
        file_name = self._insert_media(arrival, media) if media else None
        self._index.add(
            place,
            document_of(chat, sender.id, from_me, media is not None, content.kind, text, file_name, content.extra),
        )
        row, is_note = self._chats.get(chat, now), change.from_me and sender.entity == chat and not change.sent_here
        row.newest_arrival = arrival
        if is_note and not from_history:
            self._note(arrival)
        elif from_me and not from_history and not change.sent_here:
            self._told(EventKind.OWN_MESSAGE, chat, change.id, sender.id, timestamp, now)
        self._chats.message_added(
            row,
            place=place,
            timestamp=timestamp,
            from_me=from_me,
            live=not from_history,
            has_media=media is not None,
            is_note=is_note,
            reads=BROADCAST_LIST not in content.extra,
            is_new=True,
        )
        if kept is not None and abs(kept.place) <= row.read_place:
            self._chats.unread.remove(row, place)  # a later place of the same second
        if media is not None:
            self._take_twins(chat, change.id, sender, now)
        return True

    def _told(self, kind: EventKind, chat: int, message_id: str, sender: int, timestamp: int, now: int) -> None:
        """Something of which the row is all there is to tell."""
        from_me = kind is EventKind.OWN_MESSAGE
        self._events.happened(
            kind,
            chat,
            message_id,
            author=sender,
            sender=sender,
            from_me=from_me,
            at=timestamp,
            now=now,
            once=not from_me,
        )

    def _with_unknown_quote(self, chat: int, content: Content) -> Content:
        """A reply to what is not here is also found by what it says to answer."""
        quote = content.quote
        if quote is None or not quote.text:
            return content
        known = self._is_here(chat, encodable(quote.message_id), quote.participant)
        return content if known else replace(content, extra={**content.extra, QUOTED_TEXT: quote.text})

    def _is_taken(self, chat: int, message_id: str) -> bool:
        authors = self._ahead.authors(chat, message_id)
        if authors is not None:
            return bool(authors)
        return self._connection.execute(_TAKEN, (chat, message_id)).fetchone() is not None

    def _is_here(self, chat: int, message_id: str, author: Jid | None) -> bool:
        """Whether this author wrote a message of this id; whoever it is, where that is not told."""
        authors, told = self._ahead.authors(chat, message_id), dump_jid(author)
        if authors is not None:
            known = self._identities.known(author) if author is not None and author == author.bare else None
            if not authors or told is None or known is not None:
                return bool(authors) if known is None or told is None else known.entity in authors
        return self._connection.execute(_QUOTED, (chat, message_id, told)).fetchone() is not None

    def _note(self, arrival: int) -> None:
        """We wrote to ourselves, on another device."""
        self._connection.execute("INSERT INTO notes VALUES (?) ON CONFLICT DO NOTHING", (arrival,))

    def _insert_media(self, arrival: int, media: MediaInfo) -> str | None:
        """The file name as stored."""
        values: list[object] = []
        for column in _MEDIA_COLUMNS:
            value = getattr(media, column)
            values.append(
                encodable(value) if isinstance(value, str) else fitting(value) if isinstance(value, int) else value
            )
        self._connection.execute(_INSERT_MEDIA, (arrival, *values))
        return encodable(media.file_name) if media.file_name is not None else None


def _described(content: Content) -> tuple[int | str | None, ...]:
    """The columns from ``reply_to_id`` to ``extra``."""
    quote = content.quote
    return (
        quote.message_id if quote else None,
        dump_jid(quote.participant) if quote else None,
        encodable(quote.text) if quote else None,
        dump_mentions(content.mentions),
        int(content.forwarded),
        int(content.view_once),
        fitting(content.expiration),
        dump_extra(content.extra),
    )


def _rank(change: MessageReceived) -> int:
    """-1: not told. A message of ours of which nothing is said was sent: it came from another device of ours."""
    if not change.from_me or (change.status is None and change.from_history):
        return -1
    return RANK[change.status or DeliveryStatus.SENT]


def _wire_forms(held: Held, change: MessageReceived, wire_chat: Address, sender: Address) -> tuple[int, int]:
    """Chat and author as WhatsApp addresses them; where a message came under both forms, the LIDs."""
    return (
        wire_chat.id if change.chat.server == LID else held.wire_chat,
        sender.id if change.sender.server == LID and sender.entity == held.author else held.sender,
    )


def _kind_of_notice(facts: Mapping[str, object]) -> EventKind:
    asks = facts.get("event") in (Happening.ASKED, Happening.WITHDREW)
    return EventKind.JOIN_REQUEST if asks else EventKind.GROUP_CHANGE

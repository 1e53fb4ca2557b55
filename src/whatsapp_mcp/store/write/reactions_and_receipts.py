"""What is said about messages: reactions, votes, answers, pins, edits, revokes and receipts, each kept as it came."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from whatsapp_mcp.models.changes import (
    EventAnswered,
    MessageEdited,
    MessageKept,
    MessagePinned,
    MessageRevoked,
    PersonReceipts,
    PollOptionAdded,
    PollVoted,
    ReactionChanged,
    ReceiptReceived,
    ReceiptsTold,
)
from whatsapp_mcp.models.delivery import ReceiptKind
from whatsapp_mcp.models.events import EventKind
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import clamp, dump_extra, dump_mentions, fitting
from whatsapp_mcp.store.write.derivation import Derivation
from whatsapp_mcp.store.write.event_log import EventLog
from whatsapp_mcp.store.write.held import touch_message
from whatsapp_mcp.store.write.identities import Address
from whatsapp_mcp.store.write.mentioned import with_mentioned
from whatsapp_mcp.store.write.statements import (
    ANSWERS,
    KEEPS,
    PINS,
    POLL_OPTIONS,
    REACTIONS,
    REVOKES,
    VOTES,
    Statements,
)
from whatsapp_mcp.untrusted_text import encodable

_RECEIPT: Final = " ON CONFLICT (chat, message_id, sender, from_me) DO UPDATE SET " + ", ".join(
    f"{column} = CASE WHEN excluded.{column} < receipts.{column} THEN excluded.{column}"
    f" ELSE coalesce(receipts.{column}, excluded.{column}) END"
    for column in ("delivered_at", "read_at", "played_at")
)

_TAKE_BACK: Final = (
    "DELETE FROM reactions WHERE chat = ?1 AND message_id = ?2 AND author = ?3 AND reacted_at = ?4 AND sender <> ?5"
    " AND sender IN (SELECT id FROM addresses WHERE entity = (SELECT entity FROM addresses WHERE id = ?5))"
)
"""What the same person said in the same second under another address: we react by number here, by LID on the phone."""

MOVES: Final = (
    "INSERT INTO edits SELECT :kept, message_id, edited_at, sender, text, mentions, extra"
    " FROM edits WHERE chat = :gone ON CONFLICT DO NOTHING",
    "INSERT INTO receipts SELECT :kept, message_id, sender, from_me, delivered_at, read_at, played_at FROM receipts"
    f" WHERE chat = :gone{_RECEIPT}",
)
"""Copy what was said in the chat ``gone`` to the chat ``kept``, beside ``statements``."""

_Value = int | str | None

_RECEIPT_COLUMN: Final = {
    ReceiptKind.DELIVERED: "delivered_at",
    ReceiptKind.READ: "read_at",
    ReceiptKind.PLAYED: "played_at",
}


Shown = ReactionChanged | PollOptionAdded | EventAnswered | MessagePinned | MessageKept
"""What is shown beside a message and leaves its row as it is."""
Saying = MessageEdited | MessageRevoked | ReceiptReceived | PollVoted | Shown
"""What a person says about a message."""


class ReactionsAndReceipts:
    """Stores what people say; ``chat`` is an entity, ``sender`` an address. The message need not be here yet."""

    def __init__(self, connection: StoreConnection, derivation: Derivation, events: EventLog) -> None:
        self._connection = connection
        self._derivation = derivation
        self._events = events

    def apply(self, change: Saying, chat: int, sender: Address, author: Address | None, now: int) -> None:
        """``author``: of the message that it is about, where WhatsApp tells."""
        match change:
            case MessageEdited():
                self._edited(change, chat, sender, now)
            case MessageRevoked():
                self._revoked(change, chat, sender, author, now)
            case ReceiptReceived():
                self._receipt(change, chat, sender, now)
            case PollVoted():
                options = json.dumps([encodable(option) for option in change.options], ensure_ascii=False)
                self._said(VOTES, change, (chat, change.poll_id), author, now, sender.id, options)
            case _:
                statements, said = _shown(change)
                self._said(statements, change, (chat, change.message_id), author, now, sender.id, *said)

    def told(self, change: ReceiptsTold, chat: int, people: Sequence[tuple[Address, PersonReceipts]], now: int) -> None:
        """How far a message got with many people at once."""
        self._connection.executemany(
            f"INSERT INTO receipts (chat, message_id, sender, from_me, delivered_at, read_at, played_at)"
            f" VALUES (?, ?, ?, 0, ?, ?, ?){_RECEIPT}",
            [
                (chat, change.message_id, person.id, *map(_moment, (one.delivered_at, one.read_at, one.played_at)))
                for person, one in people
            ],
        )
        self._derivation.derive(chat, change.message_id, now)

    def _edited(self, change: MessageEdited, chat: int, sender: Address, now: int) -> None:
        self._connection.execute(
            "INSERT INTO edits VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (chat, message_id, edited_at, sender) DO UPDATE"
            " SET text = excluded.text, mentions = excluded.mentions, extra = excluded.extra",
            (
                chat,
                change.message_id,
                clamp(change.timestamp),
                sender.id,
                encodable(change.content.text),
                dump_mentions(change.content.mentions),
                dump_extra(with_mentioned(self._connection, change.content)),
            ),
        )
        self._derivation.derive(chat, change.message_id, now)

    def _revoked(self, change: MessageRevoked, chat: int, sender: Address, author: Address | None, now: int) -> None:
        target = self._derivation.author(chat, change.message_id, author)
        values = (chat, change.message_id, target, sender.id, int(change.by_admin), clamp(change.timestamp))
        self._connection.execute(REVOKES.insert, values)
        self._derivation.derive(chat, change.message_id, now)

    def _said(
        self,
        statements: Statements,
        change: PollVoted | Shown,
        about: tuple[int, str],
        author: Address | None,
        now: int,
        sender: int,
        *said: _Value,
    ) -> None:
        """``about``: chat (an entity) and id of the message; ``said``: the columns between who said it and when."""
        target, at = self._derivation.author(*about, author), clamp(change.timestamp)
        if isinstance(change, ReactionChanged):
            self._connection.execute(_TAKE_BACK, (*about, target, at, sender))
        cursor = self._connection.execute(statements.insert, (*about, target, sender, *said, at))
        touch_message(self._connection, *about, target, now)
        told = _event(change)
        if told is not None and cursor.rowcount > 0:
            kind, facts = told
            self._events.happened(
                kind, *about, author=target, sender=sender, from_me=change.from_me, at=at, now=now, facts=facts
            )

    def _receipt(self, change: ReceiptReceived, chat: int, sender: Address, now: int) -> None:
        column = _RECEIPT_COLUMN[change.kind]
        at = clamp(change.timestamp)
        for message_id in change.message_ids:
            if self._events.are_told:
                self._tell_receipt(change, chat, message_id, sender, now)
            self._connection.execute(
                f"INSERT INTO receipts (chat, message_id, sender, from_me, {column}) VALUES (?, ?, ?, ?, ?){_RECEIPT}",
                (chat, message_id, sender.id, int(change.from_me), at),
            )
            self._derivation.derive(chat, message_id, now)

    def _tell_receipt(self, change: ReceiptReceived, chat: int, message_id: str, sender: Address, now: int) -> None:
        """Before it is stored. Who writes to somebody else can name any id in a receipt: only of messages that are here
        anything is told."""
        row = self._connection.execute(
            f"SELECT m.sender, (SELECT {_RECEIPT_COLUMN[change.kind]} FROM receipts AS r WHERE r.chat = m.chat"
            " AND r.message_id = m.id AND r.sender = ?3 AND r.from_me = ?4), chat.kind FROM messages AS m"
            " JOIN entities AS chat ON chat.id = m.chat WHERE m.chat = ?1 AND m.id = ?2 AND m.from_me != ?4 LIMIT 1",
            (chat, message_id, sender.id, int(change.from_me)),
        ).fetchone()
        if row is not None and row[1] is None:
            about, in_group = (chat, message_id, row[0]), row[2] != "person"
            at = change.timestamp
            self._events.receipt(change.kind, about, sender.id, at, now, from_me=change.from_me, in_group=in_group)


def _event(change: PollVoted | Shown) -> tuple[EventKind, dict[str, object]] | None:
    """What those who wait are told of it."""
    match change:
        case PollVoted():
            return EventKind.VOTE, {"options": list(change.options)}
        case ReactionChanged():
            return EventKind.REACTION, {"emoji": change.emoji}
        case PollOptionAdded():
            return EventKind.VOTE, {"added_option": change.option}
        case EventAnswered():
            return EventKind.ANSWER, {"answer": change.answer or "", "guests": fitting(change.guests) or None}
        case MessagePinned():
            return EventKind.PIN, {"pinned": change.pinned}
        case MessageKept():
            return None


def _shown(change: Shown) -> tuple[Statements, tuple[_Value, ...]]:
    """Where it is stored, and its columns between who said it and when."""
    match change:
        case ReactionChanged():
            return REACTIONS, (encodable(change.emoji), int(change.from_me))
        case PollOptionAdded():
            return POLL_OPTIONS, (encodable(change.option),)
        case EventAnswered():
            return ANSWERS, (change.answer or "", fitting(change.guests))
        case MessagePinned():
            return PINS, (int(change.pinned), _moment(change.until))
        case MessageKept():
            return KEEPS, (int(change.kept),)


def _moment(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else clamp(milliseconds)

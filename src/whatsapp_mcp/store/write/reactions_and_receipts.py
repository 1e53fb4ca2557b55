"""What is said about messages: reactions, votes, edits, revokes and receipts, each kept as it came."""

from __future__ import annotations

import json
import sqlite3
from typing import Final

from whatsapp_mcp.models.changes import (
    MessageEdited,
    MessageRevoked,
    PollVoted,
    ReactionChanged,
    ReceiptKind,
    ReceiptReceived,
)
from whatsapp_mcp.store.rows import clamp, dump_extra, dump_mentions
from whatsapp_mcp.store.write.derivation import Derivation
from whatsapp_mcp.store.write.held import touch_message
from whatsapp_mcp.store.write.identities import Address
from whatsapp_mcp.untrusted_text import encodable

# What counts of two statements of one person about one message.
_REVOKE: Final = " ON CONFLICT DO UPDATE SET revoked_at = min(revoked_at, excluded.revoked_at)"
_REACTION: Final = (
    " ON CONFLICT DO UPDATE SET emoji = excluded.emoji, from_me = excluded.from_me, reacted_at = excluded.reacted_at"
    " WHERE excluded.reacted_at >= reacted_at"
)
_VOTE: Final = (
    " ON CONFLICT DO UPDATE SET options = excluded.options, voted_at = excluded.voted_at"
    " WHERE (excluded.voted_at, excluded.options) > (voted_at, options)"
)
_RECEIPT: Final = " ON CONFLICT DO UPDATE SET " + ", ".join(
    f"{column} = coalesce(min({column}, excluded.{column}), {column}, excluded.{column})"
    for column in ("delivered_at", "read_at", "played_at")
)

MOVES: Final = (
    "INSERT OR IGNORE INTO edits SELECT :kept, message_id, edited_at, sender, text, mentions, extra"
    " FROM edits WHERE chat = :gone",
    f"INSERT INTO revokes SELECT :kept, message_id, sender, revoked_at FROM revokes WHERE chat = :gone{_REVOKE}",
    "INSERT INTO reactions SELECT :kept, message_id, sender, emoji, from_me, reacted_at FROM reactions"
    f" WHERE chat = :gone{_REACTION}",
    "INSERT INTO receipts SELECT :kept, message_id, sender, from_me, delivered_at, read_at, played_at FROM receipts"
    f" WHERE chat = :gone{_RECEIPT}",
    f"INSERT INTO votes SELECT :kept, message_id, voter, options, voted_at FROM votes WHERE chat = :gone{_VOTE}",
)
"""Copy what was said in the chat ``gone`` to the chat ``kept``."""

_RECEIPT_COLUMN: Final = {
    ReceiptKind.DELIVERED: "delivered_at",
    ReceiptKind.READ: "read_at",
    ReceiptKind.PLAYED: "played_at",
}


Saying = MessageEdited | MessageRevoked | ReactionChanged | ReceiptReceived | PollVoted
"""What a person says about a message."""


class ReactionsAndReceipts:
    """Stores what people say; ``chat`` is an entity, ``sender`` an address. The message need not be here yet."""

    def __init__(self, connection: sqlite3.Connection, derivation: Derivation) -> None:
        self._connection = connection
        self._derivation = derivation

    def apply(self, change: Saying, chat: int, sender: Address, now: int) -> None:
        match change:
            case MessageEdited():
                self._edited(change, chat, sender, now)
            case MessageRevoked():
                self._revoked(change, chat, sender, now)
            case ReactionChanged():
                self._reacted(change, chat, sender, now)
            case ReceiptReceived():
                self._receipt(change, chat, sender, now)
            case PollVoted():
                self._voted(change, chat, sender, now)

    def _edited(self, change: MessageEdited, chat: int, sender: Address, now: int) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO edits VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                chat,
                change.message_id,
                clamp(change.timestamp),
                sender.id,
                encodable(change.content.text),
                dump_mentions(change.content.mentions),
                dump_extra(change.content.extra),
            ),
        )
        self._derivation.derive(chat, change.message_id, now)

    def _revoked(self, change: MessageRevoked, chat: int, sender: Address, now: int) -> None:
        self._connection.execute(
            f"INSERT INTO revokes VALUES (?, ?, ?, ?){_REVOKE}",
            (chat, change.message_id, sender.id, clamp(change.timestamp)),
        )
        self._derivation.derive(chat, change.message_id, now)

    def _reacted(self, change: ReactionChanged, chat: int, sender: Address, now: int) -> None:
        self._connection.execute(
            f"INSERT INTO reactions VALUES (?, ?, ?, ?, ?, ?){_REACTION}",
            (chat, change.message_id, sender.id, encodable(change.emoji), int(change.from_me), clamp(change.timestamp)),
        )
        touch_message(self._connection, chat, change.message_id, now)

    def _voted(self, change: PollVoted, chat: int, voter: Address, now: int) -> None:
        options = json.dumps([encodable(option) for option in change.options], ensure_ascii=False)
        self._connection.execute(
            f"INSERT INTO votes VALUES (?, ?, ?, ?, ?){_VOTE}",
            (chat, change.poll_id, voter.id, options, clamp(change.timestamp)),
        )
        touch_message(self._connection, chat, change.poll_id, now)

    def _receipt(self, change: ReceiptReceived, chat: int, sender: Address, now: int) -> None:
        column = _RECEIPT_COLUMN[change.kind]
        at = clamp(change.timestamp)
        for message_id in change.message_ids:
            self._connection.execute(
                f"INSERT INTO receipts (chat, message_id, sender, from_me, {column}) VALUES (?, ?, ?, ?, ?){_RECEIPT}",
                (chat, message_id, sender.id, int(change.from_me), at),
            )
            self._derivation.derive(chat, message_id, now)

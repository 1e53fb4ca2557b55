"""What we ourselves say about messages and chats, on any of our devices: stars, deletions, labels, marks.

The newest statement of each fact counts, whenever it comes; of two at one time always the same one.
"""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.models.app_state import (
    ChatCleared,
    ChatDeleted,
    ChatLabelled,
    ChatMarkedRead,
    LabelChanged,
    MessageDeletedForMe,
    MessageLabelled,
    MessageStarred,
)
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import clamp, fitting, place_ceiling, place_floor
from whatsapp_mcp.store.write.chat_row import ChatRow
from whatsapp_mcp.store.write.chats import Chats
from whatsapp_mcp.store.write.derivation import Derivation
from whatsapp_mcp.store.write.held import held_under, touch_message
from whatsapp_mcp.store.write.identities import Address
from whatsapp_mcp.store.write.statements import DELETIONS, MESSAGE_LABELS, STARS
from whatsapp_mcp.store.write.visibility import Visibility
from whatsapp_mcp.untrusted_text import encodable

_LABELLED: Final = (
    " ON CONFLICT (chat, label) DO UPDATE SET labelled = excluded.labelled, changed_at = excluded.changed_at"
    " WHERE (excluded.changed_at, excluded.labelled) > (chat_labels.changed_at, chat_labels.labelled)"
)
_LABEL: Final = (
    "INSERT INTO labels VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
    " color = excluded.color, deleted = excluded.deleted, changed_at = excluded.changed_at"
    " WHERE (excluded.changed_at, excluded.deleted, excluded.name, excluded.color)"
    " > (labels.changed_at, labels.deleted, labels.name, labels.color)"
)
_READ_BY_US: Final = (
    "INSERT INTO receipts (chat, message_id, sender, from_me, read_at) SELECT ?, ?, id, 1, ? FROM addresses"
    " WHERE jid = (SELECT value FROM meta WHERE key = 'owner_number') ON CONFLICT DO NOTHING"
)

MOVES: Final = (
    f"INSERT INTO chat_labels SELECT :kept, label, labelled, changed_at FROM chat_labels WHERE chat = :gone{_LABELLED}",
)
"""Copy what was said about the chat ``gone`` to the chat ``kept``, beside ``statements``."""


ChatStatement = (
    MessageStarred | MessageDeletedForMe | MessageLabelled | ChatMarkedRead | ChatDeleted | ChatCleared | ChatLabelled
)
"""What we say about a chat or about a message in it."""


class AppState:
    """Stores what we say; ``chat`` is an entity. Neither the chat nor the message need be here yet."""

    def __init__(
        self, connection: StoreConnection, chats: Chats, derivation: Derivation, visibility: Visibility
    ) -> None:
        self._connection = connection
        self._chats = chats
        self._derivation = derivation
        self._visibility = visibility

    def apply(self, change: ChatStatement, chat: int, author: Address | None, now: int) -> None:
        """``author``: of the message that it is about, where WhatsApp tells."""
        match change:
            case MessageStarred():
                self._starred(change, chat, author, now)
            case MessageDeletedForMe():
                self._deleted_for_me(change, chat, author, now)
            case MessageLabelled():
                self._message_labelled(change, chat, author, now)
            case ChatMarkedRead():
                self._marked_read(change, chat, now)
            case ChatDeleted():
                self._deleted(change, chat, now)
            case ChatCleared():
                self._cleared(change, chat, now)
            case ChatLabelled():
                self._chat_labelled(change, chat)

    # -- messages -----------------------------------------------------------------------------------------------------

    def _starred(self, change: MessageStarred, chat: int, author: Address | None, now: int) -> None:
        target = self._derivation.author(chat, change.message_id, author)
        values = (chat, change.message_id, target, int(change.starred), clamp(change.timestamp))
        if self._connection.execute(STARS.insert, values).rowcount:
            touch_message(self._connection, chat, change.message_id, target, now)
            for held in held_under(self._connection, chat, change.message_id):
                self._visibility.derive(held, now)

    def _deleted_for_me(self, change: MessageDeletedForMe, chat: int, author: Address | None, now: int) -> None:
        target = self._derivation.author(chat, change.message_id, author)
        self._connection.execute(DELETIONS.insert, (chat, change.message_id, target, clamp(change.timestamp)))
        self._derivation.derive(chat, change.message_id, now)

    def _message_labelled(self, change: MessageLabelled, chat: int, author: Address | None, now: int) -> None:
        target = self._derivation.author(chat, change.message_id, author)
        label, labelled = encodable(change.label_id), int(change.labelled)
        values = (chat, change.message_id, target, label, labelled, clamp(change.timestamp))
        if self._connection.execute(MESSAGE_LABELS.insert, values).rowcount:
            touch_message(self._connection, chat, change.message_id, target, now)

    # -- chats --------------------------------------------------------------------------------------------------------

    def _marked_read(self, change: ChatMarkedRead, chat: int, now: int) -> None:
        at, unread = clamp(change.timestamp), int(not change.read)
        before = self._before(chat)
        if (at, unread) > (before.marked_at, before.marked_unread):
            row = self._chats.get(chat, now)
            row.marked_at, row.marked_unread = at, unread
        if change.read:
            self._read(change, chat, now)

    def _read(self, change: ChatMarkedRead, chat: int, now: int) -> None:
        """Up to the message that the mark names; if it is not here yet, when it comes."""
        last = change.last
        if last is None:
            if place_ceiling(change.timestamp) > self._before(chat).read_place:
                self._chats.unread.read_at(self._chats.get(chat, now), clamp(change.timestamp))
            return
        for message_id in (last.message_id, *last.others):
            places = [abs(held.place) for held in held_under(self._connection, chat, message_id)]
            if not places:
                self._connection.execute(_READ_BY_US, (chat, message_id, clamp(change.timestamp)))
                self._derivation.derive(chat, message_id, now)
            elif min(places) > self._before(chat).read_place:  # where two have this id, what is certain
                self._chats.unread.read(self._chats.get(chat, now), min(places))
        if place_floor(last.timestamp) - 1 > self._before(chat).read_place:
            self._chats.unread.read(self._chats.get(chat, now), place_floor(last.timestamp) - 1)

    def _deleted(self, change: ChatDeleted, chat: int, now: int) -> None:
        at = clamp(change.timestamp)
        if at > self._before(chat).deleted_until:
            row = self._chats.get(chat, now)
            row.deleted_until = at
            self._visibility.hide_cleared(row, now)

    def _cleared(self, change: ChatCleared, chat: int, now: int) -> None:
        at, before = clamp(change.timestamp), self._before(chat)
        if at <= (before.cleared_unstarred_until if change.keeps_starred else before.cleared_until):
            return
        row = self._chats.get(chat, now)
        if change.keeps_starred:
            row.cleared_unstarred_until = at
        else:
            row.cleared_until = at
        self._visibility.hide_cleared(row, now)

    def _chat_labelled(self, change: ChatLabelled, chat: int) -> None:
        label, labelled = encodable(change.label_id), int(change.labelled)
        values = (chat, label, labelled, clamp(change.timestamp))
        self._connection.execute(f"INSERT INTO chat_labels VALUES (?, ?, ?, ?){_LABELLED}", values)

    def _before(self, chat: int) -> ChatRow:
        """What is known of a chat. WhatsApp repeats app state at each sync: only what is new may touch the row."""
        return self._chats.stored(chat) or ChatRow(chat, marked_at=-1)

    # -- labels -------------------------------------------------------------------------------------------------------

    def label(self, change: LabelChanged) -> None:
        name, color = encodable(change.name), fitting(change.color)
        values = (encodable(change.label_id), name, color, int(change.deleted), clamp(change.timestamp))
        self._connection.execute(_LABEL, values)

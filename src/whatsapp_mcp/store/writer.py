"""The writer of the message store: changes in, one transaction each time."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from whatsapp_mcp.errors import InvalidArgument, StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models import (
    Change,
    ChatChanged,
    ContactSeen,
    IdentityLearned,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    ReactionChanged,
    ReceiptReceived,
)
from whatsapp_mcp.store.chats import Chats
from whatsapp_mcp.store.events import Events
from whatsapp_mcp.store.files import open_for_writing, store_errors
from whatsapp_mcp.store.folding import FOLD_VERSION
from whatsapp_mcp.store.identity import Address, Identities, find_entity, pair
from whatsapp_mcp.store.index import SearchIndex
from whatsapp_mcp.store.messages import Messages
from whatsapp_mcp.store.people import People
from whatsapp_mcp.store.records import Applied, StoredMessage
from whatsapp_mcp.store.rows import STATUS, clamp, clean, read_content, stored_jid
from whatsapp_mcp.store.schema import migrate
from whatsapp_mcp.store.settling import Settling
from whatsapp_mcp.store.union import unite

__all__ = ["Applied", "StoreWriter", "StoredMessage"]

logger = logging.getLogger(__name__)


def _clock() -> int:
    return time.time_ns() // 1_000_000


class StoreWriter:
    """The only writer of a store. May be called from any thread; calls are done one after the other."""

    def __init__(self, path: Path, *, now: Callable[[], int] = _clock) -> None:
        """Open the store, create it (0600, in a folder of 0700) or bring its schema up to date.

        Args:
            path: the database file.
            now: the time in milliseconds since 1970.

        Raises:
            StoreError: the file is damaged, read-only, or written by a newer version. Nothing is deleted.
        """
        self._path = path
        self._now = now
        self._lock = threading.RLock()
        self._connection = open_for_writing(path)
        try:
            migrate(self._connection, path)
            with store_errors(path):
                self._assemble()
        except BaseException:
            self._connection.close()
            raise

    def _assemble(self) -> None:
        connection = self._connection
        self._identities = Identities(connection)
        self._chats = Chats(connection)
        self._people = People(connection)
        self._index = SearchIndex(connection)
        self._settling = Settling(connection, self._chats, self._index)
        arrival = int(self._meta("arrival") or 0)
        self._messages = Messages(connection, self._chats, self._index, self._settling, arrival)
        self._events = Events(connection, self._settling)
        self._arrival = self._messages.arrival
        self._touched: set[int] = set()
        self._arrivals: list[int] = []
        number, lid = self._meta("owner_number"), self._meta("owner_lid")
        self._owner = stored_jid(str(number)) if number else None
        self._owner_lid = stored_jid(str(lid)) if lid else None
        if self._meta("fold_version") != FOLD_VERSION:
            self.rebuild_search()

    @property
    def owner(self) -> Jid | None:
        """Our own number; None until ``set_owner``."""
        return self._owner

    def set_owner(self, number: Jid, lid: Jid | None) -> None:
        """Remember whose messages these are.

        Raises:
            StoreError: the store belongs to another account; archive it first.
        """
        number, lid = number.bare, lid.bare if lid else None
        if (number, lid) == (self._owner, self._owner_lid):
            return
        if self._owner not in (None, number) and (lid is None or lid != self._owner_lid):
            raise StoreError(
                f"the message store {self._path} belongs to the account {self._owner}, not to {number}",
                next_step="Choose another --data-dir for the other account.",
            )
        with self._lock, store_errors(self._path):
            self._transaction(lambda now: self._own(number, lid))
            self._owner, self._owner_lid = number, lid or self._owner_lid

    def apply(self, changes: Sequence[Change]) -> Applied:
        """Store changes in their order, in one transaction: all or nothing, on the disk when it returns.

        Raises:
            StoreError: the disk is full, the file damaged, read-only or locked. Nothing of ``changes`` is stored.
        """
        with self._lock, store_errors(self._path):
            return self._transaction(lambda now: self._apply_all(changes, now))

    def find(self, message_id: str, chat: Jid | None = None) -> StoredMessage | None:
        """A message by its id; ``chat`` in any form.

        Raises:
            InvalidArgument: without ``chat``, and several chats have a message of this id.
        """
        with self._lock, store_errors(self._path):
            entity = find_entity(self._connection, chat) if chat else None
            if chat and entity is None:
                return None
            return self._find(clean(message_id), entity)

    def rebuild_search(self) -> None:
        """Make the search index anew; takes some ten seconds for a million messages."""
        logger.info("making the search index of %s", self._path)

        def rebuild(_now: int) -> None:
            self._index.rebuild()
            self._set_meta("fold_version", FOLD_VERSION)

        with self._lock, store_errors(self._path):
            self._transaction(rebuild)

    def close(self) -> None:
        """Close the file; further calls fail. Closing twice is harmless."""
        with self._lock:
            self._connection.close()

    # -- one transaction ----------------------------------------------------------------------------------------------

    def _transaction(self, work: Callable[[int], None]) -> Applied:
        self._touched.clear()
        self._arrivals.clear()
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            now = self._now()
            work(now)
            self._touched |= self._chats.flush()
            self._people.flush(now)
            self._index.flush()
            touched = frozenset(self._identities.jid_of(entity) for entity in self._touched)
            if self._messages.arrival != self._arrival:
                self._set_meta("arrival", self._messages.arrival)
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._identities.forget()
            self._people.forget()
            self._chats.forget()
            self._index.forget()
            self._settling.forget()
            self._messages.arrival = self._arrival
            raise
        self._arrival = self._messages.arrival
        return Applied(tuple(self._arrivals), self._arrival, touched)

    def _apply_all(self, changes: Iterable[Change], now: int) -> None:
        for change in changes:
            match change:
                case MessageReceived():
                    self._received(change, now)
                case MessageEdited():
                    self._events.edited(change, self._chat(change, now), self._identities.address(change.sender), now)
                case MessageRevoked():
                    sender = self._identities.address(change.revoked_by)
                    self._events.revoked(change, self._chat(change, now), sender, now)
                case ReactionChanged():
                    chat, sender = self._chat(change, now), self._author(change, now)
                    self._events.reacted(change, chat, sender, now)
                case ReceiptReceived():
                    chat, sender = self._chat(change, now), self._author(change, now)
                    self._events.receipt(change, chat, sender, now)
                case IdentityLearned():
                    self._learn(change.lid, change.number, now)
                case ContactSeen():
                    self._people.seen(self._identities.address(change.jid).entity, change, now)
                case ChatChanged():
                    self._chat_changed(change, now)

    def _received(self, change: MessageReceived, now: int) -> None:
        self._learn(change.chat, change.chat_alt, now)
        sender = self._author(change, now)
        chat = self._identities.address(change.chat)
        self._touched.add(chat.entity)
        arrival = self._messages.store(change, chat, sender, now)
        if arrival is not None:
            self._arrivals.append(arrival)
        self._people.push_name_seen(sender.entity, change.push_name, clamp(change.timestamp), now)

    def _chat_changed(self, change: ChatChanged, now: int) -> None:
        entity = self._chat(change, now)
        row = self._chats.get(entity, now)
        name = row.name
        self._chats.changed(row, change)
        if row.name != name:
            self._people.rename(entity)

    def _chat(
        self, change: MessageEdited | MessageRevoked | ReactionChanged | ReceiptReceived | ChatChanged, now: int
    ) -> int:
        """The entity of the chat that a change names."""
        self._learn(change.chat, change.chat_alt, now)
        entity = self._identities.address(change.chat).entity
        self._touched.add(entity)
        return entity

    def _author(self, change: MessageReceived | ReactionChanged | ReceiptReceived, now: int) -> Address:
        self._learn(change.sender, change.sender_alt, now)
        sender = self._identities.address(change.sender)
        if change.from_me and self._owner is not None:
            own = self._identities.address(self._owner)
            if sender.entity != own.entity:
                return own
        return sender

    def _learn(self, one: Jid, other: Jid | None, now: int) -> None:
        forms = pair(one, other)
        if forms is None:
            return
        union = self._identities.learn(*forms)
        if union is None:
            return
        kept, gone = unite(
            self._connection,
            union,
            identities=self._identities,
            chats=self._chats,
            people=self._people,
            messages=self._messages,
            settling=self._settling,
            index=self._index,
            now=now,
        )
        if gone in self._touched:
            self._touched.discard(gone)
            self._touched.add(kept)

    def _own(self, number: Jid, lid: Jid | None) -> None:
        self._identities.address(number)
        self._learn(number, lid, self._now())
        self._set_meta("owner_number", str(number))
        if lid is not None:
            self._set_meta("owner_lid", str(lid))

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _meta(self, key: str) -> str | int | None:
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def _set_meta(self, key: str, value: str | int) -> None:
        self._connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (key, value)
        )

    def _find(self, message_id: str, chat: int | None) -> StoredMessage | None:
        cursor = self._connection.cursor()
        cursor.row_factory = sqlite3.Row
        # Without a chat, one look into the index per chat.
        where = "chats.entity = ?1" if chat is not None else "?1 IS NULL"
        rows = cursor.execute(_FIND.format(where=where), (chat, message_id)).fetchall()
        if not rows:
            return None
        if len(rows) > 1:
            raise InvalidArgument(f"several chats have a message {message_id}; say which with phone", field="phone")
        row = rows[0]
        return StoredMessage(
            id=row["id"],
            chat=stored_jid(row["chat_jid"]),
            sender=stored_jid(row["sender_jid"]),
            wire_chat=stored_jid(row["wire_chat_jid"]),
            wire_sender=stored_jid(row["wire_sender_jid"]),
            from_me=bool(row["from_me"]),
            timestamp=row["timestamp"],
            content=read_content(row),
            raw=row["raw"] or b"",
            status=None if row["status"] is None else STATUS[row["status"]],
            edited_at=row["edited_at"],
            revoked_at=row["revoked_at"],
        )


_FIND = (
    "SELECT m.*, media.*, chat.jid AS chat_jid, author.jid AS sender_jid, wire_chat.jid AS wire_chat_jid,"
    " wire_sender.jid AS wire_sender_jid"
    " FROM chats CROSS JOIN messages AS m ON m.chat = chats.entity AND m.id = ?2"
    " JOIN entities AS chat ON chat.id = m.chat"
    " JOIN addresses AS wire_chat ON wire_chat.id = m.wire_chat"
    " JOIN addresses AS wire_sender ON wire_sender.id = m.sender"
    " JOIN entities AS author ON author.id = wire_sender.entity"
    " LEFT JOIN media ON media.arrival = m.arrival"
    " WHERE {where}"
)

"""The writer of the message store: changes in, one transaction each time."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.models.app_state import (
    ChatChanged,
    ChatMarksRead,
    ChatMarksSeen,
    LabelChanged,
    MessageDeletedForMe,
    MessageLabelled,
    MessageStarred,
)
from whatsapp_mcp.models.changes import (
    Change,
    ContactSeen,
    GroupsJoined,
    IdentityLearned,
    Live,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    MessageTranscribed,
    NumberChanged,
    NumberSpelled,
    PlaceholderRedeemed,
    PollVoted,
    ReceiptReceived,
    ReceiptsTold,
    SealedReceived,
    SendFinished,
)
from whatsapp_mcp.models.notices import Happening, Notice
from whatsapp_mcp.models.views import SealedStatement, StoredMessage
from whatsapp_mcp.store import deferred, looks, sends
from whatsapp_mcp.store.deferred import DeferredSends
from whatsapp_mcp.store.engine.choice import database_at, search_tables
from whatsapp_mcp.store.identity import find_entity, goes_by_numbers, lid_of
from whatsapp_mcp.store.records import KeyedSend, KnownPost, Look, Pauses, Settled
from whatsapp_mcp.store.rows import clamp, stored_jid
from whatsapp_mcp.store.search.index import INDEX_VERSION, is_current
from whatsapp_mcp.store.write.ahead import Ahead
from whatsapp_mcp.store.write.app_state import AppState, ChatStatement
from whatsapp_mcp.store.write.chat_marks import SeenMarks
from whatsapp_mcp.store.write.chats import Chats
from whatsapp_mcp.store.write.derivation import Derivation
from whatsapp_mcp.store.write.event_log import EventLog
from whatsapp_mcp.store.write.held import find_message, posts_of
from whatsapp_mcp.store.write.identities import Address, Identities, Union, pair
from whatsapp_mcp.store.write.memberships import Memberships
from whatsapp_mcp.store.write.messages import Messages
from whatsapp_mcp.store.write.people import People
from whatsapp_mcp.store.write.reactions_and_receipts import ReactionsAndReceipts, Saying
from whatsapp_mcp.store.write.retention import Retention, RetentionPolicy
from whatsapp_mcp.store.write.sealed import Sealed
from whatsapp_mcp.store.write.search_index import SearchIndex
from whatsapp_mcp.store.write.union import unite
from whatsapp_mcp.store.write.visibility import Visibility
from whatsapp_mcp.untrusted_text import encodable
from whatsapp_mcp.whereabouts import Whereabouts

T = TypeVar("T")
logger = logging.getLogger(__name__)


class StoreWriter:
    """The only writer of a store. May be called from any thread; calls are done one after the other."""

    def __init__(
        self, where: Whereabouts, *, now: Callable[[], int] = now_ms, retention: RetentionPolicy | None = None
    ) -> None:
        """Open the store, create it (a file with 0600, in a folder of 0700) or bring its schema up to date.

        Args:
            where: a file, or a schema in PostgreSQL.
            now: the time in milliseconds since 1970.
            retention: how long messages are kept; for ever without it.

        Raises:
            StoreError: it is damaged, read-only, or written by a newer version. Nothing is deleted.
        """
        self._database = database_at(where)
        self._now = now
        self._policy = retention
        self._lock = threading.RLock()
        self._connection = self._database.open_for_writing()
        try:
            with self._database.errors():
                self._assemble()
        except BaseException:
            self._connection.close()
            raise

    def _assemble(self) -> None:
        connection = self._connection
        self._identities = Identities(connection)
        self._chats = Chats(connection)
        self._people = People(connection)
        self._memberships = Memberships(connection, self._identities, self._chats)
        self._index = SearchIndex(connection, search_tables(connection))
        self._visibility = Visibility(connection, self._chats, self._index)
        self._events = EventLog(connection, int(self._meta("arrival") or 0))
        self._ahead = Ahead(connection, self._identities, self._chats)
        self._derivation = Derivation(connection, self._chats, self._index, self._visibility, self._events, self._ahead)
        self._messages = Messages(
            connection, self._chats, self._index, self._derivation, self._events, self._identities, self._ahead
        )
        self._reactions_and_receipts = ReactionsAndReceipts(connection, self._derivation, self._events)
        self._sealed = Sealed(connection)
        self._app_state = AppState(connection, self._chats, self._derivation, self._visibility)
        self._retention = (
            Retention(connection, self._chats, self._index, self._derivation, self._policy) if self._policy else None
        )
        self._arrival = self._events.arrival
        number, lid = self._meta("owner_number"), self._meta("owner_lid")
        self._owner = stored_jid(str(number)) if number else None
        self._owner_lid = stored_jid(str(lid)) if lid else None
        self.newly_indexed = None if is_current(connection) else self.rebuild_search()
        """How many messages are in the index, if it was made anew when the store was opened."""

    @property
    def where(self) -> Whereabouts:
        return self._database.where

    @property
    def owner(self) -> Jid | None:
        """Our own number; None until ``set_owner``."""
        return self._owner

    @property
    def owner_lid(self) -> Jid | None:
        """Our own LID, where it is known."""
        return self._owner_lid

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
                f"the message store {self._database.where} belongs to the account {self._owner}, not to {number}",
                next_step="Choose another --data-dir for the other account.",
            )
        with self._transaction() as now:
            self._identities.address(number)
            self._learn(number, lid, now)
            self._set_meta("owner_number", str(number))
            if lid is not None:
                self._set_meta("owner_lid", str(lid))
        self._owner, self._owner_lid = number, lid or self._owner_lid

    def apply(self, changes: Iterable[Change]) -> int:
        """Store changes in their order, in one transaction: all or nothing, on the disk when it returns.

        Returns:
            The highest arrival number given so far, 0 in an empty store.

        Raises:
            StoreError: the disk is full, the file damaged, read-only or locked. Nothing of ``changes`` is stored.
        """
        changes = [*changes]
        with self._transaction() as now:
            self._ahead.look(changes)
            self._apply_all(changes, now)
        return self._arrival

    @property
    def newest_arrival(self) -> int:
        """The highest arrival number given so far, 0 in an empty store."""
        return self._arrival

    def sealed_due(self) -> tuple[SealedStatement, ...]:
        """What is encrypted under another message and may be opened now; some of it, until all of it is settled."""
        with self._lock, self._database.errors():
            return self._sealed.due()

    def settle(self, settled: Iterable[Settled]) -> int:
        """Store what was opened, or that it could not be, in one transaction.

        Returns:
            As ``apply`` does.

        Raises:
            StoreError: see ``apply``.
        """
        with self._transaction() as now:
            for one in settled:
                self._settle(one, now)
        return self._arrival

    def find(self, message_id: str, chat: Jid | None = None, author: Jid | None = None) -> StoredMessage | None:
        """A message by its id, also a hidden one; ``chat`` and ``author`` in any form.

        Raises:
            InvalidArgument: several chats have a message of this id, or several authors in this chat.
        """
        with self._lock, self._database.errors():
            where, by = (find_entity(self._connection, jid) if jid else None for jid in (chat, author))
            if (chat and where is None) or (author and by is None):
                return None
            return find_message(self._connection, encodable(message_id), where, by)

    def lids_for(self, group: Jid, people: Iterable[Jid]) -> dict[Jid, Jid | None] | None:
        """The LIDs of these people, by which the group names them; None: it names people by their numbers."""
        with self._lock, self._database.errors():
            if goes_by_numbers(self._connection, group):
                return None
            return {person: lid_of(self._connection, person) for person in people}

    @property
    def memberships_learned(self) -> int:
        """How often a group was said to be ours, or not any more, since this store was opened."""
        return self._memberships.learned

    @property
    def groups_listed_at(self) -> int:
        """When all our groups were listed last, milliseconds; 0: never."""
        return int(self._meta("groups_listed_at") or 0)

    @property
    def newsletters_asked_at(self) -> int:
        """When WhatsApp was asked for the newsletters last, milliseconds; 0: never."""
        return int(self._meta("newsletters_asked_at") or 0)

    def note_newsletters_asked(self, now: int) -> None:
        with self._transaction():
            self._set_meta("newsletters_asked_at", now)

    def posts_of(self, channel: Jid, count: int) -> list[KnownPost]:
        """The newest posts of a channel that are not deleted, as far as their numbers are known."""
        with self._lock, self._database.errors():
            return posts_of(self._connection, find_entity(self._connection, channel), count)

    def claim_send(self, key: str, fingerprint: str, message: bytes, kept: int = sends.KEPT) -> KeyedSend | None:
        """Take a key to send one message under; what stands under it if somebody did within ``kept`` milliseconds.

        A claim that is for less than a day outlives this process, and perhaps not a machine that loses its power.
        """
        with self._transaction(durable=kept >= sends.KEPT) as now:
            return sends.claim(self._connection, encodable(key), fingerprint, message, now, kept)

    def release_send(self, key: str) -> None:
        """Give a key back under which nothing was sent."""
        with self._transaction():
            sends.release(self._connection, encodable(key))

    def find_send(self, key: str, kept: int = sends.KEPT) -> KeyedSend | None:
        """What stands under a key, for ``kept`` milliseconds."""
        with self._lock, self._database.errors():
            return sends.find(self._connection, encodable(key), self._now(), kept)

    def with_deferred(self, work: Callable[[DeferredSends], T]) -> T:
        """Do something with the messages that leave later, in one transaction."""
        with self._transaction() as now:
            return work(DeferredSends(self._connection, now))

    def keep_look(self, caller: str, look: Look) -> None:
        """Up to here this caller has caught up."""
        with self._transaction():
            looks.keep(self._connection, encodable(caller), look)

    def has_receipt(self, message_id: str, chat: Jid) -> bool:
        """Whether somebody else got this message of ours, which may not be stored."""
        with self._lock, self._database.errors():
            row = self._connection.execute(
                "SELECT 1 FROM receipts WHERE chat = ? AND message_id = ? AND from_me = 0 LIMIT 1",
                (find_entity(self._connection, chat), encodable(message_id)),
            ).fetchone()
            return row is not None

    def pauses(self) -> Pauses:
        """When the session was paused, as ``keep_pauses`` was told last."""
        kept = self._meta("pauses")
        return Pauses(*json.loads(kept)) if isinstance(kept, str) else Pauses()

    def keep_pauses(self, pauses: Pauses) -> None:
        with self._transaction():
            self._set_meta("pauses", json.dumps(pauses))

    def rebuild_search(self) -> int:
        """Make the search index anew, also a damaged one; takes some ten seconds for a million messages.

        Returns:
            How many messages are in it.
        """
        logger.info("making the search index of %s", self._database.where)
        with self._transaction():
            indexed = self._index.rebuild()
            self._set_meta("index_version", INDEX_VERSION)
        return indexed

    def gather_search(self) -> bool:
        """Make searches quicker after a history has come, in one short transaction.

        Returns:
            Whether to go on; False, and at once, where searches are as quick as they can be.

        Raises:
            StoreError: see ``apply``. The next call begins anew.
        """
        with self._transaction(durable=False):
            return self._index.gather()

    def compact(self) -> tuple[int, int]:
        """Give back to the disk, or to the database, what is free in the store.

        Returns:
            Its bytes before and after.

        Raises:
            StoreError: see ``apply``, or there is no room for it. The store is as it was.
        """
        with self._lock, self._database.errors():
            return self._database.compact(self._connection)

    def prune(self) -> bool:
        """Remove some of the messages that are older than they are kept, in one short transaction.

        Returns:
            Whether to go on; False when the whole store was looked through, and at once when messages are kept for
            ever.

        Raises:
            StoreError: see ``apply``. The next call begins anew.
        """
        with self._transaction() as now:
            return self._retention is not None and self._retention.prune(now)

    def close(self) -> None:
        """Further calls fail. Closing twice is harmless."""
        with self._lock:
            self._connection.close()

    # -- one transaction ----------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self, *, durable: bool = True) -> Iterator[int]:
        """All of what is done inside, or nothing of it; the time that counts for it in milliseconds.

        Args:
            durable: it is on the disk at the end, which takes as long as all the rest of a send.
        """
        with self._lock, self._database.errors():
            try:
                with self._database.transaction(self._connection, durable=durable):
                    now = self._now()
                    yield now
                    self._flush(now)
            except BaseException:
                self._roll_back()
                raise
            self._arrival = self._events.arrival

    def _flush(self, now: int) -> None:
        """Write what was collected during a transaction."""
        self._ahead.forget()
        self._identities.done()
        self._chats.flush()
        self._people.flush(now)
        self._index.flush()
        self._events.flush(now)
        if self._events.arrival != self._arrival:
            self._set_meta("arrival", self._events.arrival)

    def _roll_back(self) -> None:
        """What was noted of a transaction is not so."""
        parts = (
            self._identities,
            self._people,
            self._chats,
            self._ahead,
            self._index,
            self._derivation,
            self._sealed,
            self._retention,
        )
        for part in parts:
            if part is not None:
                part.forget()
        self._events.roll_back(self._arrival)

    def _apply_all(self, changes: Iterable[Change], now: int) -> None:
        for change in changes:
            match change:
                case Live():
                    with self._events.told():
                        self._apply_all([change.change], now)
                case MessageReceived():
                    self._received(change, now)
                case PlaceholderRedeemed():
                    self._redeemed(change, now)
                case IdentityLearned():
                    self._learn(change.lid, change.number, now)
                case NumberChanged():
                    self._tell_new_number(*self._entities(change.old, change.new), now)
                case NumberSpelled():
                    self._unite(self._identities.spell(change.written, change.number), now)
                case ContactSeen():
                    self._people.seen(self._identities.address(change.jid).entity, change, now)
                case LabelChanged():
                    self._app_state.label(change)
                case ReceiptsTold():
                    self._receipts_told(change, now)
                case SealedReceived():
                    self._keep_sealed(change, now)
                case ChatChanged():
                    self._chat_changed(change, now)
                case GroupsJoined():
                    self._memberships.listed(change, now)
                case MessageTranscribed():
                    self._transcribed(change, now)
                case SendFinished():
                    sends.finish(self._connection, encodable(change.key), change.result, now)
                    deferred.finish(self._connection, encodable(change.key), change.result, now)
                case ChatMarksSeen() | ChatMarksRead():
                    self._marks_told(change, now)
                case _ if isinstance(change, Saying):
                    self._said(change, now)
                case _:
                    author = self._told_author(change)
                    self._app_state.apply(change, self._chat(change.chat, None, now), author, now)

    def _received(self, change: MessageReceived, now: int) -> None:
        self._learn(change.chat, change.chat_alt, now)
        sender = self._author(change.sender, change.sender_alt, now, from_me=change.from_me)
        chat = self._identities.address(change.chat)
        if self._retention is None or not self._retention.passes_over(change, chat.entity, sender.entity, now):
            self._messages.store(change, chat, sender, now)
            self._sealed.message_came(chat.entity, change.id)
        self._people.push_name_seen(sender.entity, change.push_name, clamp(change.timestamp), now)

    def _transcribed(self, change: MessageTranscribed, now: int) -> None:
        author = self._identities.address(change.author)
        self._messages.transcribed(self._chat(change.chat, None, now), author, change, now)

    def _redeemed(self, change: PlaceholderRedeemed, now: int) -> None:
        self._learn(change.chat, change.chat_alt, now)
        author = self._author(change.sender, change.sender_alt, now, from_me=change.from_me)
        self._messages.redeem(self._identities.address(change.chat).entity, change.message_id, author, now)

    def _said(self, change: Saying, now: int) -> None:
        """Something was said about a message."""
        match change:
            case MessageEdited():
                who = self._identities.address(change.sender)
            case MessageRevoked():
                who = self._identities.address(change.revoked_by)
            case PollVoted():
                who = self._author(change.voter, change.voter_alt, now, from_me=change.from_me)
            case _:
                who = self._author(change.sender, change.sender_alt, now, from_me=change.from_me)
        # After it: who it is may make one chat of two.
        chat = self._chat(change.chat, change.chat_alt, now)
        told = None if isinstance(change, MessageEdited | ReceiptReceived) else change.author
        author = self._identities.address(told) if told is not None else None
        self._reactions_and_receipts.apply(change, chat, who, author, now)

    def _receipts_told(self, change: ReceiptsTold, now: int) -> None:
        people = [(self._identities.address(one.person), one) for one in change.receipts]
        self._reactions_and_receipts.told(change, self._chat(change.chat, change.chat_alt, now), people, now)

    def _keep_sealed(self, change: SealedReceived, now: int) -> None:
        self._learn(change.chat, change.chat_alt, now)
        sender = self._author(change.sender, change.sender_alt, now, from_me=change.from_me)
        author = self._identities.address(change.author) if change.author is not None else None
        self._sealed.keep(change, self._identities.address(change.chat), sender, author)

    def _settle(self, settled: Settled, now: int) -> None:
        statement = settled.statement
        if settled.opened:
            self._sealed.opened(statement)
            if not any(isinstance(one, MessageReceived) for one in settled.changes):  # else it takes the place itself
                sender = self._identities.address(statement.sender)
                self._messages.redeem(self._identities.address(statement.chat).entity, statement.id, sender, now)
        if not settled.opened:
            self._apply_all(settled.changes, now)
            self._sealed.not_opened(statement)
        elif statement.from_history:
            self._apply_all(settled.changes, now)
        else:
            self._apply_all(map(Live, settled.changes), now)

    def _chat_changed(self, change: ChatChanged, now: int) -> None:
        chat = self._chat(change.chat, change.chat_alt, now)
        row = self._chats.get(chat, now)
        name = row.name
        self._chats.changed(row, change)
        if change.is_member is not None:
            self._memberships.told(chat)
        if row.name != name:
            self._people.rename(chat)

    def unread_app_state(self) -> dict[str, int]:
        """The collections in which the phone changed something that is not told otherwise, and after which version."""
        with self._lock, self._database.errors():
            return self._seen_marks().unread

    def _seen_marks(self) -> SeenMarks:
        kept = self._meta("chat_marks")
        return SeenMarks(str(kept) if kept is not None else None)

    def _marks_told(self, change: ChatMarksSeen | ChatMarksRead, now: int) -> None:
        seen = self._seen_marks()
        kept = seen.kept()
        if isinstance(change, ChatMarksSeen):
            self._apply_all(seen.look(change, now), now)
        else:
            seen.read(change)
        if (keeps := seen.kept()) != kept:
            self._set_meta("chat_marks", keeps)

    def _chat(self, chat: Jid, other: Jid | None, now: int) -> int:
        """The entity of the chat that a change names."""
        self._learn(chat, other, now)
        return self._identities.address(chat).entity

    def _author(self, sender: Jid, other: Jid | None, now: int, *, from_me: bool) -> Address:
        self._learn(sender, other, now)
        address = self._identities.address(sender)
        if from_me and self._owner is not None:
            own = self._identities.address(self._owner)
            if address.entity != own.entity:
                return own
        return address

    def _told_author(self, change: ChatStatement) -> Address | None:
        """The author of the message that an account's own device names."""
        if isinstance(change, MessageLabelled):
            author = change.author
        elif isinstance(change, MessageStarred | MessageDeletedForMe):
            other = change.author or (change.chat if change.chat.is_person else None)
            author = self._owner if change.from_me else other
        else:
            return None
        return self._identities.address(author) if author is not None else None

    def _learn(self, one: Jid, other: Jid | None, now: int) -> None:
        forms = pair(one, other)
        if forms is None:
            return
        if not self._identities.knows(*forms):
            self._unite(self._identities.learn(*forms), now)
            while self._identities.renumbered:
                self._tell_new_number(*self._identities.renumbered.pop(), now)
            self._sealed.address_learned(self._identities.address(one).entity)

    def _entities(self, one: Jid, other: Jid) -> tuple[int, int]:
        return self._identities.address(one).entity, self._identities.address(other).entity

    def _tell_new_number(self, old: int, new: int, now: int) -> None:
        """In both chats, which stay two: whose the old number is by now, nobody knows."""
        if old == new or self._chats.stored(old) is None:
            return
        before, after = self._identities.jid_of(old), self._identities.jid_of(new)
        if before.server != USER or after.server != USER or self._owner in (before, after):
            return
        notice = Notice(Happening.NEW_NUMBER, people=(before,), text=f"+{after.user}")
        for chat in (before, after):
            self._received(notice.received(chat, now, version=f"{before} {after}"), now)

    def _unite(self, union: Union | None, now: int) -> None:
        if union is None:
            return
        unite(
            self._connection,
            union,
            identities=self._identities,
            chats=self._chats,
            people=self._people,
            messages=self._messages,
            derivation=self._derivation,
            visibility=self._visibility,
            index=self._index,
            now=now,
        )

    # -- rows ---------------------------------------------------------------------------------------------------------

    def _meta(self, key: str) -> str | int | None:
        row = self._connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def _set_meta(self, key: str, value: str | int) -> None:
        self._connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, str(value))
        )

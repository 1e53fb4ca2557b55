"""The reader of the message store: queries in, views out. Never writes, never waits for the writer."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.views import Chat, Contact, Label, Message, NamedPerson, ReceiptView
from whatsapp_mcp.store import deferred, looks, sends
from whatsapp_mcp.store.engine.choice import database_at
from whatsapp_mcp.store.identity import addresses_of, find_entity
from whatsapp_mcp.store.read import recipients
from whatsapp_mcp.store.read.acquaintance import chat_facts, writes_in
from whatsapp_mcp.store.read.annotations import known_as, receipts
from whatsapp_mcp.store.read.one_state import OneState
from whatsapp_mcp.store.read.readable import Judge, ReadableChats
from whatsapp_mcp.store.read.restricted import (
    may_be_read,
    newest_readable,
    only_readable,
)
from whatsapp_mcp.store.records import (
    CaughtUp,
    ChatFacts,
    DeferredSend,
    KeyedSend,
    Look,
    NamedTarget,
    News,
    Page,
    StoreStats,
    Stretch,
    Surroundings,
)
from whatsapp_mcp.store.rows import stored_jid
from whatsapp_mcp.untrusted_text import encodable
from whatsapp_mcp.whereabouts import Whereabouts

if TYPE_CHECKING:
    from whatsapp_mcp.models.events import EventKind, Events

T = TypeVar("T")

_NOT_STATUS: Final = f"IS DISTINCT FROM (SELECT entity FROM addresses WHERE jid = '{STATUS_BROADCAST}')"


class StoreReader:
    """Reads a store from any number of threads. Anything may raise StoreError: damaged, or from a newer version.

    As long as there is no store, it answers as an empty store. JIDs may be given in any form; what comes back is
    canonical.

    What makes pages of messages and chats is loaded when the first is asked for: a message that is sent needs none, and
    the first call of a server waits for all that is loaded with this.
    """

    def __init__(self, where: Whereabouts, judge: Judge | None = None) -> None:
        """``judge``: see ``restricted``."""
        self._database = database_at(where)
        self._judge = judge
        self.is_at_hand = isinstance(where, Path)
        """Whether nothing is between, so that a few rows are there at once."""
        self._connections = OneState(self._database.snapshots(ReadableChats(judge) if judge else None))

    def of_one_state(self, query: Callable[[StoreReader], T]) -> T:
        """What ``query`` answers, everything that it asks of the same state of the store."""
        with self._connections.snapshot():
            return query(self)

    def restricted(self, judge: Judge) -> StoreReader:
        """A reader of the same store in which there are no other chats than those that ``judge`` lets through, with
        connections of its own. Who writes in such a chat is named there, whoever it is."""
        return StoreReader(self._database.where, judge)

    def may_read(self, jids: Collection[Jid]) -> frozenset[Jid]:
        """Those of these chats that may be read here, whether anything is known of them or not."""
        judge = self._judge
        if judge is None:
            return frozenset(jids)
        with self._connections.snapshot() as connection:
            facts = {jid: chat_facts(connection, jid) if connection else ChatFacts(jid.bare) for jid in jids}
        return frozenset(jid for jid, known in facts.items() if judge(known))

    def close(self) -> None:
        """Close the connections of all threads."""
        self._connections.close()

    # -- chats --------------------------------------------------------------------------------------------------------

    def chats(
        self,
        *,
        limit: int,
        offset: int,
        search: str | None = None,
        has_media: bool = False,
        archived: bool | None = None,
        cursor: str | None = None,
    ) -> Page[Chat]:
        """Chats, the one with the newest message first; not status updates, nor deleted chats until somebody writes.

        Args:
            search: words of the name (each may be a beginning), or three and more digits of the number.
            has_media: only those with media in them.
            cursor: begin after the row that it belongs to; ``offset`` counts from there.

        Raises:
            InvalidArgument: not a cursor of this list.
        """
        from whatsapp_mcp.store.read.conditions import Slice, Where
        from whatsapp_mcp.store.read.listing import chat_page

        where = Where(
            conditions=[f"chats.entity {_NOT_STATUS}", "(chats.deleted_until < 0 OR chats.message_count > 0)"]
        )
        where.name(search)
        if has_media:
            where.add("chats.media_count > 0")
        if archived is not None:
            where.add("chats.archived = ?", int(archived))
        with self._connections.snapshot() as connection:
            return chat_page(connection, where, Slice(limit, offset, cursor)) if connection else Page((), 0)

    def chat(self, jid: Jid) -> Chat | None:
        """One chat; also one that was deleted, with what is known beyond its messages."""
        from whatsapp_mcp.store.read.views import CHATS, chats_view

        with self._connections.snapshot() as connection:
            entity = find_entity(connection, jid) if connection else None
            if connection is None or entity is None:
                return None
            rows = connection.execute(f"{CHATS} WHERE chats.entity = ?", (entity,)).fetchall()
            return chats_view(connection, rows)[0] if rows else None

    def expiration(self, chat: Jid) -> int:
        """Seconds after which messages of a chat disappear; 0: they stay."""
        with self._connections.snapshot() as connection:
            entity = find_entity(connection, chat) if connection else None
            if connection is None or entity is None:
                return 0
            row = connection.execute("SELECT ephemeral_expiration FROM chats WHERE entity = ?", (entity,)).fetchone()
            return int(row["ephemeral_expiration"]) if row else 0

    def scheduled(self, since: int) -> tuple[DeferredSend, ...]:
        """Messages that are scheduled, and those of which it became clear after ``since`` what became of them, by the
        time for which they are. Milliseconds since 1970. Of chats that may be read."""
        with self._connections.snapshot() as connection:
            found = deferred.scheduled(connection, since, now_ms()) if connection else ()
        readable = self.may_read({one.chat for one in found})
        return tuple(one for one in found if one.chat in readable)

    def labels(self) -> tuple[Label, ...]:
        """Those of a business account, by name."""
        from whatsapp_mcp.store.read.labels import labels

        with self._connections.snapshot() as connection:
            return labels(connection) if connection else ()

    def label(self, label_id: str) -> Label | None:
        from whatsapp_mcp.store.read.labels import label

        with self._connections.snapshot() as connection:
            return label(connection, encodable(label_id)) if connection else None

    # -- messages -----------------------------------------------------------------------------------------------------

    def messages(
        self,
        chat: Jid,
        *,
        limit: int,
        offset: int,
        start: datetime | None = None,
        end: datetime | None = None,
        media_only: bool = False,
        from_me: bool | None = None,
        search: str | None = None,
        cursor: str | None = None,
    ) -> Page[Message]:
        """Messages of one chat, newest first.

        Args:
            start, end: both inclusive, by the second; without a time zone they are UTC.
            search: see ``whatsapp_mcp.store.search.query``.
            cursor: begin after the row that it belongs to; ``offset`` counts from there.

        Raises:
            InvalidArgument: not a cursor of this list.
        """
        from whatsapp_mcp.store.read.conditions import Slice
        from whatsapp_mcp.store.read.hinting import searched
        from whatsapp_mcp.store.read.listing import listed
        from whatsapp_mcp.store.search.index import check_index
        from whatsapp_mcp.store.search.query import Filters, Query
        from whatsapp_mcp.store.search.span import Span

        span, part = Span(start, end), Slice(limit, offset, cursor)
        with self._connections.snapshot() as connection:
            entity = find_entity(connection, chat) if connection else None
            if connection is None or entity is None:
                return Page((), 0)
            filters = Filters(chat=entity, media_only=media_only, from_me=from_me)
            if search and search.strip():
                check_index(connection, self._database.where)
                return searched(connection, Query.parse(search), filters, span, part)
            return listed(connection, filters, span, part)

    def search(
        self,
        text: str,
        *,
        chat: Jid | None = None,
        sender: Jid | None = None,
        from_me: bool | None = None,
        kinds: Collection[MessageKind] | None = None,
        links_only: bool = False,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int,
        offset: int,
        cursor: str | None = None,
        by_relevance: bool = False,
    ) -> Page[Message]:
        """Messages of all chats (but status updates) with these words, newest first.

        Args:
            text: see ``store.search.query``; blank for all messages that the filters want. What merely lacks a word
                is not found without another filter.
            chat: only there; also status updates, if asked for.
            kinds: only messages of these kinds.
            links_only: only messages with a web address.
            start, end: both inclusive, by the second; without a time zone they are UTC.
            cursor: begin after the row that it belongs to; ``offset`` counts from there.
            by_relevance: the best first, of the newest thousand; no cursor then.

        Raises:
            InvalidArgument: not a cursor of this list.
        """
        from whatsapp_mcp.store.read.conditions import Slice
        from whatsapp_mcp.store.read.hinting import searched
        from whatsapp_mcp.store.read.listing import own_is_rare
        from whatsapp_mcp.store.search.index import check_index
        from whatsapp_mcp.store.search.query import Filters, Query
        from whatsapp_mcp.store.search.span import Span

        with self._connections.snapshot() as connection:
            entity = find_entity(connection, chat) if connection and chat else None
            if connection is None or (chat and entity is None):
                return Page((), 0)
            check_index(connection, self._database.where)
            filters = Filters(
                chat=entity,
                apart_from=_present(find_entity(connection, STATUS_BROADCAST)) if entity is None else (),
                authors=addresses_of(connection, sender) if sender else None,
                kinds=kinds,
                from_me=from_me,
                own_is_rare=bool(from_me and entity is None and own_is_rare(connection)),
                links_only=links_only,
            )
            query, span, part = Query.parse(text), Span(start, end), Slice(limit, offset, cursor)
            return searched(connection, query, filters, span, part, by_relevance=by_relevance)

    def receipts(self, message: Message) -> tuple[ReceiptView, ...]:
        """How far a message of ours got with each person that WhatsApp told of, who got it first comes first."""
        with self._connections.snapshot() as connection:
            entity = find_entity(connection, message.chat) if connection else None
            if connection is None or entity is None:
                return ()
            key = (entity, encodable(message.id))
            return receipts(connection, [key]).get(key, ())

    def message(self, message_id: str, chat: Jid | None = None, *, field: str = "message_id") -> Message | None:
        """One message. ``message_id`` may also say whose it is, see ``naming``, or be the one under which it was held.

        Raises:
            InvalidArgument: several messages have this id; how to name each is in the details.
        """
        from whatsapp_mcp.store.read.naming import one_message

        with self._connections.snapshot() as connection:
            if connection is None:
                return None
            found = one_message(connection, message_id, chat, field)
            if found is None and message_id.startswith(deferred.PREFIXES):
                left_as = deferred.sent_as(connection, encodable(message_id))
                return one_message(connection, left_as, chat, field) if left_as else None
            return found

    def around(self, messages: Sequence[Message], *, before: int, after: int) -> tuple[Surroundings, ...]:
        """For each message what was said in its chat around it: so many messages before and after it."""
        from whatsapp_mcp.store.read.listing import surroundings

        with self._connections.snapshot() as connection:
            return surroundings(connection, messages, before=before, after=after) if connection else ()

    def unread(self, *, limit: int, channels: bool = False) -> News:
        """The newest messages that are not read yet, in order of arrival: of people, or ``channels``' posts."""
        from whatsapp_mcp.store.read.arrivals import NO_NEWS, unread

        with self._connections.snapshot() as connection:
            return unread(connection, limit, channels=channels) if connection else NO_NEWS

    def news(self, arrival: int, *, limit: int, channels: bool = False) -> News:
        """The first messages that arrived after that number, as in ``incoming_after``, and how many there are."""
        from whatsapp_mcp.store.read.arrivals import NO_NEWS, news

        with self._connections.snapshot() as connection:
            return news(connection, arrival, limit, channels=channels) if connection else NO_NEWS

    def incoming_after(self, arrival: int, *, chat: Jid | None = None, limit: int = 1) -> tuple[Message, ...]:
        """Messages that arrived after that number, in order of arrival: of others, and what the owner wrote to the own
        chat on another device.

        History is not among them; status updates and posts of channels are only where ``chat`` is theirs. One that
        could not be read at first comes again when it can.
        """
        from whatsapp_mcp.store.read.arrivals import incoming

        with self._connections.snapshot() as connection:
            entity = find_entity(connection, chat) if connection and chat else None
            if connection is None or (chat and entity is None):
                return ()
            return incoming(connection, arrival, limit, chat=entity)

    def look_of(self, caller: str) -> Look | None:
        """Up to where somebody has caught up; None: never, or with messages that are erased."""
        with self._connections.snapshot() as connection:
            return looks.find(connection, encodable(caller)) if connection else None

    def catch_up(self, stretch: Stretch, *, cursor: str | None = None, chats: int, lines: int) -> CaughtUp:
        """What is new in the chats of people and groups, the chat with the newest message first.

        Args:
            cursor: begin after the chat that it belongs to.
            lines: messages of each chat that are shown, the newest.

        Raises:
            InvalidArgument: not a cursor of this list.
        """
        from whatsapp_mcp.store.read.catching_up import catch_up

        with self._connections.snapshot() as connection:
            if connection is None:
                return CaughtUp((), (), more=False)
            return catch_up(connection, stretch, cursor=cursor, chats=chats, lines=lines)

    def chats_mark(self) -> tuple[int, ...]:
        """Another one each time that the list of chats has changed."""
        from whatsapp_mcp.store.read.changing import chats_mark

        with self._connections.snapshot() as connection:
            return chats_mark(connection) if connection else ()

    def chat_mark(self, chat: Jid) -> tuple[int, ...] | None:
        """Another one each time that the chat or one of its newest messages has changed; None where there is none."""
        from whatsapp_mcp.store.read.changing import chat_mark

        with self._connections.snapshot() as connection:
            entity = find_entity(connection, chat) if connection else None
            return chat_mark(connection, entity) if connection is not None and entity is not None else None

    def events_after(
        self, arrival: int, kinds: Collection[EventKind], *, chat: Jid | None = None, limit: int
    ) -> Events:
        """What happened after that number, in order; the messages that came as in ``incoming_after``."""
        from whatsapp_mcp.store.read.happenings import NO_EVENTS, happened

        with self._connections.snapshot() as connection:
            entity = find_entity(connection, chat) if connection and chat else None
            if connection is None or (chat and entity is None):
                return NO_EVENTS
            return happened(connection, arrival, kinds, limit, chat=entity)

    def newest_arrival(self) -> int:
        """The highest arrival number given so far, 0 in an empty store; of what may be read, in a restricted reader."""
        if self._judge is not None:
            with self._connections.snapshot() as connection:
                restriction = connection.restriction if connection else None
                return newest_readable(connection, restriction) if connection and restriction else 0
        return int(self._meta("arrival") or 0)

    def position(self, cursor: int) -> int:
        """The arrival number to go on after, of one that was told as a cursor."""
        newest = self.newest_arrival()
        if self._judge is not None:
            # Whoever tries numbers does not learn how many messages there are beside those that may be read.
            return min(cursor, newest)
        # Arrival numbers start again with a new account; a cursor from the time before must not hide what came since.
        return cursor if cursor <= newest else 0

    def cursor_at(self, arrival: int) -> int:
        """What to tell as the cursor of who has looked at everything up to this arrival number."""
        if self._judge is not None:
            return min(arrival, self.newest_arrival())
        return arrival

    # -- people -------------------------------------------------------------------------------------------------------

    def contacts(self, *, search: str | None = None) -> tuple[Contact, ...]:
        """People with a name, by name; ``search`` as in ``chats``."""
        from whatsapp_mcp.store.read.conditions import Where
        from whatsapp_mcp.store.read.views import CONTACTS, contact_view

        where = Where(conditions=["entities.kind = 'person'"])
        where.name(search)
        with self._connections.snapshot() as connection:
            if connection is None:
                return ()
            only = only_readable(connection, "entities.id")
            rows = connection.execute(
                f"{CONTACTS} WHERE {where}{only} ORDER BY entities.folded, entities.jid", where.values
            ).fetchall()
            return tuple(map(contact_view, rows))

    def knows(self, jid: Jid) -> bool:
        """Whether this address was ever seen."""
        with self._connections.snapshot() as connection:
            entity = find_entity(connection, jid) if connection else None
            return connection is not None and entity is not None and may_be_read(connection, entity)

    def chat_facts(self, jid: Jid) -> ChatFacts:
        """How the owner and this chat know each other."""
        with self._connections.snapshot() as connection:
            return chat_facts(connection, jid) if connection is not None else ChatFacts(jid.bare)

    def writes_in(self, person: Jid, chat: Jid) -> bool:
        """Whether a message of this person stands in the chat."""
        with self._connections.snapshot() as connection:
            return connection is not None and writes_in(connection, person, chat)

    def named(self, jids: Collection[Jid]) -> dict[Jid, NamedPerson]:
        """Those of these addresses that are known, each in one form and with the best name, by the address given."""
        from whatsapp_mcp.store.read.named import NamedPeople

        with self._connections.snapshot() as connection:
            return NamedPeople(connection, jids).by_address if connection and jids else {}

    def number_of(self, lid: Jid) -> Jid | None:
        """The phone number of a LID, where it is known; of a number, the one under which WhatsApp knows the person."""
        with self._connections.snapshot() as connection:
            entity = find_entity(connection, lid) if connection else None
            if connection is None or entity is None or not may_be_read(connection, entity):
                return None
            row = connection.execute("SELECT jid FROM entities WHERE id = ?", (entity,)).fetchone()
            jid = stored_jid(row["jid"])
            return None if jid.is_lid else jid

    def display_name(self, jid: Jid) -> str | None:
        """Best known name of a person or chat; a person's number where there is none, else None."""
        with self._connections.snapshot() as connection:
            entity = find_entity(connection, jid) if connection else None
            if connection is None or entity is None:
                return known_as(jid, None)
            row = connection.execute("SELECT jid, name FROM entities WHERE id = ?", (entity,)).fetchone()
            return known_as(stored_jid(row["jid"]), row["name"])

    def find_by_name(self, name: str, *, strangers: bool = False) -> tuple[NamedTarget, ...]:
        """Those who can be meant by exactly this name; case, accents and punctuation do not matter.

        ``strangers``: also people whom the owner does not know by it, where there is nobody else.
        """
        with self._connections.snapshot() as connection:
            return recipients.exact_names(connection, name, strangers=strangers) if connection else ()

    def target(self, jid: Jid) -> NamedTarget | None:
        """Who has this address, in any form; None when nothing is known of it."""
        with self._connections.snapshot() as connection:
            return recipients.target_of(connection, jid) if connection else None

    def near_names(self, name: str, limit: int = 5) -> tuple[NamedTarget, ...]:
        """Those whose name is much like it, the likeliest first."""
        with self._connections.snapshot() as connection:
            return recipients.near_names(connection, name, limit) if connection else ()

    def owner(self) -> tuple[Jid, Jid | None] | None:
        """Our own number and LID."""
        number, lid = self._meta("owner_number"), self._meta("owner_lid")
        if number is None:
            return None
        return stored_jid(str(number)), stored_jid(str(lid)) if lid else None

    # -- sends --------------------------------------------------------------------------------------------------------

    def send_under(self, key: str, kept: int = sends.KEPT) -> KeyedSend | None:
        """What stands under the key of a send, for ``kept`` milliseconds."""
        with self._connections.snapshot() as connection:
            return sends.find(connection, encodable(key), now_ms(), kept) if connection else None

    def deferred(self, message_id: str) -> DeferredSend | None:
        """What became of a message that was to leave later, by the id that its caller was told."""
        if not message_id.startswith(deferred.PREFIXES):
            return None
        with self._connections.snapshot() as connection:
            return deferred.find(connection, encodable(message_id), now_ms()) if connection else None

    # -- the store itself ---------------------------------------------------------------------------------------------

    def stats(self) -> StoreStats:
        from whatsapp_mcp.store.stats import stats_of

        with self._connections.snapshot() as connection:
            return stats_of(connection, self._database) if connection else StoreStats(0, 0, 0, 0, None)

    def _meta(self, key: str) -> str | int | None:
        with self._connections.snapshot() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone() if connection else None
            return row["value"] if row else None


def _present(entity: int | None) -> tuple[int, ...]:
    return () if entity is None else (entity,)

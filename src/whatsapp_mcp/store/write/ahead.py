"""What the store has about the messages that a transaction brings, asked for all of them at its beginning.

Where each question is a way to a database and back, to ask for each message takes longer than to store it. In SQLite
nothing is known here, and each question is asked when it comes up.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from whatsapp_mcp.models.changes import Change, Live, MessageReceived
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.engine.choice import inquiry
from whatsapp_mcp.store.write.chats import Chats
from whatsapp_mcp.store.write.identities import Identities
from whatsapp_mcp.untrusted_text import encodable

_NOBODY: Final[frozenset[int]] = frozenset()


class Ahead:
    """For one transaction after the other: ``look`` at its beginning, ``forget`` at its end.

    Every answer may be None: it is not known here.
    """

    def __init__(self, connection: StoreConnection, identities: Identities, chats: Chats) -> None:
        self._connection = connection
        self._identities = identities
        self._chats = chats
        self._inquiry = inquiry(connection)
        self._looked = -1
        """How often addresses had got other owners by then; -1: nothing was looked up."""
        self._authors: dict[tuple[int, str], frozenset[int] | None] = {}
        """Who wrote the messages of an id in a chat, entities; None: not known any more."""
        self._with_parts: set[tuple[int, str]] = set()
        self._awaited: set[tuple[int, str]] = set()

    def look(self, changes: Sequence[Change]) -> None:
        """Of these, the messages."""
        if self._inquiry is None:
            return
        bare = (change.change if isinstance(change, Live) else change for change in changes)
        messages = [change for change in bare if isinstance(change, MessageReceived)]
        if not messages:
            return
        self._look_for_addresses(messages)
        keys = {key for message in messages for key in self._keys(message)}
        self._chats.read_ahead(self._inquiry, {chat for chat, _ in keys})
        self._authors = dict.fromkeys(keys, _NOBODY)
        for key, authors, has_parts, is_awaited in self._inquiry.messages(self._connection, [*keys]):
            self._authors[key] = authors
            if has_parts:
                self._with_parts.add(key)
            if is_awaited:
                self._awaited.add(key)
        self._looked = self._identities.moves

    def forget(self) -> None:
        self._looked = -1
        self._authors.clear()
        self._with_parts.clear()
        self._awaited.clear()

    def authors(self, chat: int, message_id: str) -> Collection[int] | None:
        """Of the messages of this id that are in a chat: entities."""
        if self._looked != self._identities.moves:
            return None
        return self._authors.get((chat, message_id), _NOBODY if chat in self._identities.made else None)

    def has_parts(self, chat: int, message_id: str) -> bool | None:
        """Whether messages are here that belong to that one."""
        return None if self.authors(chat, message_id) is None else (chat, message_id) in self._with_parts

    def is_awaited(self, chat: int, message_id: str) -> bool | None:
        """Whether something was said about the message before it came."""
        return None if self.authors(chat, message_id) is None else (chat, message_id) in self._awaited

    # -- what changes since -------------------------------------------------------------------------------------------

    def stored(self, chat: int, message_id: str, author: int, parent: str | None) -> None:
        """A message is here now. ``author``: an entity; ``parent``: id of that to which it belongs."""
        if self._looked < 0:
            return
        known = self.authors(chat, message_id)
        if known is not None:
            self._authors[chat, message_id] = frozenset((*known, author))
        if parent is not None:
            self._with_parts.add((chat, parent))

    def removed(self, chat: int, message_id: str) -> None:
        """A message is not here any more."""
        if self._looked >= 0:
            self._authors[chat, message_id] = None

    def awaits(self, chat: int, message_id: str) -> None:
        if self._looked >= 0:
            self._awaited.add((chat, message_id))

    # -- looking ------------------------------------------------------------------------------------------------------

    def _look_for_addresses(self, messages: Iterable[MessageReceived]) -> None:
        assert self._inquiry is not None
        named = {jid.bare for one in messages for jid in (one.chat, one.chat_alt, one.sender, one.sender_alt) if jid}
        unknown = {str(jid): jid for jid in named if self._identities.known(jid) is None}
        if unknown:
            for text, number, entity in self._inquiry.addresses(self._connection, unknown):
                self._identities.found(unknown[text], number, entity)

    def _keys(self, message: MessageReceived) -> Iterable[tuple[int, str]]:
        """Chat and id of it, and of what it answers. No id that PostgreSQL would hold as another one."""
        forms = [jid.bare for jid in (message.chat, message.chat_alt) if jid]
        chat = next((known for known in map(self._identities.known, forms) if known), None)
        if chat is None:
            return
        quote = message.content.quote
        for message_id in (message.id, encodable(quote.message_id) if quote else message.id):
            if "\0" not in message_id:
                yield chat.entity, message_id

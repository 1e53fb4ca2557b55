"""A small world for the store's tests: who is who, and changes in few words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.unit.empty_store import provide_empty_store
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import (
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    PollVoted,
    ReactionChanged,
    ReceiptReceived,
)
from whatsapp_mcp.models.content import Content, MediaInfo, MessageKind, Quote
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind
from whatsapp_mcp.store.engine.choice import search_tables
from whatsapp_mcp.store.engine.sqlite.fts_table import MESSAGE_SEARCH
from whatsapp_mcp.store.engine.sqlite.partial import PARTIAL
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.write.retention import RetentionPolicy
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.whereabouts import Whereabouts

ME = Jid.parse("491700000000@s.whatsapp.net")
MY_LID = Jid.parse("90000000000000@lid")
ANA = Jid.parse("5511911112222@s.whatsapp.net")
ANA_LID = Jid.parse("81111111111111@lid")
BORIS = Jid.parse("79161112233@s.whatsapp.net")
BORIS_LID = Jid.parse("82222222222222@lid")
CARLA = Jid.parse("34600111222@s.whatsapp.net")
GROUP = Jid.parse("120363000000000001@g.us")
NOW = 1_800_000_000_000
"""The clock of the tests, milliseconds."""
START = 1_790_000_000
"""Second at which the messages of the tests begin."""


_REFERENCES: Final = (
    *((table, "chat", "entities") for table in ("messages", "edits", "revokes", "reactions", "receipts", "events")),
    *((table, "sender", "addresses") for table in ("messages", "edits", "revokes", "reactions", "receipts", "events")),
    *((table, "entity", "entities") for table in ("addresses", "contacts", "chats")),
    *((table, "chat", "entities") for table in ("stars", "deletions", "votes", "unread", "awaited", "shared_ids")),
)
"""Foreign keys that PostgreSQL is not told of."""


class Store:
    """A writer and a reader on one store."""

    def __init__(self, where: Whereabouts, retention: RetentionPolicy | None = None) -> None:
        self.where = where
        self.now = NOW
        if isinstance(where, Path):
            provide_empty_store(where)
        self.writer = StoreWriter(where, now=lambda: self.now, retention=retention)
        self.writer.set_owner(ME, MY_LID)
        self.reader = StoreReader(where)
        self.apply = self.writer.apply

    @property
    def path(self) -> Path:
        """Of a store in a file."""
        assert isinstance(self.where, Path)
        return self.where

    def close(self) -> None:
        self.reader.close()
        self.writer.close()

    def check(self) -> None:
        """That nothing refers to what is not there, and that the search index is whole."""
        execute = self.writer._connection.execute
        if isinstance(self.where, Path):
            assert execute("PRAGMA foreign_key_check").fetchall() == []
            for name in (MESSAGE_SEARCH.name, *(partial.table.name for partial in PARTIAL)):
                execute(f"INSERT INTO {name} ({name}) VALUES ('integrity-check')")
            return
        for table, column, target in _REFERENCES:
            orphans = f"SELECT count(*) FROM {table} WHERE {column} NOT IN (SELECT id FROM {target})"
            assert (table, column, execute(orphans).fetchone()[0]) == (table, column, 0)
        assert search_tables(self.writer._connection).fault(self.writer._connection) is None

    def texts(self, chat: Jid, search: str | None = None) -> list[str]:
        """Texts of a chat, newest first."""
        return [message.text for message in self.reader.messages(chat, limit=1000, offset=0, search=search).rows]

    def lid_of(self, number: Jid) -> Jid | None:
        wanted = "SELECT lid FROM addresses JOIN entities ON entities.id = entity WHERE addresses.jid = ?"
        row = self.writer._connection.execute(wanted, (str(number),)).fetchone()
        return Jid.parse(row[0]) if row and row[0] else None

    def incoming(self) -> list[str]:
        """Ids of what those who wait for messages were told of, in order of arrival."""
        return [message.id for message in self.reader.incoming_after(0, limit=1000)]

    def unread(self, chat: Jid) -> int:
        found = self.reader.chat(chat)
        assert found is not None
        return found.unread_count


def nowhere(where: Whereabouts) -> Whereabouts:
    """Beside a store, where none is."""
    return where.with_name("nothing.db") if isinstance(where, Path) else replace(where, schema="wa_nothing")


def ms(second: int) -> int:
    return (START + second) * 1000


def at(second: int) -> datetime:
    return datetime.fromtimestamp(START + second, UTC)


def message(
    message_id: str,
    second: int,
    text: str = "",
    *,
    chat: Jid = ANA,
    sender: Jid | None = None,
    from_me: bool = False,
    from_history: bool = False,
    kind: MessageKind | None = None,
    media: MediaInfo | None = None,
    quote: Quote | None = None,
    extra: dict[str, object] | None = None,
    chat_alt: Jid | None = None,
    sender_alt: Jid | None = None,
    push_name: str | None = None,
    status: DeliveryStatus | None = None,
    raw: bytes = b"raw",
) -> MessageReceived:
    """By default a text from Ana in the chat with her; ``second`` counts from START."""
    return MessageReceived(
        id=message_id,
        chat=chat,
        sender=ME if from_me else sender or chat,
        timestamp=ms(second),
        content=Content(
            kind=kind or (MessageKind.IMAGE if media else MessageKind.TEXT),
            text=text,
            media=media,
            quote=quote,
            extra=extra or {},
        ),
        from_me=from_me,
        chat_alt=chat_alt,
        sender_alt=sender_alt,
        push_name=push_name,
        raw=raw,
        status=status,
        from_history=from_history,
    )


def edit(message_id: str, second: int, text: str, *, chat: Jid = ANA, sender: Jid | None = None) -> MessageEdited:
    return MessageEdited(chat, message_id, sender or chat, Content(MessageKind.TEXT, text), ms(second))


def revoke(
    message_id: str,
    second: int,
    *,
    chat: Jid = ANA,
    by: Jid | None = None,
    author: Jid | None = None,
    by_admin: bool = False,
) -> MessageRevoked:
    return MessageRevoked(chat, message_id, by or chat, ms(second), author=author, by_admin=by_admin)


def reaction(
    message_id: str,
    second: int,
    emoji: str,
    *,
    chat: Jid = ANA,
    sender: Jid | None = None,
    from_me: bool = False,
    author: Jid | None = None,
) -> ReactionChanged:
    return ReactionChanged(chat, message_id, sender or chat, emoji, ms(second), from_me=from_me, author=author)


def receipt(
    kind: ReceiptKind,
    second: int,
    *message_ids: str,
    chat: Jid = ANA,
    sender: Jid | None = None,
    from_me: bool = False,
) -> ReceiptReceived:
    return ReceiptReceived(chat, sender or chat, message_ids, kind, ms(second), from_me=from_me)


def vote(
    poll_id: str,
    second: int,
    *options: str,
    chat: Jid = GROUP,
    voter: Jid = ANA,
    from_me: bool = False,
    author: Jid | None = None,
) -> PollVoted:
    return PollVoted(chat, poll_id, voter, options, ms(second), from_me=from_me, author=author)


PHOTO = MediaInfo(
    mimetype="image/jpeg",
    file_name="Straße.jpg",
    file_length=12345,
    width=800,
    height=600,
    url="https://mmg.whatsapp.net/o1/v/t62/1",
    direct_path="/o1/v/t62/1",
    media_key=b"k" * 32,
    file_sha256=b"p" * 32,
    file_enc_sha256=b"e" * 32,
)

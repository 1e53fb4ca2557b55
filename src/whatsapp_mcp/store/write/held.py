"""A message that is stored, as the writer and the session look at it, hidden or not."""

from __future__ import annotations

from typing import Final, NamedTuple

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import BROADCAST_LIST, SERVER_ID, MessageKind
from whatsapp_mcp.models.views import StoredMessage
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.records import KnownPost
from whatsapp_mcp.store.rows import load_extra, stored_jid
from whatsapp_mcp.store.search.index import document_of
from whatsapp_mcp.store.write.identities import Address


class Held(NamedTuple):
    """A row of ``HELD``: what the writer needs to know of a stored message."""

    arrival: int
    place: int
    chat: int
    id: str
    sender: int
    wire_chat: int
    timestamp: int
    from_me: int
    from_history: int
    has_media: int
    """0 also of a revoked message that had some."""
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
    mimetype: str | None
    """Of its media; also of a revoked message."""
    file_name: str | None

    @property
    def is_placeholder(self) -> bool:
        return self.kind == MessageKind.UNDECRYPTABLE

    @property
    def is_hidden(self) -> bool:
        return self.place < 0

    @property
    def document(self) -> str | None:
        """What the search index holds for it."""
        if self.revoked_at is not None or self.is_hidden:
            return None
        where = (self.chat, self.sender, self.from_me, self.has_media)
        return document_of(*where, self.kind, self.text, self.file_name, load_extra(self.extra))


HELD: Final = (
    "SELECT m.arrival, m.place, m.chat, m.id, m.sender, m.wire_chat, m.timestamp, m.from_me, m.from_history,"
    " m.has_media, m.kind, m.text, m.status, m.extra, m.edited_at, m.revoked_at, m.created_at, author.entity,"
    " chat.kind = 'person', media.mimetype, media.file_name"
    " FROM {messages} CROSS JOIN addresses AS author ON author.id = m.sender"
    " CROSS JOIN entities AS chat ON chat.id = m.chat LEFT JOIN media ON media.arrival = m.arrival WHERE {where}"
)
"""``messages``: a source of messages AS m."""
_HELD: Final = HELD.format(messages="messages AS m", where="m.chat = ? AND m.id = ?") + " ORDER BY m.arrival"
_MESSAGE: Final = (
    "SELECT m.id, wire_chat.jid, wire_sender.jid, m.from_me, m.text, m.raw,"
    " (SELECT message FROM media WHERE media.arrival = m.arrival),"
    " EXISTS (SELECT 1 FROM media WHERE media.arrival = m.arrival), m.kind,"
    " m.extra, m.edited_at, wire_sender.entity"
    " FROM chats CROSS JOIN messages AS m ON m.chat = chats.entity AND m.id = ?2"
    " JOIN addresses AS wire_chat ON wire_chat.id = m.wire_chat"
    " JOIN addresses AS wire_sender ON wire_sender.id = m.sender WHERE {chats}"
    " AND (CAST(?3 AS BIGINT) IS NULL OR wire_sender.entity = ?3)"
)


_POSTS: Final = (
    "SELECT m.id, m.extra, author.jid FROM messages AS m JOIN addresses AS author ON author.id = m.sender"
    " WHERE m.chat = ? AND m.place > 0 AND m.revoked_at IS NULL ORDER BY m.place DESC LIMIT ?"
)


def posts_of(connection: StoreConnection, channel: int | None, count: int) -> list[KnownPost]:
    """The newest posts of a channel that are not deleted, as far as their numbers are known."""
    rows = connection.execute(_POSTS, (channel, count)).fetchall()
    numbered = ((load_extra(extra).get(SERVER_ID), message_id, sender) for message_id, extra, sender in rows)
    return [KnownPost(number, one, Jid.parse(sender)) for number, one, sender in numbered if isinstance(number, int)]


def held_under(connection: StoreConnection, chat: int, message_id: str) -> list[Held]:
    """The messages of this id in a chat: mostly one, but it is their authors who choose the ids."""
    return [Held(*row) for row in connection.execute(_HELD, (chat, message_id)).fetchall()]


def find_held(connection: StoreConnection, chat: int, message_id: str, author: Address) -> Held | None:
    """The message of this author, by whichever address; first by this one."""
    same = [held for held in held_under(connection, chat, message_id) if held.author == author.entity]
    return min(same, key=lambda held: held.sender != author.id, default=None)


def find_message(
    connection: StoreConnection, message_id: str, chat: int | None, author: int | None
) -> StoredMessage | None:
    """The message of this id, in one chat or in any, of one author or of any; both are entities.

    Raises:
        InvalidArgument: there are several.
    """
    # Without a chat, one look into the index per chat.
    chats = "chats.entity = ?1" if chat is not None else "CAST(?1 AS BIGINT) IS NULL"
    rows = connection.execute(_MESSAGE.format(chats=chats), (chat, message_id, author)).fetchall()
    if len(rows) > 1:
        raise InvalidArgument("message_id: several messages have this id", field="message_id")
    return next((_stored(*row) for row in rows), None)


def messages_under(connection: StoreConnection, chat: int, message_id: str) -> list[tuple[int, StoredMessage]]:
    """The messages of this id in a chat, each with the entity of its author."""
    rows = connection.execute(_MESSAGE.format(chats="chats.entity = ?1"), (chat, message_id, None)).fetchall()
    return [(row[-1], _stored(*row)) for row in rows]


def _stored(
    message_id: str,
    wire_chat: str,
    wire_sender: str,
    from_me: int,
    text: str,
    raw: bytes | None,
    file: bytes | None,
    has_media: int,
    kind: str,
    extra: str | None,
    edited_at: int | None,
    _author: int,
) -> StoredMessage:
    by_list = load_extra(extra).get(BROADCAST_LIST)
    return StoredMessage(
        message_id,
        stored_jid(wire_chat),
        stored_jid(wire_sender),
        bool(from_me),
        text,
        raw or b"",
        bool(has_media),
        is_placeholder=kind == MessageKind.UNDECRYPTABLE,
        file=file or raw or b"",
        broadcast_list=stored_jid(by_list) if isinstance(by_list, str) and by_list else None,
        is_edited=edited_at is not None,
    )


def is_note(connection: StoreConnection, arrival: int) -> bool:
    """Whether we wrote this message to ourselves, on another device of ours: to who runs here, it is news."""
    return connection.execute("SELECT 1 FROM notes WHERE arrival = ?", (arrival,)).fetchone() is not None


def update_message(
    connection: StoreConnection, arrival: int, now: int, assignments: str, *values: int | str | bytes | None
) -> None:
    connection.execute(f"UPDATE messages SET {assignments}, updated_at = ? WHERE arrival = ?", (*values, now, arrival))


def touch_message(connection: StoreConnection, chat: int, message_id: str, author: int, now: int) -> None:
    """Something beside the row changed that is shown with the message of this author (an address); it may not be here
    yet."""
    wanted = "chat = ? AND id = ? AND sender = ?"
    connection.execute(f"UPDATE messages SET updated_at = ? WHERE {wanted}", (now, chat, message_id, author))

"""Everything that the store knows about messages, one after the other: what `whatsapp-mcp export` reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.views import Message, ReceiptView
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.engine.choice import database_at
from whatsapp_mcp.store.identity import find_entity
from whatsapp_mcp.store.read.annotations import Key, known_as, receipts, rows_about
from whatsapp_mcp.store.read.named import NamedPeople
from whatsapp_mcp.store.read.polls import Ballot, ballots, options
from whatsapp_mcp.store.read.stored import extra_of, mentions_of
from whatsapp_mcp.store.read.views import messages_query, messages_view
from whatsapp_mcp.store.rows import place_of, stored_jid
from whatsapp_mcp.store.search.span import Span
from whatsapp_mcp.whereabouts import Whereabouts

_PAGE: Final = 500
"""Messages read at a time."""
_LAST: Final = (1 << 63) - 1
_WHOLE: Final = 1 << 30
"""Characters of a text; SQLite holds no longer ones."""

_CHATS: Final = "SELECT entity FROM chats ORDER BY last_message_at DESC NULLS LAST, updated_at DESC, entity DESC"
_ARRIVALS: Final = (
    "SELECT arrival FROM messages INDEXED BY messages_chat WHERE chat = ? AND place BETWEEN ? AND ?"
    " ORDER BY place LIMIT ?"
)
_MESSAGES: Final = messages_query(
    _ARRIVALS,
    "m.place",
    text_limit=_WHOLE,
    more=", m.original_text, m.expiration, m.from_history, media.width, media.height,"
    " quoted.jid AS quoted_jid, quoted.name AS quoted_name,"
    " quoted.jid IS NOT DISTINCT FROM (SELECT value FROM meta WHERE key = 'owner_number') AS quotes_us",
    joins=" LEFT JOIN addresses AS named ON named.jid = m.reply_to_sender"
    " LEFT JOIN entities AS quoted ON quoted.id = named.entity",
)
# Those that count: whoever else sends an edit changes nothing (``store.write.derivation``).
_EDITS: Final = (
    "SELECT edits.chat, edits.message_id, author.entity AS author, edits.edited_at, edits.text, edits.mentions"
    " FROM edits"
    " JOIN addresses AS editor ON editor.id = edits.sender"
    " JOIN messages AS m ON m.chat = edits.chat AND m.id = edits.message_id"
    " JOIN addresses AS author ON author.id = m.sender"
    " JOIN entities AS chat ON chat.id = m.chat"
    " WHERE (edits.chat, edits.message_id) IN (VALUES {wanted}) AND (editor.entity = author.entity"
    " OR chat.kind = 'person' AND m.from_me = 1 AND editor.entity != m.chat) ORDER BY edits.edited_at"
)
# The first that counts, by the same rule.
_REVOKES: Final = (
    "SELECT revokes.chat, revokes.message_id, author.entity AS author, person.jid FROM revokes"
    " JOIN messages AS m ON m.chat = revokes.chat AND m.id = revokes.message_id"
    " AND m.revoked_at = revokes.revoked_at"
    " JOIN addresses AS revoker ON revoker.id = revokes.sender"
    " JOIN entities AS person ON person.id = revoker.entity"
    " JOIN addresses AS author ON author.id = m.sender"
    " JOIN addresses AS target ON target.id = revokes.author"
    " JOIN entities AS chat ON chat.id = m.chat"
    " WHERE (revokes.chat, revokes.message_id) IN (VALUES {wanted})"
    " AND (chat.kind = 'person' AND (revoker.entity = author.entity OR m.from_me = 1 AND revoker.entity != m.chat)"
    " OR chat.kind != 'person' AND target.entity = author.entity"
    " AND (revokes.by_admin = 1 OR revoker.entity = author.entity))"
    " ORDER BY revokes.sender DESC"
)


@dataclass(frozen=True, slots=True)
class Edit:
    edited_at: datetime
    text: str
    mentions: tuple[Jid, ...]


@dataclass(frozen=True, slots=True)
class ExportedMessage:
    """A message with what ``Message`` leaves out. Of a revoked one, nothing that it said."""

    message: Message
    receipts: tuple[ReceiptView, ...]
    from_history: bool
    expiration: int
    """Disappearing-message timer in seconds, 0 = stays."""
    revoked_by: Jid | None = None
    """Canonical; None also when WhatsApp did not tell."""
    original_text: str | None = None
    """Before the first edit."""
    edits: tuple[Edit, ...] = ()
    """In order of time; the last one is the text of the message."""
    ballots: tuple[Ballot, ...] = ()
    """Of a poll."""
    quoted: Jid | None = None
    """Author of the quoted message; canonical."""
    quoted_name: str | None = None
    quotes_us: bool = False
    width: int | None = None
    height: int | None = None
    """Pixels."""
    file_sha256: bytes | None = None
    """Of the decrypted file."""


def exported_messages(where: Whereabouts, chats: Sequence[Jid] | None, span: Span) -> Iterator[ExportedMessage]:
    """All shown messages: chat by chat, the one with the newest message first; oldest message first in each.

    They are those of one moment, however long it takes to go through them.

    Args:
        chats: only these, in their order; None for all, status updates too.

    Raises:
        StoreError: the store is damaged, or of another version.
    """
    database = database_at(where)
    connections = database.snapshots()
    with closing(connections), connections.snapshot() as connection:
        if connection is None:
            return
        database.reads_once(connection)
        for entity in _entities(connection, chats):
            yield from _of_chat(connection, entity, span)


def _entities(connection: StoreConnection, chats: Sequence[Jid] | None) -> list[int]:
    if chats is None:
        return [row["entity"] for row in connection.execute(_CHATS)]
    found = (find_entity(connection, jid) for jid in chats)
    return list(dict.fromkeys(entity for entity in found if entity is not None))


def _of_chat(connection: StoreConnection, chat: int, span: Span) -> Iterator[ExportedMessage]:
    lowest, highest = span.lowest, _LAST if span.highest is None else span.highest
    while True:
        rows = connection.execute(_MESSAGES, (chat, lowest, highest, _PAGE)).fetchall()
        yield from _exported(connection, rows)
        if len(rows) < _PAGE:
            return
        lowest = place_of(rows[-1]["timestamp"], rows[-1]["arrival"]) + 1


def _exported(connection: StoreConnection, rows: Sequence[Row]) -> Iterator[ExportedMessage]:
    shown = [row for row in rows if row["revoked_at"] is None]
    edits = _edits(connection, [_key(row) for row in shown if row["edited_at"] is not None])
    polls = {_key(row): extra_of(row["extra"]) for row in shown if row["kind"] == MessageKind.POLL}
    cast = ballots(connection, options(connection, polls))
    revokers = _revokers(connection, [_key(row) for row in rows if row["revoked_at"] is not None])
    got = receipts(connection, [(row["chat"], row["id"]) for row in rows if row["from_me"]])
    for message, row in zip(messages_view(connection, rows, facts_limit=_WHOLE), rows, strict=True):
        key = _key(row)
        reached = got.get(key[:2], ()) if row["from_me"] else ()
        known = (reached, bool(row["from_history"]), row["expiration"])
        if message.revoked_at is not None:
            yield ExportedMessage(message, *known, revoked_by=revokers.get(key))
            continue
        quoted = stored_jid(row["quoted_jid"]) if row["quoted_jid"] is not None else None
        yield ExportedMessage(
            message,
            *known,
            original_text=row["original_text"],
            edits=edits.get(key, ()),
            ballots=cast.get(key, ()),
            quoted=quoted,
            quoted_name=known_as(quoted, row["quoted_name"]) if quoted is not None else None,
            quotes_us=quoted is not None and bool(row["quotes_us"]),
            width=row["width"],
            height=row["height"],
            file_sha256=row["file_sha256"],
        )


def _key(row: Row) -> Key:
    return row["chat"], row["id"], row["author"]


def _edits(connection: StoreConnection, wanted: Sequence[Key]) -> dict[Key, tuple[Edit, ...]]:
    found: dict[Key, tuple[Edit, ...]] = {}
    rows = list(rows_about(connection, _EDITS, [key[:2] for key in wanted]))
    people = NamedPeople(connection, (jid for row in rows for jid in mentions_of(row["mentions"])))
    for row in rows:
        key, mentioned = (row["chat"], row["message_id"], row["author"]), mentions_of(row["mentions"])
        text = people.spoken(row["text"], mentioned)
        edit = Edit(from_ms(row["edited_at"]), text, tuple(people.person(jid).jid for jid in mentioned))
        found[key] = (*found.get(key, ()), edit)
    return found


def _revokers(connection: StoreConnection, wanted: Sequence[Key]) -> dict[Key, Jid]:
    """Who deleted a message for everyone."""
    rows = rows_about(connection, _REVOKES, [key[:2] for key in wanted])
    return {(row["chat"], row["message_id"], row["author"]): stored_jid(row["jid"]) for row in rows}

"""From rows to the views that rooms above the store read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

from whatsapp_mcp.clock import from_ms, to_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.views import (
    FOR_EVER,
    Chat,
    Contact,
    Message,
    QuotedMessage,
)
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.read.annotations import (
    Key,
    chat_labels,
    message_labels,
    reactions,
    time_or_none,
)
from whatsapp_mcp.store.read.lines import keys_of, line_facts, lines_query, remains_of, said_in, shown_extras
from whatsapp_mcp.store.read.marks import answers, keeps, pins
from whatsapp_mcp.store.read.named import Mentioned, NamedPeople, mentions_on, on_cards, written_to
from whatsapp_mcp.store.read.names import Kind, name_source, title_of
from whatsapp_mcp.store.read.notices import told
from whatsapp_mcp.store.read.polls import options, votes
from whatsapp_mcp.store.read.quotes import parts, quotes, without_unreadable
from whatsapp_mcp.store.read.stored import FACTS_LIMIT, TEXT_LIMIT, by_name, each
from whatsapp_mcp.store.rows import STATUS, stored_jid

_BESIDE_LINES: Final = (
    ", m.status, m.reply_to_id, m.reply_to_sender, m.reply_to_text,"
    " (SELECT entity FROM addresses WHERE jid = m.reply_to_sender) AS quoted, m.edited_at, m.created_at, m.updated_at,"
    " media.mimetype AS media_mimetype, media.file_length, media.file_sha256, media.seconds, media.url,"
    " wire_chat.jid AS wire_chat_jid, wire_sender.jid AS wire_sender_jid,"
    " coalesce((SELECT stars.starred FROM stars JOIN addresses AS target ON target.id = stars.author"
    " WHERE stars.chat = m.chat AND stars.message_id = m.id AND target.entity = author.id"
    " ORDER BY stars.changed_at DESC LIMIT 1), 0) AS starred"
)
_WIRE_CHAT: Final = " JOIN addresses AS wire_chat ON wire_chat.id = m.wire_chat"

CHATS: Final = (
    "SELECT chats.entity, entities.jid, entities.lid, entities.kind, entities.name, chats.last_message_at,"
    " chats.ephemeral_expiration, chats.unread AS unread_count, chats.archived,"
    " chats.marked_unread, chats.gone, chats.pinned, chats.muted_until, chats.created_at, chats.updated_at"
    f", {name_source('entities', 'contacts')} AS name_source"
    " FROM chats JOIN entities ON entities.id = chats.entity LEFT JOIN contacts ON contacts.entity = entities.id"
)

CONTACTS: Final = (
    "SELECT entities.jid, entities.lid, entities.name, coalesce(contacts.full_name, contacts.first_name) AS full_name,"
    f" contacts.push_name, contacts.business_name, {name_source('entities', 'contacts')} AS name_source"
    " FROM contacts JOIN entities ON entities.id = contacts.entity"
)

_FOR_EVER: Final = to_ms(FOR_EVER)


def messages_query(
    page: str, order: str | None, *, more: str = "", joins: str = "", text_limit: int = TEXT_LIMIT
) -> str:
    """The rows that ``messages_view`` takes; arguments as of ``lines.lines_query``."""
    more, joins = f"{_BESIDE_LINES}{more}", f"{_WIRE_CHAT}{joins}"
    return lines_query(page, order=order, more=more, joins=joins, text_limit=text_limit)


def contact_view(row: Row) -> Contact:
    jid = stored_jid(row["jid"])
    return Contact(
        jid=jid,
        lid=stored_jid(row["lid"]) if row["lid"] else None,
        name=title_of(jid, row["name"]),
        name_source=row["name_source"],
        full_name=row["full_name"],
        push_name=row["push_name"],
        business_name=row["business_name"],
    )


def chats_view(connection: StoreConnection, rows: Sequence[Row]) -> tuple[Chat, ...]:
    """The chats of ``CHATS``, with their labels."""
    rows = by_name(rows)
    labels = chat_labels(connection, [row["entity"] for row in rows])
    return each(rows, lambda row: _chat(row, labels.get(row["entity"], ())), _remains_of_chat)


def messages_view(
    connection: StoreConnection, rows: Sequence[Row], *, facts_limit: int = FACTS_LIMIT
) -> tuple[Message, ...]:
    """The messages of ``messages_query``, with what people attached to them.

    Args:
        facts_limit: characters of facts that are taken apart for all of them together; the first ones get theirs.
    """
    rows = by_name(rows)
    keys, shown = keys_of(rows)
    extras = shown_extras(rows, facts_limit)
    polls, events = _of_kind(MessageKind.POLL, rows, keys, extras), _of_kind(MessageKind.EVENT, rows, keys, extras)
    listed = options(connection, polls)
    for poll, names in listed.items():
        polls[poll]["options"] = names
    attached = _attached(connection, keys, shown, listed, list(events))
    answered = quotes(connection, rows, extras)
    mentioned = mentions_on(rows)
    cards = {key: accounts for key, extra in zip(keys, extras, strict=True) if (accounts := on_cards(extra))}
    people = NamedPeople(connection, _named(rows, mentioned, cards.values(), answered.values()))
    if cards:
        attached["cards"] = {key: tuple(map(people.person, accounts)) for key, accounts in cards.items()}

    def message(numbered: tuple[Row, Key, dict[str, object], Mentioned]) -> Message:
        row, key, extra, named = numbered
        facts = line_facts(row) | _beside_line(row)
        if row["revoked_at"] is None:
            facts |= said_in(row, extra, named, people)
            facts |= _answer(row, answered.get(row["arrival"]), people)
        facts |= {field: found[key] for field, found in attached.items() if key in found}
        return Message(**facts)

    numbered = list(zip(rows, keys, extras, mentioned, strict=True))
    made = each(numbered, message, lambda row: _remains_of_message(row[0]))
    return told(connection, without_unreadable(connection, made))


def _attached(
    connection: StoreConnection,
    keys: Sequence[Key],
    shown: Sequence[Key],
    polls: Mapping[Key, Sequence[str]],
    events: Sequence[Key],
) -> dict[str, Mapping[Key, Any]]:
    """What people attached to the messages of a page: the fields that some of them have, by message."""
    fields: dict[str, Mapping[Key, Any]] = {
        "reactions": reactions(connection, shown),
        "votes": votes(connection, polls),
        "labels": message_labels(connection, keys),
        "answers": answers(connection, events),
        "pinned": pins(connection, shown),
        "kept": keeps(connection, shown),
        "parts": parts(connection, shown),
    }
    return {field: found for field, found in fields.items() if found}


def _of_kind(
    kind: MessageKind, rows: Sequence[Row], keys: Sequence[Key], extras: Sequence[dict[str, object]]
) -> dict[Key, dict[str, object]]:
    """The facts of the messages of a kind that are not deleted."""
    return {
        key: extra
        for row, key, extra in zip(rows, keys, extras, strict=True)
        if row["kind"] == kind and row["revoked_at"] is None
    }


def _named(
    rows: Sequence[Row],
    mentioned: Iterable[Mentioned],
    cards: Iterable[Iterable[Jid]],
    answered: Iterable[QuotedMessage],
) -> Iterator[Jid]:
    """All who are named in messages."""
    for quoted in answered:
        yield from written_to(quoted.text)
    for one in mentioned:
        yield from one.people
    for row in rows:
        if row["revoked_at"] is None:
            yield from written_to(row["reply_to_text"])
    for accounts in cards:
        yield from accounts


def _chat(row: Row, labels: tuple[str, ...]) -> Chat:
    jid = stored_jid(row["jid"])
    return Chat(
        jid=jid,
        lid=stored_jid(row["lid"]) if row["lid"] else None,
        name=title_of(jid, row["name"]),
        name_source=row["name_source"],
        kind=cast(Kind, row["kind"]),
        last_message_time=time_or_none(row["last_message_at"]),
        ephemeral_expiration=row["ephemeral_expiration"],
        left=bool(row["gone"]),
        unread_count=row["unread_count"],
        marked_unread=bool(row["marked_unread"]),
        archived=bool(row["archived"]),
        pinned=bool(row["pinned"]),
        muted_until=_muted_until(row["muted_until"]),
        labels=labels,
        created_at=from_ms(row["created_at"]),
        updated_at=from_ms(row["updated_at"]),
    )


def _muted_until(milliseconds: int) -> datetime | None:
    if milliseconds == 0:
        return None
    return FOR_EVER if milliseconds < 0 or milliseconds >= _FOR_EVER else from_ms(milliseconds)


_STATUS: Final = dict(enumerate(STATUS))


def _beside_line(row: Row) -> dict[str, Any]:
    """What a revoked message shows too, beside what its line does."""
    created, updated = row["created_at"], row["updated_at"]
    created_at = from_ms(created)
    return {
        "status": _STATUS.get(row["status"]),
        "edited_at": time_or_none(row["edited_at"]),
        "starred": bool(row["starred"]),
        "created_at": created_at,
        "updated_at": created_at if updated == created else from_ms(updated),
        "wire_chat": stored_jid(row["wire_chat_jid"]),
        "wire_sender": stored_jid(row["wire_sender_jid"]),
    }


def _answer(row: Row, quoted: QuotedMessage | None, people: NamedPeople) -> dict[str, Any]:
    """The file of a message and what it answers, which a revoked one does not show any more."""
    shown: dict[str, Any] = {
        "media_mimetype": row["media_mimetype"],
        "file_length": row["file_length"],
        "file_sha256": row["file_sha256"],
        "url": row["url"],
        "seconds": row["seconds"],
        "reply_to_id": row["reply_to_id"],
    }
    if text := row["reply_to_text"]:
        shown["reply_to_text"] = people.spoken_unasked(text)
    if quoted is not None:
        spoken = people.spoken_unasked(quoted.text)
        shown["quoted"] = quoted if spoken == quoted.text else quoted.model_copy(update={"text": spoken})
    return shown


def _remains_of_message(row: Row) -> Message:
    facts = remains_of(row)
    then = facts["timestamp"]
    wire_chat, wire_sender = stored_jid(row["wire_chat_jid"]), stored_jid(row["wire_sender_jid"])
    return Message(**facts, created_at=then, updated_at=then, wire_chat=wire_chat, wire_sender=wire_sender)


def _remains_of_chat(row: Row) -> Chat:
    jid, then = stored_jid(row["jid"]), from_ms(row["updated_at"])
    return Chat(jid=jid, name=str(jid), kind="person", created_at=then, updated_at=then)

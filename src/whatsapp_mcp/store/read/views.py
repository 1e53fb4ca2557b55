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
    known_as,
    message_labels,
    reactions,
    time_or_none,
)
from whatsapp_mcp.store.read.marks import answers, keeps, pins
from whatsapp_mcp.store.read.named import Mentioned, NamedPeople, mentions_on, on_cards, written_to
from whatsapp_mcp.store.read.names import Kind, name_source, title_of
from whatsapp_mcp.store.read.notices import told
from whatsapp_mcp.store.read.polls import options, votes
from whatsapp_mcp.store.read.quotes import parts, quotes, without_unreadable
from whatsapp_mcp.store.read.stored import FACTS_LIMIT, NOT_SHOWN, TEXT_LIMIT, by_name, each, extras_of
from whatsapp_mcp.store.rows import STATUS, stored_jid

_MESSAGES: Final = (
    "SELECT m.arrival, m.chat, m.id, m.timestamp, m.from_me, m.kind, {text} AS text, m.status, m.reply_to_id,"
    " m.reply_to_sender, m.reply_to_text, (SELECT entity FROM addresses WHERE jid = m.reply_to_sender) AS quoted,"
    " m.mentions, m.forwarded, m.view_once, m.extra, m.edited_at, m.revoked_at, m.created_at,"
    " m.updated_at, media.mimetype AS media_mimetype, media.file_name, media.file_length, media.file_sha256,"
    " media.seconds, media.url,"
    " chat.jid AS chat_jid, chat.name AS chat_name, author.jid AS sender_jid, author.name AS sender_name,"
    f" {name_source('author', 'contacts')} AS sender_name_source,"
    " author.id AS author,"
    " wire_chat.jid AS wire_chat_jid, wire_sender.jid AS wire_sender_jid,"
    " coalesce((SELECT stars.starred FROM stars JOIN addresses AS target ON target.id = stars.author"
    " WHERE stars.chat = m.chat AND stars.message_id = m.id AND target.entity = author.id"
    " ORDER BY stars.changed_at DESC LIMIT 1), 0) AS starred{more}"
    " FROM ({page}) AS page CROSS JOIN messages AS m ON m.arrival = page.arrival"
    " JOIN entities AS chat ON chat.id = m.chat"
    " JOIN addresses AS wire_chat ON wire_chat.id = m.wire_chat"
    " JOIN addresses AS wire_sender ON wire_sender.id = m.sender"
    " JOIN entities AS author ON author.id = wire_sender.entity"
    " LEFT JOIN contacts ON contacts.entity = author.id"
    " LEFT JOIN media ON media.arrival = m.arrival{joins}{order}"
)

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
    """The rows that ``messages_view`` takes.

    Args:
        page: a query for the arrivals of the messages to show.
        more: further columns, each after a comma; ``joins``: where they come from.
        text_limit: characters of a message that are read.
    """
    text = f"substr(m.text, 1, {text_limit})"
    ordered = f" ORDER BY {order}" if order is not None else ""
    return _MESSAGES.format(page=page, order=ordered, text=text, more=more, joins=joins)


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
    keys = [(row["chat"], row["id"], row["author"]) for row in rows]
    shown = [key for row, key in zip(rows, keys, strict=True) if row["revoked_at"] is None]
    extras = extras_of((row["extra"] if row["revoked_at"] is None else None for row in rows), facts_limit)
    polls, events = _of_kind(MessageKind.POLL, rows, keys, extras), _of_kind(MessageKind.EVENT, rows, keys, extras)
    listed = options(connection, polls)
    for poll, names in listed.items():
        polls[poll]["options"] = names
    attached = _attached(connection, keys, shown, listed, list(events))
    answered = quotes(connection, rows, extras)
    mentioned = mentions_on(rows)
    people = NamedPeople(connection, _named(rows, extras, mentioned, answered.values()))

    def message(numbered: tuple[Row, Key, dict[str, object], Mentioned]) -> Message:
        row, key, extra, named = numbered
        beside = {field: found[key] for field, found in attached.items() if key in found}
        if row["revoked_at"] is None and (quoted := answered.get(row["arrival"])) is not None:
            if "@" in quoted.text:
                quoted = quoted.model_copy(update={"text": people.spoken_unasked(quoted.text)})
            beside["quoted"] = quoted
        return _message(row, extra, named, beside, people)

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
    extras: Sequence[dict[str, object]],
    mentioned: Iterable[Mentioned],
    answered: Iterable[QuotedMessage],
) -> Iterator[Jid]:
    """All who are named in messages."""
    for quoted in answered:
        yield from written_to(quoted.text)
    for one in mentioned:
        yield from one.people
    for row, extra in zip(rows, extras, strict=True):
        if row["revoked_at"] is None:
            yield from written_to(row["reply_to_text"])
            yield from on_cards(extra)


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


def _message(
    row: Row, extra: dict[str, object], mentioned: Mentioned, attached: dict[str, Any], people: NamedPeople
) -> Message:
    chat, sender = stored_jid(row["chat_jid"]), stored_jid(row["sender_jid"])
    created, updated = row["created_at"], row["updated_at"]
    created_at = from_ms(created)
    shown: dict[str, Any] = {} if row["revoked_at"] is not None else _shown(row, extra, mentioned, people)
    return Message(
        id=row["id"],
        chat=chat,
        chat_name=known_as(chat, row["chat_name"]),
        sender=sender,
        sender_name=known_as(sender, row["sender_name"]),
        sender_name_source=row["sender_name_source"],
        from_me=bool(row["from_me"]),
        timestamp=from_ms(row["timestamp"]),
        kind=_message_kind(row["kind"]),
        forwarded=bool(row["forwarded"]),
        view_once=bool(row["view_once"]),
        status=STATUS[row["status"]] if row["status"] in range(len(STATUS)) else None,
        edited_at=time_or_none(row["edited_at"]),
        revoked_at=time_or_none(row["revoked_at"]),
        starred=bool(row["starred"]),
        created_at=created_at,
        updated_at=created_at if updated == created else from_ms(updated),
        arrival=row["arrival"],
        wire_chat=stored_jid(row["wire_chat_jid"]),
        wire_sender=stored_jid(row["wire_sender_jid"]),
        **attached,
        **shown,
    )


def _message_kind(stored: str) -> MessageKind:
    """A later version may have stored kinds that this one does not know."""
    try:
        return MessageKind(stored)
    except ValueError:
        return MessageKind.OTHER


_AS_STORED: Final = ("media_mimetype", "file_name", "file_length", "file_sha256", "url", "seconds", "reply_to_id")


def _shown(row: Row, extra: dict[str, object], mentioned: Mentioned, people: NamedPeople) -> dict[str, Any]:
    """What a revoked message does not show any more, as far as there is any."""
    shown: dict[str, Any] = {name: value for name in _AS_STORED if (value := row[name]) is not None}
    shown["text"] = people.spoken(row["text"], mentioned.people)
    if quoted := row["reply_to_text"]:
        shown["reply_to_text"] = people.spoken_unasked(quoted)
    if mentioned.addresses:
        shown["mentions"] = tuple(map(people.person, mentioned.people))
        shown["more_mentions"] = mentioned.more
        shown["mentions_us"] = people.are_we(mentioned)
    if extra:
        shown["extra"] = extra
        shown["cards"] = tuple(map(people.person, on_cards(extra)))
        if extra.get("mentions_all") is True:
            shown["mentions_us"] = True
    return shown


def _remains_of_message(row: Row) -> Message:
    """Of a row from which no message can be made: which one it is."""
    chat, sender = stored_jid(row["chat_jid"]), stored_jid(row["sender_jid"])
    then = from_ms(row["timestamp"])
    return Message(
        id=row["id"],
        chat=chat,
        sender=sender,
        from_me=bool(row["from_me"]),
        timestamp=then,
        kind=MessageKind.OTHER,
        extra={"note": NOT_SHOWN},
        created_at=then,
        updated_at=then,
        arrival=row["arrival"],
        wire_chat=stored_jid(row["wire_chat_jid"]),
        wire_sender=stored_jid(row["wire_sender_jid"]),
    )


def _remains_of_chat(row: Row) -> Chat:
    jid, then = stored_jid(row["jid"]), from_ms(row["updated_at"])
    return Chat(jid=jid, name=str(jid), kind="person", created_at=then, updated_at=then)

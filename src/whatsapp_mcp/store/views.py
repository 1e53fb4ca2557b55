"""From rows to the views that rooms above the store read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, cast

from whatsapp_mcp.jid import GROUP, NEWSLETTER, USER, Jid
from whatsapp_mcp.models import Chat, Contact, Message, MessageKind, Reaction
from whatsapp_mcp.store.records import NamedTarget
from whatsapp_mcp.store.rows import STATUS, load_extra, load_mentions, stored_jid

__all__ = ["CHATS", "CONTACTS", "MESSAGES", "chat_view", "contact_view", "known_as", "messages_view", "named_target"]

Kind = Literal["person", "group", "newsletter", "broadcast"]

MESSAGES: Final = (
    "SELECT m.arrival, m.chat, m.id, m.timestamp, m.from_me, m.kind, m.text, m.status, m.reply_to_id,"
    " m.reply_to_text, m.mentions, m.forwarded, m.view_once, m.extra, m.edited_at, m.revoked_at, m.created_at,"
    " m.updated_at, media.mimetype, media.file_name, media.file_length, media.seconds, media.url,"
    " chat.jid AS chat_jid, chat.name AS chat_name, author.jid AS sender_jid, author.name AS sender_name,"
    " wire_chat.jid AS wire_chat_jid, wire_sender.jid AS wire_sender_jid"
    " FROM ({page}) AS page CROSS JOIN messages AS m ON m.arrival = page.arrival"
    " JOIN entities AS chat ON chat.id = m.chat"
    " JOIN addresses AS wire_chat ON wire_chat.id = m.wire_chat"
    " JOIN addresses AS wire_sender ON wire_sender.id = m.sender"
    " JOIN entities AS author ON author.id = wire_sender.entity"
    " LEFT JOIN media ON media.arrival = m.arrival ORDER BY {order}"
)
"""``page``: a query for the arrivals of the messages to show."""

CHATS: Final = (
    "SELECT entities.jid, entities.lid, entities.kind, entities.name, chats.last_message_at,"
    " chats.ephemeral_expiration, chats.unread_live + chats.unread_base AS unread_count, chats.archived,"
    " chats.pinned, chats.created_at, chats.updated_at FROM chats JOIN entities ON entities.id = chats.entity"
)

CONTACTS: Final = (
    "SELECT entities.jid, entities.lid, entities.name, coalesce(contacts.full_name, contacts.first_name) AS full_name,"
    " contacts.push_name, contacts.business_name FROM contacts JOIN entities ON entities.id = contacts.entity"
)

_REACTIONS: Final = (
    "SELECT r.chat, r.message_id, r.emoji, r.from_me, person.id AS person, person.jid, person.name"
    " FROM reactions AS r JOIN addresses ON addresses.id = r.sender JOIN entities AS person"
    " ON person.id = addresses.entity WHERE (r.chat, r.message_id) IN (VALUES {wanted})"
    " ORDER BY r.reacted_at, r.sender"
)


_UNNAMED: Final = {GROUP: "Group", NEWSLETTER: "Channel"}


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _time_or_none(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else _time(milliseconds)


def known_as(jid: Jid, name: str | None) -> str | None:
    """The name, else the phone number with a plus sign; None for who has neither."""
    return name or (f"+{jid.user}" if jid.server == USER and jid.user else None)


def _title(jid: Jid, name: str | None) -> str:
    known = known_as(jid, name)
    if known is not None:
        return known
    return f"{_UNNAMED[jid.server]} {jid.user}" if jid.server in _UNNAMED else str(jid)


def chat_view(row: sqlite3.Row) -> Chat:
    jid = stored_jid(row["jid"])
    return Chat(
        jid=jid,
        lid=stored_jid(row["lid"]) if row["lid"] else None,
        name=_title(jid, row["name"]),
        kind=cast(Kind, row["kind"]),
        last_message_time=_time_or_none(row["last_message_at"]),
        ephemeral_expiration=row["ephemeral_expiration"],
        unread_count=row["unread_count"],
        archived=bool(row["archived"]),
        pinned=bool(row["pinned"]),
        created_at=_time(row["created_at"]),
        updated_at=_time(row["updated_at"]),
    )


def contact_view(row: sqlite3.Row) -> Contact:
    jid = stored_jid(row["jid"])
    return Contact(
        jid=jid,
        lid=stored_jid(row["lid"]) if row["lid"] else None,
        name=_title(jid, row["name"]),
        full_name=row["full_name"],
        push_name=row["push_name"],
        business_name=row["business_name"],
    )


def named_target(row: sqlite3.Row) -> NamedTarget:
    jid = stored_jid(row["jid"])
    return NamedTarget(jid, _title(jid, row["name"]), cast(Kind, row["kind"]))


def messages_view(connection: sqlite3.Connection, rows: Sequence[sqlite3.Row]) -> tuple[Message, ...]:
    """The messages of ``MESSAGES``, with their reactions."""
    reactions = _reactions(connection, [(row["chat"], row["id"]) for row in rows if row["revoked_at"] is None])
    return tuple(_message(row, reactions.get((row["chat"], row["id"]), ())) for row in rows)


def _reactions(
    connection: sqlite3.Connection, wanted: Sequence[tuple[int, str]]
) -> dict[tuple[int, str], tuple[Reaction, ...]]:
    """The last reaction of each person, those taken back left out."""
    if not wanted:
        return {}
    sql = _REACTIONS.format(wanted=", ".join(["(?, ?)"] * len(wanted)))
    latest: dict[tuple[int, str], dict[int, sqlite3.Row]] = {}
    for row in connection.execute(sql, [value for pair in wanted for value in pair]):
        people = latest.setdefault((row["chat"], row["message_id"]), {})
        people.pop(row["person"], None)
        people[row["person"]] = row
    return {message: tuple(_reaction_views(people.values())) for message, people in latest.items()}


def _reaction_views(rows: Iterable[sqlite3.Row]) -> Iterable[Reaction]:
    for row in rows:
        if row["emoji"]:
            jid = stored_jid(row["jid"])
            yield Reaction(
                sender=jid, sender_name=known_as(jid, row["name"]), emoji=row["emoji"], from_me=bool(row["from_me"])
            )


def _message(row: sqlite3.Row, reactions: tuple[Reaction, ...]) -> Message:
    chat, sender = stored_jid(row["chat_jid"]), stored_jid(row["sender_jid"])
    shown: dict[str, Any] = {} if row["revoked_at"] is not None else _shown(row)
    return Message(
        id=row["id"],
        chat=chat,
        chat_name=known_as(chat, row["chat_name"]),
        sender=sender,
        sender_name=known_as(sender, row["sender_name"]),
        from_me=bool(row["from_me"]),
        timestamp=_time(row["timestamp"]),
        kind=MessageKind(row["kind"]),
        forwarded=bool(row["forwarded"]),
        view_once=bool(row["view_once"]),
        status=None if row["status"] is None else STATUS[row["status"]],
        edited_at=_time_or_none(row["edited_at"]),
        revoked_at=_time_or_none(row["revoked_at"]),
        reactions=reactions,
        created_at=_time(row["created_at"]),
        updated_at=_time(row["updated_at"]),
        arrival=row["arrival"],
        wire_chat=stored_jid(row["wire_chat_jid"]),
        wire_sender=stored_jid(row["wire_sender_jid"]),
        **shown,
    )


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    """What a revoked message does not show any more."""
    return {
        "text": row["text"],
        "media_mimetype": row["mimetype"],
        "file_name": row["file_name"],
        "file_length": row["file_length"],
        "url": row["url"],
        "seconds": row["seconds"],
        "reply_to_id": row["reply_to_id"],
        "reply_to_text": row["reply_to_text"],
        "mentions": load_mentions(row["mentions"]),
        "extra": load_extra(row["extra"]),
    }

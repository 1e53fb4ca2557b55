"""What a reply answers, and what belongs to a message: other messages that a row shows beside itself.

A reply brings along what it answers, as its writer says. Where we have that message, ours is shown; else what the
writer says, marked as such.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Message, QuotedMessage
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.read.annotations import Id, Key, known_as, rows_about
from whatsapp_mcp.store.read.restricted import is_restricted, may_be_read
from whatsapp_mcp.store.read.stored import NOT_READABLE, TOO_MUCH
from whatsapp_mcp.store.rows import stored_jid

_CHAT: Final = "quoted_chat"
"""In the facts of a reply: in which other chat stands what it answers."""
_QUOTE_LENGTH: Final = 1_000
"""Characters that are shown of a message which is answered."""
_QUOTED: Final = (
    "SELECT q.chat, q.id AS message_id, author.id AS author, author.jid, author.name, q.from_me, q.revoked_at,"
    f" substr(q.text, 1, {_QUOTE_LENGTH}) AS text FROM (VALUES {{wanted}}) AS wanted"
    " CROSS JOIN messages AS q INDEXED BY messages_chat_id"
    " ON q.chat = wanted.column1 AND q.id = wanted.column2 AND q.place > 0"
    " JOIN addresses ON addresses.id = q.sender JOIN entities AS author ON author.id = addresses.entity"
)
_PEOPLE: Final = "SELECT id, jid, name FROM entities WHERE id IN ({wanted})"
_ADDRESSES: Final = "SELECT jid, entity FROM addresses WHERE jid IN ({wanted})"
_PARTS: Final = (
    "SELECT m.chat, m.parent_id, addresses.entity AS author, m.id FROM (VALUES {wanted}) AS wanted"
    " CROSS JOIN messages AS m INDEXED BY messages_parent ON m.chat = wanted.column1 AND m.parent_id = wanted.column2"
    " AND m.parent_id IS NOT NULL AND m.place > 0 AND m.revoked_at IS NULL"
    " JOIN addresses ON addresses.id = m.sender ORDER BY m.place"
)


def quotes(
    connection: StoreConnection, rows: Sequence[Row], extras: Sequence[Mapping[str, object]]
) -> dict[int, QuotedMessage]:
    """By arrival of the reply. ``rows`` of ``messages_query``, of messages that are shown, with their facts."""
    replies = [(row, extra) for row, extra in zip(rows, extras, strict=True) if row["reply_to_id"]]
    if not replies:
        return {}
    elsewhere = _entities(connection, [str(extra["quoted_chat"]) for _, extra in replies if "quoted_chat" in extra])
    asked = {row["arrival"]: _asked(row, extra, elsewhere) for row, extra in replies}
    found: dict[Id, list[Row]] = {}
    for known in rows_about(connection, _QUOTED, list(dict.fromkeys(asked.values()))):
        found.setdefault((known["chat"], known["message_id"]), []).append(known)
    people = _people(connection, {row["quoted"] for row, _ in replies if row["quoted"] is not None})
    return {row["arrival"]: _quoted(row, found.get(asked[row["arrival"]], ()), people) for row, _ in replies}


def without_unreadable(connection: StoreConnection, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The same; of replies to what stands in another chat, which may not be read here, without what they answer. Where
    the facts could not be taken apart, it is not known which chat it is."""
    if not is_restricted(connection):
        return messages
    elsewhere = _entities(connection, [str(one.extra[_CHAT]) for one in messages if _CHAT in one.extra])

    def may_be_shown(one: Message) -> bool:
        if one.extra.get("note") in (NOT_READABLE, TOO_MUCH):
            return False
        return _CHAT not in one.extra or may_be_read(connection, elsewhere.get(str(one.extra[_CHAT])))

    return tuple(one if may_be_shown(one) else _without_quote(one) for one in messages)


def _without_quote(reply: Message) -> Message:
    facts = {name: value for name, value in reply.extra.items() if name != _CHAT}
    return replace(reply, reply_to_id=None, reply_to_text=None, quoted=None, extra=facts)


def parts(connection: StoreConnection, wanted: Sequence[Key]) -> dict[Key, tuple[str, ...]]:
    """Ids of messages that belong to these, by the same author, as the pictures of an album; oldest first."""
    found: dict[Key, tuple[str, ...]] = {}
    ids = list(dict.fromkeys((chat, message_id) for chat, message_id, _ in wanted))
    for row in rows_about(connection, _PARTS, ids):
        key = (row["chat"], row["parent_id"], row["author"])
        found[key] = (*found.get(key, ()), row["id"])
    return found


def _asked(row: Row, extra: Mapping[str, object], elsewhere: Mapping[str, int]) -> Id:
    """Chat and id of what the reply answers; most answer something in their own chat."""
    named = extra.get("quoted_chat")
    chat = row["chat"] if named is None else elsewhere.get(str(named), -1)
    return chat, row["reply_to_id"]


def _quoted(row: Row, known: Sequence[Row], people: Mapping[int, Row]) -> QuotedMessage:
    """The author that the reply names must be that of the message: else the reply speaks of something else."""
    if row["quoted"] is not None:
        known = [one for one in known if one["author"] == row["quoted"]]
    if len(known) == 1:
        (one,) = known
        jid = _jid(one["jid"])
        return QuotedMessage(
            sender=jid,
            sender_name=known_as(jid, one["name"]) if jid is not None else None,
            from_me=bool(one["from_me"]),
            text="" if one["revoked_at"] is not None else one["text"],
            revoked=one["revoked_at"] is not None,
        )
    person = people.get(row["quoted"])
    named = person["jid"] if person is not None else row["reply_to_sender"]
    jid = _jid(named)
    return QuotedMessage(
        sender=jid,
        sender_name=known_as(jid, person["name"] if person is not None else None) if jid is not None else None,
        text=row["reply_to_text"] or "",
        is_claim=True,
    )


def _jid(stored: str | None) -> Jid | None:
    """None also of what is no address: whatever an older version took in must not fail a page."""
    try:
        return stored_jid(stored) if stored else None
    except ValueError:
        return None


def _entities(connection: StoreConnection, jids: Sequence[str]) -> dict[str, int]:
    found = _each(connection, _ADDRESSES, list(dict.fromkeys(jids)))
    return {row["jid"]: row["entity"] for row in found}


def _people(connection: StoreConnection, entities: set[int]) -> dict[int, Row]:
    return {row["id"]: row for row in _each(connection, _PEOPLE, sorted(entities))}


def _each(connection: StoreConnection, query: str, values: Sequence[object]) -> Iterator[Row]:
    if values:
        yield from connection.execute(query.format(wanted=", ".join("?" * len(values))), tuple(values))

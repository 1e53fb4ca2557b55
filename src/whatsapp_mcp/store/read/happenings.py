"""What happened after a number: the messages that came, and the rows of ``events``, in the order of their numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.events import Event, EventKind, Events
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.read.annotations import known_as
from whatsapp_mcp.store.read.listing import size
from whatsapp_mcp.store.read.stored import each, extra_of
from whatsapp_mcp.store.read.views import messages_query, messages_view
from whatsapp_mcp.store.rows import fitting, stored_jid

NO_EVENTS: Final = Events(events=())

_PEOPLE: Final = "entities.kind IN ('person', 'group')"
_COME: Final = (
    "SELECT * FROM (SELECT m.arrival AS number, 1 AS came FROM messages AS m INDEXED BY messages_incoming"
    " CROSS JOIN entities ON entities.id = m.chat"
    " WHERE m.arrival > ?1 AND m.from_me = 0 AND m.from_history = 0 AND m.place > 0 AND {chats} AND {which}"
    " ORDER BY m.arrival LIMIT ?2)"
)
_NOTES: Final = (
    "SELECT * FROM (SELECT m.arrival AS number, 1 AS came FROM notes"
    " CROSS JOIN messages AS m ON m.arrival = notes.arrival CROSS JOIN entities ON entities.id = m.chat"
    " WHERE notes.arrival > ?1 AND m.place > 0 AND {chats} ORDER BY m.arrival LIMIT ?2)"
)
_HAPPENED: Final = (
    "SELECT * FROM (SELECT m.arrival AS number, 0 AS came FROM events AS m CROSS JOIN entities ON entities.id = m.chat"
    " WHERE m.arrival > ?1 AND m.kind IN ({kinds}) AND {chats} ORDER BY m.arrival LIMIT ?2)"
)
_ROWS: Final = (
    "SELECT e.arrival, e.kind, e.message_id, e.from_me, e.happened_at, e.facts, chat.jid AS chat_jid,"
    " chat.name AS chat_name, person.jid AS sender_jid, person.name AS sender_name,"
    " (SELECT entities.jid FROM meta JOIN addresses ON addresses.jid = meta.value"
    " JOIN entities ON entities.id = addresses.entity WHERE meta.key = 'owner_number') AS owner,"
    # Of several messages of one id that of the author; where the author is not known, the only one.
    " (SELECT m.arrival FROM messages AS m JOIN addresses AS writer ON writer.id = m.sender"
    " LEFT JOIN addresses AS told ON told.id = e.author WHERE m.chat = e.chat AND m.id = e.message_id"
    " AND (told.entity IS NULL OR told.entity = writer.entity) ORDER BY m.arrival LIMIT 1) AS about"
    " FROM events AS e JOIN entities AS chat ON chat.id = e.chat JOIN addresses ON addresses.id = e.sender"
    " JOIN entities AS person ON person.id = addresses.entity WHERE e.arrival IN ({wanted})"
)
_PRUNED: Final = "SELECT coalesce(max(CAST(value AS BIGINT)), 0) FROM meta WHERE key IN ({keys})"
_OTHERS: Final = "events_pruned"
_RECEIPTS: Final = "receipts_pruned"


def happened(
    connection: StoreConnection, arrival: int, kinds: Collection[EventKind], limit: int, *, chat: int | None
) -> Events:
    """The first events of these kinds after a number, of people and groups or of one chat of any kind (an entity)."""
    chats = _PEOPLE if chat is None else f"m.chat = {chat}"
    parts = _sources(kinds, chats)
    if not parts:
        return NO_EVENTS
    after = fitting(arrival)
    sql = f"{' UNION ALL '.join(parts)} ORDER BY number LIMIT ?2"
    found = [tuple(row) for row in connection.execute(sql, (after, size(limit))).fetchall()]
    came = _messages(connection, [number for number, is_message in found if is_message])
    rest = _others(connection, [number for number, is_message in found if not is_message])
    by_number = {**{one.arrival: _of_message(one) for one in came.values()}, **rest}
    told = tuple(by_number[number] for number, _ in found if number in by_number)
    return Events(events=told, missed=_pruned(connection, kinds) > after)


def _sources(kinds: Collection[EventKind], chats: str) -> list[str]:
    call, message = EventKind.CALL in kinds, EventKind.MESSAGE in kinds
    parts = []
    if call or message:
        which = "1 = 1" if call and message else f"m.kind {'=' if call else '!='} '{MessageKind.CALL}'"
        parts.append(_COME.format(chats=chats, which=which))
    if message:
        parts.append(_NOTES.format(chats=chats))
    kept = [f"'{kind}'" for kind in kinds if kind is not EventKind.MESSAGE]
    if kept:
        parts.append(_HAPPENED.format(chats=chats, kinds=", ".join(kept)))
    return parts


def _pruned(connection: StoreConnection, kinds: Collection[EventKind]) -> int:
    """Up to which number some of these kinds were removed."""
    keys = [f"'{_RECEIPTS}'"] if EventKind.RECEIPT in kinds else []
    keys += [f"'{_OTHERS}'"] if set(kinds) - {EventKind.MESSAGE, EventKind.RECEIPT, EventKind.TYPING} else []
    (last,) = connection.execute(_PRUNED.format(keys=", ".join(keys))).fetchone()
    return int(last)


def _messages(connection: StoreConnection, arrivals: Iterable[int]) -> Mapping[int, Message]:
    wanted = " UNION ALL ".join(f"SELECT {int(number)} AS arrival" for number in arrivals)
    if not wanted:
        return {}
    rows = connection.execute(messages_query(wanted, "m.arrival")).fetchall()
    return {message.arrival: message for message in messages_view(connection, rows)}


def _of_message(message: Message) -> Event:
    return Event(
        kind=EventKind.CALL if message.kind is MessageKind.CALL else EventKind.MESSAGE,
        arrival=message.arrival,
        chat=message.chat,
        chat_name=message.chat_name,
        sender=message.sender,
        sender_name=message.sender_name,
        from_me=message.from_me,
        timestamp=message.timestamp,
        message_id=message.id,
        message=message,
    )


def _others(connection: StoreConnection, arrivals: Sequence[int]) -> Mapping[int, Event]:
    if not arrivals:
        return {}
    marks = ", ".join("?" * len(arrivals))
    rows = connection.execute(_ROWS.format(wanted=marks), arrivals).fetchall()
    shown = [row["about"] for row in rows if row["about"] is not None]
    about = _messages(connection, dict.fromkeys(_not_hidden(connection, shown)))
    made = each(rows, lambda row: _event(row, about.get(row["about"])), _remains)
    return {event.arrival: event for event in made}


def _not_hidden(connection: StoreConnection, arrivals: Sequence[int]) -> list[int]:
    marks = ", ".join("?" * len(arrivals))
    wanted = f"SELECT m.arrival FROM messages AS m WHERE m.arrival IN ({marks}) AND m.place > 0"
    return [number for (number,) in connection.execute(wanted, arrivals).fetchall()]


def _event(row: Row, message: Message | None) -> Event:
    """Of a message that is deleted or not here nothing is told that its people said about it."""
    kind, facts = EventKind(row["kind"]), extra_of(row["facts"])
    is_shown = message is not None and message.revoked_at is None
    sender: Jid | None = stored_jid(row["sender_jid"])
    name = row["sender_name"]
    if kind in (EventKind.GROUP_CHANGE, EventKind.JOIN_REQUEST):
        facts = dict(message.extra) if message is not None else {}
        sender, name = _actor(facts, asks=kind is EventKind.JOIN_REQUEST)
    elif not is_shown and kind in (EventKind.VOTE, EventKind.REACTION, EventKind.ANSWER) and message is not None:
        facts = {}
    chat = stored_jid(row["chat_jid"])
    return Event(
        kind=kind,
        arrival=row["arrival"],
        chat=chat,
        chat_name=known_as(chat, row["chat_name"]),
        sender=sender,
        sender_name=known_as(sender, name) if sender is not None else None,
        from_me=bool(row["from_me"]) or (sender is not None and str(sender) == row["owner"]),
        timestamp=from_ms(row["happened_at"]),
        message_id=row["message_id"],
        message=message,
        facts=facts,
    )


def _actor(facts: Mapping[str, object], *, asks: bool) -> tuple[Jid | None, str | None]:
    """Who did what a notice tells of: who asks to join, or whoever is told to have changed the group."""
    people = facts.get("people")
    first = people[0] if isinstance(people, list) and people else None
    if asks and isinstance(first, dict):
        return stored_jid(str(first.get("jid"))), first.get("name")
    by, name = facts.get("by"), facts.get("by_name")
    return (stored_jid(by), str(name) if name else None) if isinstance(by, str) else (None, None)


def _remains(row: Row) -> Event:
    chat = stored_jid(row["chat_jid"])
    return Event(
        kind=EventKind.GROUP_CHANGE if row["kind"] not in set(EventKind) else EventKind(row["kind"]),
        arrival=row["arrival"],
        chat=chat,
        timestamp=from_ms(row["happened_at"]),
        message_id=row["message_id"],
    )

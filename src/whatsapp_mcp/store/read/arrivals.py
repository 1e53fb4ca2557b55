"""What came, in order of arrival: what is unread, and what those who wait for messages are told of.

A post of a channel is no message from a person, nor is a status update: neither is among the news of people.
"""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.models.views import Message
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.read.listing import size
from whatsapp_mcp.store.read.views import messages_query, messages_view
from whatsapp_mcp.store.records import News
from whatsapp_mcp.store.rows import fitting

COUNTED: Final = 10_000
"""New messages that are counted at most."""
NO_NEWS: Final = News((), 0, 0)

_PEOPLE: Final = "entities.kind IN ('person', 'group')"
_CHANNELS: Final = "entities.kind = 'newsletter'"
_INCOMING: Final = (
    "SELECT * FROM (SELECT m.arrival, m.chat FROM messages AS m INDEXED BY messages_incoming"
    " CROSS JOIN entities ON entities.id = m.chat"
    " WHERE m.arrival > ?1 AND m.from_me = 0 AND m.from_history = 0 AND m.place > 0 AND {chats}"
    " ORDER BY m.arrival LIMIT ?2)"
    # What the owner wrote to the own chat elsewhere is said to who runs here.
    " UNION ALL SELECT * FROM (SELECT m.arrival, m.chat FROM notes"
    " CROSS JOIN messages AS m ON m.arrival = notes.arrival CROSS JOIN entities ON entities.id = m.chat"
    " WHERE notes.arrival > ?1 AND m.place > 0 AND {chats}"
    " ORDER BY m.arrival LIMIT ?2)"
)
_UNREAD: Final = (
    "SELECT unread.arrival FROM unread CROSS JOIN entities ON entities.id = unread.chat WHERE {chats}"
    " ORDER BY unread.arrival DESC LIMIT ?"
)
_UNREAD_TOTALS: Final = (
    "SELECT coalesce(sum(unread), 0), count(*) FROM chats CROSS JOIN entities ON entities.id = chats.entity"
    " WHERE chats.unread > 0 AND {chats}"
)


def unread(connection: StoreConnection, limit: int, *, channels: bool) -> News:
    """The newest unread messages."""
    chats = _CHANNELS if channels else _PEOPLE
    messages = _shown(connection, _UNREAD.format(chats=chats), size(limit))
    total, in_chats = connection.execute(_UNREAD_TOTALS.format(chats=chats)).fetchone()
    return News(messages, total, in_chats)


def news(connection: StoreConnection, arrival: int, limit: int, *, channels: bool) -> News:
    """The first messages after an arrival."""
    source = _INCOMING.format(chats=_CHANNELS if channels else _PEOPLE)
    after = fitting(arrival)
    messages = _shown(connection, f"SELECT arrival FROM ({source}) ORDER BY arrival LIMIT ?2", after, size(limit))
    counted = f"SELECT count(*), count(DISTINCT chat) FROM (SELECT * FROM ({source}) LIMIT ?2)"
    total, in_chats = connection.execute(counted, (after, COUNTED + 1)).fetchone()
    return News(messages, min(total, COUNTED), in_chats, total_is_more=total > COUNTED)


def incoming(connection: StoreConnection, arrival: int, limit: int, *, chat: int | None) -> tuple[Message, ...]:
    """The first messages after an arrival, of people or of one chat of any kind (an entity)."""
    source = _INCOMING.format(chats=_PEOPLE if chat is None else f"m.chat = {chat}")
    ordered = f"SELECT arrival FROM ({source}) ORDER BY arrival LIMIT ?2"
    return _shown(connection, ordered, fitting(arrival), size(limit))


def _shown(connection: StoreConnection, wanted: str, *values: int) -> tuple[Message, ...]:
    return messages_view(connection, connection.execute(messages_query(wanted, "m.arrival"), values).fetchall())

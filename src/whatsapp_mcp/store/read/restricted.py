"""Of a connection on which there is nothing but what may be read: what queries must say, and what they may ask.

On such a connection, views shadow the tables that say something of chats: a query that names ``messages`` gets those of
readable chats, and no query can forget it (``restricted`` of each engine makes them). Who wrote in a readable chat is
named there, so ``entities``, ``addresses`` and ``contacts`` are whole: queries that look somebody up say
``only_readable``.
"""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.store.database import Restriction, SearchScope, StoreConnection

_READABLE: Final = "(SELECT entity FROM temp.readable)"
_MANY: Final = 64
"""So many chats are named in the expression of a search."""


def is_restricted(connection: StoreConnection) -> bool:
    return connection.restriction is not None


def only_readable(connection: StoreConnection, entity: str) -> str:
    """The end of a condition on a column with an entity: who may not be read is not looked up."""
    return f" AND {entity} IN {_READABLE}" if connection.restriction is not None else ""


def may_be_read(connection: StoreConnection, entity: int | None) -> bool:
    return connection.restriction is None or entity in connection.restriction.readable


def search_scope(connection: StoreConnection) -> SearchScope:
    """What spares a search from going through the hits in chats that may not be read."""
    restriction = connection.restriction
    if restriction is None:
        return _EVERYWHERE
    if restriction.scope is None:
        rows = connection.execute("SELECT entity FROM main.chats WHERE message_count > 0 ORDER BY message_count DESC")
        by_size = [entity for (entity,) in rows]
        shown = [entity for entity in by_size if entity in restriction.readable]
        hidden = [entity for entity in by_size if entity not in restriction.readable]
        restriction.scope = (
            SearchScope(among=tuple(shown)) if len(shown) <= _MANY else SearchScope(apart_from=tuple(hidden[:_MANY]))
        )
    return restriction.scope


_EVERYWHERE: Final = SearchScope()


def newest_readable(connection: StoreConnection, restriction: Restriction) -> int:
    """The highest arrival number of a message or event that may be read, as far as they are kept; 0: there is none."""
    (top,) = connection.execute("SELECT coalesce(max(arrival), 0) FROM main.events").fetchone()
    if top != restriction.looked_until:
        newest = "SELECT arrival FROM events WHERE arrival > ? ORDER BY arrival DESC LIMIT 1"
        event = connection.execute(newest, (restriction.looked_until,)).fetchone()
        restriction.looked_until = top
        if event is not None:
            restriction.newest_event = event[0]
    (message,) = connection.execute("SELECT coalesce(max(newest_arrival), 0) FROM chats").fetchone()
    return max(int(message), restriction.newest_event)

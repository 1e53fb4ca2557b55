"""Connections on which there is nothing but what may be read.

Views shadow the tables that say something of chats: a query that names ``messages`` gets those of readable chats, and
no query can forget it. What names an index of such a table, which SQLite refuses for views, gets a view that names it;
what has none is refused. Who wrote in a readable chat is named there, so ``entities``, ``addresses`` and ``contacts``
are whole: queries that look somebody up say ``only_readable``.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.store.connections import ReadConnections
from whatsapp_mcp.store.read.readable import ReadableChats
from whatsapp_mcp.store.rows import ARRIVAL_MASK

if TYPE_CHECKING:
    from sqlite3 import _Parameters

_READABLE: Final = "(SELECT entity FROM temp.readable)"
_INDEXES: Final = (
    *("messages_chat", "messages_media", "messages_sent", "messages_incoming", "messages_chat_id", "messages_parent"),
    "messages_live",
)
_VIEWS: Final = (
    "CREATE TEMP TABLE readable (entity INTEGER PRIMARY KEY)",
    # The sign keeps SQLite from going through all readable chats where one is asked for.
    f"CREATE TEMP VIEW chats AS SELECT * FROM main.chats WHERE +entity IN {_READABLE}",
    f"CREATE TEMP VIEW messages AS SELECT * FROM main.messages WHERE +chat IN {_READABLE}",
    *(
        f"CREATE TEMP VIEW {index}_view AS SELECT * FROM main.messages INDEXED BY {index} WHERE +chat IN {_READABLE}"
        for index in _INDEXES
    ),
    f"CREATE TEMP VIEW unread AS SELECT * FROM main.unread WHERE +chat IN {_READABLE}",
    f"CREATE TEMP VIEW events AS SELECT * FROM main.events WHERE +chat IN {_READABLE}",
    "CREATE TEMP VIEW message_search AS SELECT s.rowid AS rowid, s.message_search AS message_search"
    " FROM main.message_search AS s CROSS JOIN main.messages AS of_hit"
    f" ON of_hit.arrival = s.rowid & {ARRIVAL_MASK} AND +of_hit.chat IN {_READABLE}",
)
_BY_INDEX: Final = re.compile(r"(?<!main\.)\bmessages(?P<alias>(?: AS \w+)?) INDEXED BY (?P<index>\w+)")
_MANY: Final = 64
"""So many chats are named in the expression of a search."""


@lru_cache(256)
def _shadowed(sql: str) -> str:
    return _BY_INDEX.sub(r"\g<index>_view\g<alias>", sql)


@dataclass(frozen=True, slots=True)
class SearchScope:
    """Where a search looks, as far as an expression can say it; the view says it wholly."""

    among: tuple[int, ...] | None = None
    """Only in these chats."""
    apart_from: tuple[int, ...] = ()


class RestrictedConnection(sqlite3.Connection):
    """Made by ``RestrictedConnections``; in each snapshot, ``readable`` is what it holds."""

    version: int | None = None
    """``data_version`` when it was last looked at."""
    readable: frozenset[int] = frozenset()
    scope: SearchScope | None = None
    looked_until = 0
    """Up to this arrival, the newest event that is readable is known."""
    newest_event = 0

    def execute(self, sql: str, parameters: _Parameters = (), /) -> sqlite3.Cursor:
        return super().execute(_shadowed(sql), parameters)


class RestrictedConnections(ReadConnections):
    def __init__(self, path: Path, chats: ReadableChats) -> None:
        super().__init__(path, RestrictedConnection)
        self.chats = chats

    @contextmanager
    def snapshot(self) -> Iterator[sqlite3.Connection | None]:
        with super().snapshot() as connection:
            if connection is not None:
                assert isinstance(connection, RestrictedConnection)
                _refresh(connection, self.chats)
            yield connection


def _refresh(connection: RestrictedConnection, chats: ReadableChats) -> None:
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    if version == connection.version:
        return
    first, readable = connection.version is None, chats.entities(connection)
    if first or readable != connection.readable:
        connection.execute("PRAGMA query_only = OFF")  # the file itself was opened to be read only
        try:
            for statement in _VIEWS if first else ():
                connection.execute(statement)
            gone, come = connection.readable - readable, readable - connection.readable
            connection.executemany("DELETE FROM temp.readable WHERE entity = ?", [(entity,) for entity in gone])
            connection.executemany("INSERT INTO temp.readable VALUES (?)", [(entity,) for entity in come])
        finally:
            connection.execute("PRAGMA query_only = ON")
        connection.readable, connection.looked_until, connection.newest_event = readable, 0, 0
    connection.version, connection.scope = version, None


def is_restricted(connection: sqlite3.Connection) -> bool:
    return isinstance(connection, RestrictedConnection)


def only_readable(connection: sqlite3.Connection, entity: str) -> str:
    """The end of a condition on a column with an entity: who may not be read is not looked up."""
    return f" AND {entity} IN {_READABLE}" if isinstance(connection, RestrictedConnection) else ""


def may_be_read(connection: sqlite3.Connection, entity: int | None) -> bool:
    return not isinstance(connection, RestrictedConnection) or entity in connection.readable


def search_scope(connection: sqlite3.Connection) -> SearchScope:
    """What spares a search from going through the hits in chats that may not be read."""
    if not isinstance(connection, RestrictedConnection):
        return _EVERYWHERE
    if connection.scope is None:
        rows = connection.execute("SELECT entity FROM main.chats WHERE message_count > 0 ORDER BY message_count DESC")
        by_size = [entity for (entity,) in rows]
        shown = [entity for entity in by_size if entity in connection.readable]
        hidden = [entity for entity in by_size if entity not in connection.readable]
        connection.scope = (
            SearchScope(among=tuple(shown)) if len(shown) <= _MANY else SearchScope(apart_from=tuple(hidden[:_MANY]))
        )
    return connection.scope


_EVERYWHERE: Final = SearchScope()


def newest_readable(connection: RestrictedConnection) -> int:
    """The highest arrival number of a message or event that may be read, as far as they are kept; 0: there is none."""
    (top,) = connection.execute("SELECT coalesce(max(arrival), 0) FROM main.events").fetchone()
    if top != connection.looked_until:
        newest = "SELECT arrival FROM events WHERE arrival > ? ORDER BY arrival DESC LIMIT 1"
        event = connection.execute(newest, (connection.looked_until,)).fetchone()
        connection.newest_event, connection.looked_until = connection.newest_event if event is None else event[0], top
    (message,) = connection.execute("SELECT coalesce(max(newest_arrival), 0) FROM chats").fetchone()
    return max(int(message), connection.newest_event)

"""Connections to SQLite on which there is nothing but what may be read.

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
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.store.database import Readable, Restriction
from whatsapp_mcp.store.engine.sqlite.connection import SqliteConnection
from whatsapp_mcp.store.engine.sqlite.fts_table import MESSAGE_SEARCH
from whatsapp_mcp.store.engine.sqlite.partial import PARTIAL
from whatsapp_mcp.store.engine.sqlite.snapshots import ReadConnections
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
    *(
        f"CREATE TEMP VIEW {table.name} AS SELECT s.rowid AS rowid, s.{table.name} AS {table.name}"
        f" FROM main.{table.name} AS s CROSS JOIN main.messages AS of_hit"
        f" ON of_hit.arrival = s.rowid & {ARRIVAL_MASK} AND +of_hit.chat IN {_READABLE}"
        for table in (MESSAGE_SEARCH, *(partial.table for partial in PARTIAL))
    ),
)
_BY_INDEX: Final = re.compile(r"(?<!main\.)\bmessages(?P<alias>(?: AS \w+)?) INDEXED BY (?P<index>\w+)")


@lru_cache(256)
def _shadowed(sql: str) -> str:
    return _BY_INDEX.sub(r"\g<index>_view\g<alias>", sql)


class RestrictedConnection(SqliteConnection):
    """Made by ``RestrictedConnections``."""

    version: int | None = None
    """``data_version`` when it was last looked at."""
    restriction: Restriction

    def execute(self, sql: str, parameters: _Parameters = (), /) -> sqlite3.Cursor:
        return super().execute(_shadowed(sql), parameters)


class RestrictedConnections(ReadConnections):
    def __init__(self, path: Path, readable: Readable) -> None:
        super().__init__(path, RestrictedConnection)
        self._readable = readable

    @contextmanager
    def snapshot(self) -> Iterator[SqliteConnection | None]:
        with super().snapshot() as connection:
            if connection is not None:
                assert isinstance(connection, RestrictedConnection)
                if connection.version is None:
                    connection.restriction = Restriction()
                _refresh(connection, self._readable)
            yield connection


def _refresh(connection: RestrictedConnection, chats: Readable) -> None:
    (version,) = connection.execute("PRAGMA data_version").fetchone()
    if version == connection.version:
        return
    first, readable = connection.version is None, chats.entities(connection)
    before = connection.restriction.readable
    if first or readable != before:
        connection.execute("PRAGMA query_only = OFF")  # the file itself was opened to be read only
        try:
            for statement in _VIEWS if first else ():
                connection.execute(statement)
            gone, come = before - readable, readable - before
            connection.executemany("DELETE FROM temp.readable WHERE entity = ?", [(entity,) for entity in gone])
            connection.executemany("INSERT INTO temp.readable VALUES (?)", [(entity,) for entity in come])
        finally:
            connection.execute("PRAGMA query_only = ON")
        connection.restriction = Restriction(readable)
    connection.version, connection.restriction.scope = version, None

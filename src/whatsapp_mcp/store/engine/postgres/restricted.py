"""Connections to PostgreSQL on which there is nothing but what may be read: as in SQLite, views of the connection's own
temporary schema shadow the tables, and no query can forget them.
"""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.store.database import Readable, Restriction
from whatsapp_mcp.store.engine.postgres.connection import PostgresConnection
from whatsapp_mcp.store.rows import ARRIVAL_MASK

_READABLE: Final = "(SELECT entity FROM temp.readable)"
_VIEWS: Final = (
    "CREATE TEMP TABLE readable (entity BIGINT PRIMARY KEY)",
    f"CREATE TEMP VIEW chats AS SELECT * FROM main.chats WHERE entity IN {_READABLE}",
    f"CREATE TEMP VIEW messages AS SELECT * FROM main.messages WHERE chat IN {_READABLE}",
    f"CREATE TEMP VIEW unread AS SELECT * FROM main.unread WHERE chat IN {_READABLE}",
    f"CREATE TEMP VIEW events AS SELECT * FROM main.events WHERE chat IN {_READABLE}",
    "CREATE TEMP VIEW message_search AS SELECT s.* FROM main.message_search AS s JOIN main.messages AS of_hit"
    f" ON of_hit.arrival = s.place & {ARRIVAL_MASK} AND of_hit.chat IN {_READABLE}",
)


def make_views(connection: PostgresConnection) -> None:
    """Outside a transaction that only reads, in which nothing can be made."""
    for statement in _VIEWS:
        connection.execute(statement)
    connection.restriction = Restriction()


def refresh(connection: PostgresConnection, chats: Readable) -> None:
    """At the beginning of a snapshot: what may be read of it. A temporary table may be changed in any transaction."""
    (state,) = connection.execute("SELECT number FROM main.changed").fetchone()
    if state == connection.state:
        return
    assert connection.restriction is not None
    before, readable = connection.restriction.readable, chats.entities(connection)
    if readable != before:
        gone, come = before - readable, readable - before
        connection.execute("DELETE FROM temp.readable WHERE entity = ANY (?)", (list(gone),))
        connection.execute("INSERT INTO temp.readable SELECT unnest(CAST(? AS bigint[]))", (list(come),))
        connection.restriction = Restriction(readable)
    connection.state, connection.restriction.scope = state, None

"""How much there is in a store."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.jid import STATUS_BROADCAST
from whatsapp_mcp.store.database import Database, StoreConnection
from whatsapp_mcp.store.records import StoreStats

_STATS: Final = (
    "SELECT count(*), coalesce(sum(message_count), 0), max(last_message_at) FROM chats"
    " WHERE entity IS DISTINCT FROM (SELECT entity FROM addresses WHERE jid = ?)"
)


def stats_of(connection: StoreConnection, database: Database) -> StoreStats:
    chats, messages, newest = connection.execute(_STATS, (str(STATUS_BROADCAST),)).fetchone()
    return StoreStats(
        schema_version=database.schema_version(connection),
        messages=int(messages),
        chats=chats,
        bytes=database.size(),
        newest_message=None if newest is None else from_ms(newest),
    )

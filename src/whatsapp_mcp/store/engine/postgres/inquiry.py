"""What the writer asks before it stores many messages, so that it need not ask for each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from whatsapp_mcp.store.database import Row, StoreConnection

_ADDRESSES: Final = "SELECT jid, id, entity FROM addresses WHERE jid = ANY(?)"
_CHATS: Final = "SELECT {columns} FROM chats WHERE entity = ANY(?)"
# Each subquery is one look into an index: joins might go through all messages.
_MESSAGES: Final = (
    "WITH found AS MATERIALIZED (SELECT asked.number, ARRAY(SELECT addresses.entity FROM messages AS m"
    " JOIN addresses ON addresses.id = m.sender WHERE m.chat = asked.chat AND m.id = asked.id) AS authors,"
    " (SELECT 1 FROM messages AS m WHERE m.chat = asked.chat AND m.parent_id = asked.id AND m.parent_id IS NOT NULL"
    " LIMIT 1) AS part,"
    " (SELECT 1 FROM awaited WHERE awaited.chat = asked.chat AND awaited.message_id = asked.id) AS awaited"
    " FROM unnest(CAST(? AS bigint[]), CAST(? AS text[])) WITH ORDINALITY AS asked(chat, id, number))"
    " SELECT number, authors, part IS NOT NULL, awaited IS NOT NULL FROM found"
    " WHERE cardinality(authors) > 0 OR part IS NOT NULL OR awaited IS NOT NULL"
)


class PostgresInquiry:
    def addresses(self, connection: StoreConnection, jids: Iterable[str]) -> Iterable[tuple[str, int, int]]:
        return (tuple(row) for row in connection.execute(_ADDRESSES, ([*jids],)))

    def chats(self, connection: StoreConnection, columns: str, entities: Iterable[int]) -> Iterable[Row]:
        return connection.execute(_CHATS.format(columns=columns), ([*entities],))

    def messages(self, connection: StoreConnection, keys: Sequence[tuple[int, str]]) -> Iterable[tuple[Any, ...]]:
        values = ([chat for chat, _ in keys], [message_id for _, message_id in keys])
        for number, authors, has_parts, is_awaited in connection.execute(_MESSAGES, values):
            yield keys[number - 1], frozenset(authors), has_parts, is_awaited


INQUIRY: Final = PostgresInquiry()

"""How the owner and a chat know each other: what the policy goes by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.store.database import Row, StoreConnection
from whatsapp_mcp.store.identity import find_entity
from whatsapp_mcp.store.records import ChatFacts
from whatsapp_mcp.store.rows import RANK, stored_jid

# Not `jid IN (SELECT …)`: for that SQLite makes a table each time, which takes longer than all the rest.
_OWN: Final = (
    "EXISTS (SELECT 1 FROM main.meta WHERE key IN ('owner_number', 'owner_lid')"
    " AND value IN (entities.jid, entities.lid))"
)
_FIRST: Final = (
    "SELECT from_me, place FROM main.messages INDEXED BY messages_chat"
    " WHERE chat = entities.id AND kind != 'notice' AND place"
)
_FACTS: Final = f"""
SELECT entities.id, entities.jid, entities.lid,
    contacts.full_name IS NOT NULL OR contacts.first_name IS NOT NULL AS saved,
    chats.entity IS NOT NULL AND EXISTS (SELECT 1 FROM main.messages INDEXED BY messages_sent
        WHERE chat = entities.id AND from_me = 1
        AND kind != 'notice' AND status IS DISTINCT FROM {RANK[DeliveryStatus.FAILED]}) AS written_to,
    entities.kind = 'group' AND chats.gone = 0 AS member,
    CASE WHEN chats.entity IS NOT NULL THEN (SELECT from_me FROM (SELECT * FROM ({_FIRST} > 0 ORDER BY place LIMIT 1)
        UNION ALL SELECT * FROM ({_FIRST} < 0 ORDER BY place DESC LIMIT 1)) ORDER BY abs(place) LIMIT 1) END AS first,
    (SELECT group_concat(jid, ' ') FROM main.addresses WHERE entity = entities.id) AS addresses,
    {_OWN} AS own
FROM main.entities LEFT JOIN main.contacts ON contacts.entity = entities.id
    LEFT JOIN main.chats ON chats.entity = entities.id
"""
"""``first``: whether the first message is the owner's; those that the owner has hidden, whose places are below 0, were
written all the same. ``main``: judged is by all there is, also on a connection that shows less."""
_AT_ONCE: Final = 500


def chat_facts(connection: StoreConnection, jid: Jid) -> ChatFacts:
    """Of an address in any form; of one that was never seen, that nothing is known of it."""
    row = connection.execute(f"{_FACTS} WHERE entities.id = ?", (find_entity(connection, jid),)).fetchone()
    return ChatFacts(jid.bare) if row is None else _facts(row)


def writes_in(connection: StoreConnection, person: Jid, chat: Jid) -> bool:
    """Whether a message of this person stands in the chat."""
    found = connection.execute(
        "SELECT 1 FROM main.messages INDEXED BY messages_chat WHERE chat = ?"
        " AND sender IN (SELECT id FROM main.addresses WHERE entity = ?) LIMIT 1",
        (find_entity(connection, chat), find_entity(connection, person)),
    )
    return found.fetchone() is not None


def facts_of(connection: StoreConnection, entities: Iterable[int]) -> Iterator[tuple[int, ChatFacts]]:
    """Of some entities."""
    wanted = sorted(entities)
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        query = f"{_FACTS} WHERE entities.id IN ({', '.join('?' * len(some))})"
        yield from _each(connection.execute(query, some).fetchall())


def facts_of_all(connection: StoreConnection) -> Iterator[tuple[int, ChatFacts]]:
    """Of all entities."""
    yield from _each(connection.execute(_FACTS).fetchall())


def _each(rows: Sequence[Row]) -> Iterator[tuple[int, ChatFacts]]:
    for row in rows:
        yield row["id"], _facts(row)


def _facts(row: Row) -> ChatFacts:
    jid, lid = row["jid"], row["lid"]
    others = [text for text in (row["addresses"] or "").split() if text not in (jid, lid)]
    return ChatFacts(
        jid=stored_jid(jid),
        lid=stored_jid(lid) if lid else None,
        others=tuple(map(stored_jid, others)),
        saved=bool(row["saved"]),
        wrote_first=row["first"] == 0,
        written_to=bool(row["written_to"]),
        member=bool(row["member"]),
        own=bool(row["own"]),
    )

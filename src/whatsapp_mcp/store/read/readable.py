"""Which chats and people somebody may read of a store, worked out anew only for those of whom something changed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.read.acquaintance import facts_of, facts_of_all
from whatsapp_mcp.store.records import ChatFacts

Judge = Callable[[ChatFacts], bool]
"""Whether a chat may be read."""

_COUNTS: Final = """
SELECT (SELECT count(*) FROM main.entities), (SELECT coalesce(max(id), 0) FROM main.entities),
    (SELECT count(*) FROM main.addresses), (SELECT coalesce(max(id), 0) FROM main.addresses),
    (SELECT coalesce(sum(id * entity), 0) FROM main.addresses),
    (SELECT group_concat(value, ' ') FROM main.meta WHERE key IN ('owner_number', 'owner_lid'))
"""
_OLD: Final = """
SELECT (SELECT count(*) FROM main.entities WHERE id <= :entity),
    (SELECT count(*) FROM main.addresses WHERE id <= :address),
    (SELECT coalesce(sum(id * entity), 0) FROM main.addresses WHERE id <= :address)
"""
_NEW: Final = (
    "SELECT id FROM main.entities WHERE id > :entity UNION SELECT entity FROM main.addresses WHERE id > :address"
)
_SAVED: Final = "SELECT entity FROM main.contacts WHERE full_name IS NOT NULL OR first_name IS NOT NULL"
_CHATS: Final = "SELECT entity, message_count, sent_count, last_message_at, gone FROM main.chats"


class _Counts(NamedTuple):
    entities: int = 0
    newest_entity: int = 0
    addresses: int = 0
    newest_address: int = 0
    united: int = 0
    """A sum that is another one when two people turn out to be one."""
    owner: str | None = None


@dataclass(frozen=True, slots=True)
class _Looked:
    """What was there when the store was last looked at."""

    counts: _Counts = field(default_factory=_Counts)
    saved: frozenset[int] = frozenset()
    chats: Mapping[int, tuple[object, ...]] = field(default_factory=dict)


class ReadableChats:
    """For all connections of a reader."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._lock = threading.Lock()
        self._looked = _Looked()
        self._entities: frozenset[int] = frozenset()

    def entities(self, connection: StoreConnection) -> frozenset[int]:
        """Those of the state that the connection sees. Of whom nothing was found out is not among them."""
        with self._lock:
            looked = _look(connection)
            if looked != self._looked:
                changed = self._changed(connection, looked)
                judged = facts_of_all(connection) if changed is None else facts_of(connection, changed)
                kept = self._entities - changed if changed is not None else frozenset()
                self._entities = kept | {entity for entity, facts in judged if self.judge(facts)}
                self._looked = looked
            return self._entities

    def _changed(self, connection: StoreConnection, looked: _Looked) -> frozenset[int] | None:
        """Of whom something is new; None: it can be anybody."""
        before = self._looked
        marks = {"entity": before.counts.newest_entity, "address": before.counts.newest_address}
        entities, addresses, united = connection.execute(_OLD, marks).fetchone()
        then = (before.counts.entities, before.counts.addresses, before.counts.united, before.counts.owner)
        if (entities, addresses, united, looked.counts.owner) != then:
            return None
        return frozenset(
            {
                *(entity for (entity,) in connection.execute(_NEW, marks)),
                *(before.saved ^ looked.saved),
                *_differing(before.chats, looked.chats),
            }
        )


def _look(connection: StoreConnection) -> _Looked:
    counts = _Counts(*connection.execute(_COUNTS).fetchone())
    saved = frozenset(entity for (entity,) in connection.execute(_SAVED))
    return _Looked(counts, saved, {entity: tuple(rest) for entity, *rest in connection.execute(_CHATS)})


def _differing(one: Mapping[int, object], other: Mapping[int, object]) -> Iterator[int]:
    yield from one.keys() ^ other.keys()
    yield from (entity for entity, row in one.items() if entity in other and other[entity] != row)

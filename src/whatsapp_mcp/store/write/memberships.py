"""Which groups we are in: by what notifications tell, and by WhatsApp's list of all our groups."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.models.changes import GroupsJoined
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.write.chats import Chats
from whatsapp_mcp.store.write.identities import Identities

_KNOWN: Final = "SELECT entity FROM chats JOIN entities ON entities.id = chats.entity WHERE entities.kind = 'group'"
_LISTED: Final = (
    "INSERT INTO meta VALUES ('groups_listed_at', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
)


class Memberships:
    def __init__(self, connection: StoreConnection, identities: Identities, chats: Chats) -> None:
        self._connection = connection
        self._identities = identities
        self._chats = chats
        self.learned = 0
        self._told: dict[int, int] = {}
        """Of a group, what ``learned`` was when its notification came."""

    def told(self, group: int) -> None:
        """A notification said whether we are in this group (an entity)."""
        self.learned += 1
        self._told[group] = self.learned

    def listed(self, change: GroupsJoined, now: int) -> None:
        """Groups of which a notification came after the list was asked for stay as they are."""
        joined = {self._identities.address(group).entity for group in change.groups}
        known = {entity for (entity,) in self._connection.execute(_KNOWN)} if change.complete else set()
        for group in joined | known:
            row = self._chats.stored(group)
            gone = int(group not in joined)
            if self._told.get(group, 0) <= change.asked_at and (row is None or row.gone != gone):
                self._chats.get(group, now).gone = gone
        self._connection.execute(_LISTED, (str(now),))

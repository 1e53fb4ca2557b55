"""Addresses and entities as the writer learns them.

The number is canonical where it is known. When it becomes known late, the person's entity only gets another name; two
entities are merged only when things were stored under both forms before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

from whatsapp_mcp.jid import BROADCAST, GROUP, LID, NEWSLETTER, USER, Jid
from whatsapp_mcp.store.database import StoreConnection
from whatsapp_mcp.store.rows import stored_jid

_KINDS: Final = {GROUP: "group", NEWSLETTER: "newsletter", BROADCAST: "broadcast"}


class Address(NamedTuple):
    """A JID that was seen, by number, and whose it is."""

    id: int
    entity: int


@dataclass(frozen=True, slots=True)
class Union:
    """Two entities turned out to be one person."""

    lid: Jid | None
    number: Jid
    by_lid: int
    """Entity that stood for the LID, or for another spelling of the number."""
    by_number: int


class Identities:
    """Addresses and entities of one writer, cached. ``forget`` after a transaction was rolled back."""

    def __init__(self, connection: StoreConnection) -> None:
        self._connection = connection
        self._cache: dict[Jid, Address] = {}
        self._paired: dict[Jid, Jid] = {}
        self.made: set[int] = set()
        """Entities that are new in this transaction."""
        self.moves = 0
        """How often an address got another entity."""
        self.renumbered: list[tuple[int, int]] = []
        """Of people who have another number than before, the entities of the old one and of the new one."""

    def done(self) -> None:
        """The transaction has ended."""
        self.made.clear()

    def forget(self) -> None:
        self.made.clear()
        self.renumbered.clear()
        self._cache.clear()
        self._paired.clear()

    def address(self, jid: Jid) -> Address:
        """The address of ``jid``, made with an entity of its own when it is new."""
        known = self._cache.get(jid)
        if known is not None:
            return known
        bare = jid.bare
        known = self._stored(bare) or self._add_address(bare, self._add_entity(bare))
        self._cache[jid] = self._cache[bare] = known
        return known

    def known(self, jid: Jid) -> Address | None:
        """The address of ``jid``, if it was seen before by this process."""
        return self._cache.get(jid)

    def found(self, jid: Jid, number: int, entity: int) -> None:
        """``jid``, a bare one, is stored with these."""
        self._cache[jid] = Address(number, entity)

    def jid_of(self, entity: int) -> Jid:
        """Canonical."""
        row = self._connection.execute("SELECT jid FROM entities WHERE id = ?", (entity,)).fetchone()
        return stored_jid(row[0])

    def knows(self, lid: Jid, number: Jid) -> bool:
        """Whether that was learned a while ago; False: perhaps."""
        known, number = self._paired.get(lid.bare), number.bare
        return known is number or known == number  # a history names one object again and again

    def learn(self, lid: Jid, number: Jid) -> Union | None:
        """Record that both belong to one person.

        Returns:
            The two entities to unite (``unite``), when things were stored under both forms.

        A person can change the number, a number the person. Then the newest statement counts for what comes; what is
        stored stays where it was.
        """
        lid, number = lid.bare, number.bare
        if self.knows(lid, number):
            return None
        by_lid, by_number = self._stored(lid), self._stored(number)
        union: Union | None = None
        if by_number is None and by_lid is not None and self.jid_of(by_lid.entity).is_lid:
            self._add_address(number, by_lid.entity)
            self._connection.execute("UPDATE entities SET jid = ? WHERE id = ?", (str(number), by_lid.entity))
        else:
            entity = by_number.entity if by_number else self.address(number).entity
            if by_lid is None:
                self._add_address(lid, entity)
                self._set_lid(entity, lid)
            elif by_lid.entity != entity:
                union = self._move(lid, number, by_lid.entity, entity)
        self._paired[lid] = number
        return union

    def spell(self, written: Jid, number: Jid) -> Union | None:
        """Record another number by which people mean the same person.

        Returns:
            The two entities to unite, when things were stored under both.
        """
        written, entity = written.bare, self.address(number.bare).entity
        known = self._stored(written)
        if known is None:
            self._add_address(written, entity)
            return None
        lids = {lid for lid in (self._lid_of(known.entity), self._lid_of(entity)) if lid is not None}
        if known.entity == entity or len(lids) > 1:  # the number had been somebody else's
            return None
        return Union(lids.pop() if lids else None, number.bare, by_lid=known.entity, by_number=entity)

    def _lid_of(self, entity: int) -> Jid | None:
        (lid,) = self._connection.execute("SELECT lid FROM entities WHERE id = ?", (entity,)).fetchone()
        return stored_jid(lid) if lid else None

    def unite(self, union: Union, *, kept: int, gone: int) -> None:
        """Give all addresses to ``kept`` and delete ``gone``, to which nothing else refers any more."""
        self.moves += 1
        execute = self._connection.execute
        execute("UPDATE addresses SET entity = ? WHERE entity = ?", (kept, gone))
        execute("DELETE FROM entities WHERE id = ?", (gone,))
        lid = str(union.lid) if union.lid is not None else None
        execute("UPDATE entities SET jid = ?, lid = ? WHERE id = ?", (str(union.number), lid, kept))
        self._cache.clear()

    def _move(self, lid: Jid, number: Jid, old: int, new: int) -> Union | None:
        if self.jid_of(old).is_lid:
            return Union(lid, number, by_lid=old, by_number=new)
        self.moves += 1
        self._connection.execute("UPDATE entities SET lid = NULL WHERE id = ?", (old,))
        self._connection.execute("UPDATE addresses SET entity = ? WHERE jid = ?", (new, str(lid)))
        self._cache.clear()
        self._set_lid(new, lid)
        self.renumbered.append((old, new))
        return None

    def _set_lid(self, entity: int, lid: Jid) -> None:
        self._connection.execute("UPDATE entities SET lid = ? WHERE id = ?", (str(lid), entity))

    def _stored(self, jid: Jid) -> Address | None:
        known = self._cache.get(jid)
        if known is None:
            row = self._connection.execute("SELECT id, entity FROM addresses WHERE jid = ?", (str(jid),)).fetchone()
            if row is not None:
                known = self._cache[jid] = Address(*row)
        return known

    def _add_entity(self, jid: Jid) -> int:
        (entity,) = self._connection.execute(
            "INSERT INTO entities (jid, lid, kind, folded) VALUES (?, ?, ?, '') RETURNING id",
            (str(jid), str(jid) if jid.server == LID else None, _KINDS.get(jid.server, "person")),
        ).fetchone()
        self.made.add(int(entity))
        return int(entity)

    def _add_address(self, jid: Jid, entity: int) -> Address:
        insert = "INSERT INTO addresses (jid, entity) VALUES (?, ?) RETURNING id"
        (number,) = self._connection.execute(insert, (str(jid), entity)).fetchone()
        known = self._cache[jid] = Address(int(number), entity)
        return known


def pair(one: Jid, other: Jid | None) -> tuple[Jid, Jid] | None:
    """``(lid, number)`` when the two are the two forms of a person's address."""
    if other is None or not one.user or not other.user:
        return None
    if one.server == LID and other.server == USER:
        return one, other
    if one.server == USER and other.server == LID:
        return other, one
    return None

"""What a login of our own needs from neonize's session database. Read-only: nothing here ever writes to it.

Nothing is written back on purpose. neonize stays at its version of the app state and takes our patches from the
server like anybody else's; a mistake of ours cannot spoil what it believes. Tables: whatsmeow store/sqlstore/upgrades.
"""

from __future__ import annotations

from dataclasses import dataclass

from whatsapp_mcp.errors import NotLoggedIn, StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.session_db.asking import NeverLinked, asking
from whatsapp_mcp.whereabouts import Whereabouts
from whatsapp_mcp.wire.app_state import CollectionState, SyncKey
from whatsapp_mcp.wire.keys import KeyPair


@dataclass(frozen=True, slots=True)
class LinkedDevice:
    """The device that neonize linked, and the key it logs in with."""

    jid: Jid
    lid: Jid | None
    noise: KeyPair
    stored_as: str
    """The JID as the database spells it: it names the device in every other table."""


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """App-state keys that the phone has shared, by id."""

    by_id: dict[bytes, SyncKey]

    @property
    def newest(self) -> SyncKey | None:
        """The key to encrypt with; None when the phone has not shared any."""
        return max(self.by_id.values(), key=lambda key: key.created_ms, default=None)


class SessionDatabase:
    """neonize's session database, opened for each question and closed again."""

    def __init__(self, where: Whereabouts) -> None:
        self._where = where

    def device(self) -> LinkedDevice:
        """The linked device.

        Raises:
            NotLoggedIn: there is none.
            StoreError: it cannot be read, or holds several devices.
        """
        try:
            with asking(self._where) as connection:
                rows = connection.execute("SELECT jid, lid, noise_key FROM whatsmeow_device LIMIT 2").fetchall()
        except NeverLinked:
            rows = []
        if not rows:
            raise NotLoggedIn("no WhatsApp account is linked")
        if len(rows) > 1:
            raise StoreError(
                f"the session database {self._where} holds several linked devices",
                next_step="Move it away and link the account again with appLogin; messages are kept.",
            )
        stored_as, lid, noise_key = rows[0]
        try:
            return LinkedDevice(
                Jid.parse(stored_as), Jid.parse(lid) if lid else None, KeyPair(bytes(noise_key)), stored_as
            )
        except ValueError as error:
            raise StoreError(f"the session database {self._where} names an unusable device") from error

    def keys(self, device: LinkedDevice) -> StoredKeys:
        """All app-state keys of the device. Raises StoreError."""
        with asking(self._where) as connection:
            rows = connection.execute(
                "SELECT key_id, key_data, timestamp FROM whatsmeow_app_state_sync_keys WHERE jid = ?",
                (device.stored_as,),
            ).fetchall()
        return StoredKeys({bytes(key_id): SyncKey(bytes(key_id), bytes(data), when) for key_id, data, when in rows})

    def collection(self, device: LinkedDevice, name: str) -> CollectionState:
        """A collection as neonize knows it; version 0 when it has none. Raises StoreError."""
        with asking(self._where) as connection:
            row = connection.execute(
                "SELECT version, hash FROM whatsmeow_app_state_version WHERE jid = ? AND name = ?",
                (device.stored_as, name),
            ).fetchone()
            if row is None:
                return CollectionState(name)
            # An index that was set several times has a row for each version: the highest one counts.
            macs = connection.execute(
                "SELECT index_mac, value_mac FROM whatsmeow_app_state_mutation_macs"
                " WHERE jid = ? AND name = ? ORDER BY version",
                (device.stored_as, name),
            ).fetchall()
        return CollectionState(name, row[0], bytes(row[1]), {bytes(index): bytes(value) for index, value in macs})

"""A linked device with a session database as neonize leaves it, without neonize."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tests.unit.waiting import WAIT
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.models.app_state import AppStateChange
from whatsapp_mcp.session_db.device import LinkedDevice, SessionDatabase
from whatsapp_mcp.side_login.batch import Batch
from whatsapp_mcp.side_login.login import PassiveLogin
from whatsapp_mcp.side_login.payload import announced_version, login_payload
from whatsapp_mcp.side_login.queries import SideLoginQuery
from whatsapp_mcp.side_login.request import ReadSince, Request
from whatsapp_mcp.side_login.service import Service
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.people.sync_keys import SimSyncKey
from whatsapp_mcp.simulator.state.accounts import SignedPreKey, SimDevice
from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.app_state import CollectionState
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.protos import server_sync

R = TypeVar("R")
Work = tuple[AppStateChange, ...] | ReadSince | SideLoginQuery[Any]

DEVICE_NUMBER = 7

SCHEMA = """
CREATE TABLE whatsmeow_device (jid TEXT PRIMARY KEY, lid TEXT, noise_key bytea NOT NULL CHECK (length(noise_key) = 32));
CREATE TABLE whatsmeow_app_state_sync_keys (
    jid TEXT, key_id bytea, key_data bytea NOT NULL, timestamp BIGINT NOT NULL, fingerprint bytea NOT NULL,
    PRIMARY KEY (jid, key_id),
    FOREIGN KEY (jid) REFERENCES whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE whatsmeow_app_state_version (
    jid TEXT, name TEXT, version BIGINT NOT NULL, hash bytea NOT NULL CHECK (length(hash) = 128),
    PRIMARY KEY (jid, name),
    FOREIGN KEY (jid) REFERENCES whatsmeow_device(jid) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE TABLE whatsmeow_app_state_mutation_macs (
    jid TEXT, name TEXT, version BIGINT, index_mac bytea CHECK (length(index_mac) = 32),
    value_mac bytea NOT NULL CHECK (length(value_mac) = 32),
    PRIMARY KEY (jid, name, version, index_mac),
    FOREIGN KEY (jid, name) REFERENCES whatsmeow_app_state_version(jid, name) ON DELETE CASCADE ON UPDATE CASCADE
);
"""
"""The tables of whatsmeow that matter here, of the device's table only the columns that do."""


@dataclass
class Linked:
    """What a test needs: the simulator, the device as WhatsApp knows it, and its session database."""

    simulator: Simulator
    device: SimDevice
    database_path: Path
    endpoint_path: Path
    learned: list[AppStateChange] = field(default_factory=list)
    read: tuple[dict[str, int], dict[str, int]] = ({}, {})
    """Of the last batch."""

    @property
    def jid(self) -> str:
        return str(self.device.pn)

    @property
    def database(self) -> SessionDatabase:
        return SessionDatabase(self.database_path)

    @property
    def stored(self) -> LinkedDevice:
        return self.database.device()

    @property
    def service(self) -> Service:
        return Service.choose(Endpoint.read(self.endpoint_path), {}, require_endpoint=True)

    def login(self, **options: Any) -> PassiveLogin:
        device = self.stored
        return PassiveLogin(device, self.service, login_payload(device.jid, announced_version()), **options)

    async def carry_out(
        self,
        *works: Work,
        late: Callable[[], Sequence[Request]] = tuple,
        total_seconds: float = 20.0,
        answer_seconds: float = 10.0,
    ) -> list[Request]:
        """All of it in one batch.

        Args:
            late: gives what came since it was asked last.
        """
        fresh = [Request(work) for work in works]

        def take() -> Sequence[Request]:
            taken = [*fresh, *late()]
            fresh.clear()
            return taken

        batch = Batch(
            self.database,
            self.service,
            announced_version(),
            take,
            total_seconds=total_seconds,
            answer_seconds=answer_seconds,
        )
        await batch.run()
        self.learned += batch.changes
        assert batch.read is not None
        self.read = (batch.read.since, batch.read.up_to)
        return batch.requests

    async def change(self, *changes: AppStateChange, **options: float) -> None:
        """In a batch of its own. Raises what came of it."""
        await self._one(changes, **options)

    async def read_after(self, **since: int) -> None:
        """In a batch of its own. Raises what came of it."""
        await self._one(ReadSince(since))

    async def ask(self, query: SideLoginQuery[R], **options: float) -> R:
        """In a batch of its own. Raises what came of it."""
        result: R = await self._one(query, **options)
        return result

    async def _one(self, work: Work, **options: Any) -> Any:
        (request,) = await self.carry_out(work, **options)
        assert request.done
        if request.error is not None:
            raise request.error
        return request.result

    # --- what neonize would have stored ---

    def execute(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.database_path)) as connection, connection:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute(statement, values)

    def store_key(self, key: SimSyncKey) -> None:
        self.execute(
            "INSERT INTO whatsmeow_app_state_sync_keys VALUES (?, ?, ?, ?, x'00')",
            self.jid, key.id, key.data, key.created_ms,
        )  # fmt: skip

    def sync(self, name: str) -> CollectionState:
        """neonize takes over everything there is of a collection now, as whatsmeow stores it (appstate/decode.go)."""
        state = CollectionState(name)
        collection = self.simulator.phone.account.collections.get(name)
        keys = {key.id: key for key in (self.phone_key,)}
        with closing(sqlite3.connect(self.database_path)) as connection, connection:
            where = "WHERE jid = ? AND name = ?"
            connection.execute(f"DELETE FROM whatsmeow_app_state_mutation_macs {where}", (self.jid, name))
            connection.execute(f"DELETE FROM whatsmeow_app_state_version {where}", (self.jid, name))
            for patch in collection.patches if collection else ():
                message = server_sync.SyncdPatch.FromString(patch)
                state.apply_patch(message, keys)
                connection.execute(
                    "INSERT OR REPLACE INTO whatsmeow_app_state_version VALUES (?, ?, ?, ?)",
                    (self.jid, name, state.version, state.hash),
                )
                for raw in message.mutations:
                    index_mac, value_mac = raw.record.index.blob, raw.record.value.blob[-32:]
                    if raw.operation == server_sync.SyncdMutation.REMOVE:
                        connection.execute(
                            f"DELETE FROM whatsmeow_app_state_mutation_macs {where} AND index_mac = ?",
                            (self.jid, name, index_mac),
                        )
                    else:
                        connection.execute(
                            "INSERT INTO whatsmeow_app_state_mutation_macs VALUES (?, ?, ?, ?, ?)",
                            (self.jid, name, state.version, index_mac, value_mac),
                        )
        return state

    @property
    def phone_key(self) -> SimSyncKey:
        return self.simulator.phone.sync_key


@asynccontextmanager
async def linked(tmp_path: Path, *, with_key: bool = True) -> AsyncIterator[Linked]:
    """A simulator with a linked device, linked without the ceremony of linking."""
    async with deadline(), Simulator() as simulator:
        noise, identity, prekey = KeyPair.generate(), KeyPair.generate(), KeyPair.generate()
        account = simulator.phone.account
        signature = xeddsa.sign(identity.private, b"\x05" + prekey.public)
        device = SimDevice(
            account,
            DEVICE_NUMBER,
            identity=identity.public,
            registration_id=5,
            signed_prekey=SignedPreKey(1, prekey.public, signature),
            noise_public=noise.public,
        )
        account.devices[DEVICE_NUMBER] = device
        endpoint_path, database_path = tmp_path / "endpoint.json", tmp_path / "session.db"
        simulator.write_endpoint(endpoint_path)
        with closing(sqlite3.connect(database_path)) as connection, connection:
            connection.executescript(SCHEMA)
            connection.execute(
                "INSERT INTO whatsmeow_device VALUES (?, ?, ?)", (str(device.pn), str(device.lid), noise.private)
            )
        this = Linked(simulator, device, database_path, endpoint_path)
        if with_key:
            this.store_key(this.phone_key)
        yield this


@asynccontextmanager
async def deadline() -> AsyncIterator[None]:
    """No test here may hang."""
    async with asyncio.timeout(2 * WAIT):
        yield

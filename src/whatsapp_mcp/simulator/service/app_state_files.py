"""App state on media hosts: snapshots and the mutations of large patches, encrypted (whatsmeow appstate/decode.go)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from http import HTTPStatus

from whatsapp_mcp.simulator.network.http import Exchange, Routes
from whatsapp_mcp.wire.external_blob import MMS_TYPE, seal_blob
from whatsapp_mcp.wire.protos import server_sync

_PATH = "/v/simulated-app-state/"


class AppStateFiles:
    """Files by an unguessable name; whoever has the reference can read them."""

    def __init__(self, routes: Routes) -> None:
        self._files: dict[str, bytes] = {}
        self.downloads = 0
        """How many files were fetched."""
        routes.add(_PATH, self._serve)

    def put(self, plaintext: bytes) -> server_sync.ExternalBlobReference:
        """Encrypt and keep; returns the reference that a client needs."""
        sealed = seal_blob(plaintext)
        name = secrets.token_hex(16)
        self._files[name] = sealed.file
        sealed.reference.directPath = f"{_PATH}{name}.enc?ccb=11-4"
        return sealed.reference

    def put_snapshot(self, patches: Sequence[bytes]) -> bytes:
        """A snapshot of a collection after ``patches``; returns the serialised reference."""
        return self.put(build_snapshot(patches).SerializeToString()).SerializeToString()

    def spoil(self) -> None:
        """Damage every file that is kept now."""
        self._files = {name: file[:-1] + bytes([file[-1] ^ 1]) for name, file in self._files.items()}

    def forget(self) -> None:
        """Lose every file that is kept now."""
        self._files.clear()

    async def _serve(self, exchange: Exchange) -> None:
        request = exchange.request
        file = self._files.get(request.path.removeprefix(_PATH).removesuffix(".enc"))
        if file is None or request.method != "GET":
            await exchange.answer(HTTPStatus.NOT_FOUND)
        elif request.query.get("mms-type", MMS_TYPE) != MMS_TYPE:
            await exchange.answer(HTTPStatus.BAD_REQUEST)
        else:
            self.downloads += 1
            await exchange.answer(content=file)


def build_snapshot(patches: Sequence[bytes]) -> server_sync.SyncdSnapshot:
    """What the patches come to: the last record of each index that was not removed.

    No key is needed. The MAC of a snapshot is the snapshot MAC of the patch that it reaches to.
    """
    records: dict[bytes, server_sync.SyncdRecord] = {}
    newest = server_sync.SyncdPatch()
    for patch in patches:
        newest = server_sync.SyncdPatch.FromString(patch)
        for mutation in newest.mutations:
            records.pop(mutation.record.index.blob, None)
            if mutation.operation == server_sync.SyncdMutation.SET:
                records[mutation.record.index.blob] = mutation.record
    snapshot = server_sync.SyncdSnapshot(records=records.values(), mac=newest.snapshotMAC)
    snapshot.version.version = newest.version.version
    snapshot.keyID.ID = newest.keyID.ID
    return snapshot

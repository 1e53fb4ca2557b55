"""App state as the server sees it: five collections of numbered, encrypted patches per account (whatsmeow appstate.go).

The server cannot read a patch. What a patch says is the business of the account's devices; for the phone see
:mod:`whatsapp_mcp.simulator.sync_keys`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from google.protobuf.message import DecodeError

from whatsapp_mcp.simulator.router import SERVER, IqError, Router
from whatsapp_mcp.simulator.world import Account, Collection, Device, World
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import server_sync

__all__ = ["COLLECTIONS", "AppState"]

log = logging.getLogger(__name__)

COLLECTIONS = ("critical_block", "critical_unblock_low", "regular_high", "regular", "regular_low")
_PATCHES_PER_ANSWER = 100


class AppState:
    """``iq xmlns=w:sync:app:state``."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.on_patch: list[Callable[[Device, str, bytes], None]] = []
        """Called with (author, collection, patch) after a client's patch was stored."""

    def register(self, router: Router) -> None:
        router.on_iq("w:sync:app:state", "set", self._sync)

    def _sync(self, device: Device, node: Node) -> Sequence[Node]:
        request = node.child("sync")
        if request is None:
            raise IqError(400, "bad-request")
        return [Node("sync", {}, [self._collection(device, c) for c in request.children("collection")])]

    def _collection(self, device: Device, request: Node) -> Node:
        name = request.get("name")
        if name not in COLLECTIONS:
            # neonize 0.5.2 sends every patch but the push name's without a collection name.
            log.warning("%r asks for app-state collection %r", device, name)
            raise IqError(400, "bad-request")
        collection = device.account.collections.setdefault(name, Collection())
        version = int(request.get("version")) if request.get("version").isdigit() else 0
        patch = request.child("patch")
        if patch is None:
            return _patches(name, collection, version)
        if version != collection.version:
            conflict = Node("error", {"code": "409", "text": "conflict"})
            answer = _patches(name, collection, version)
            return Node("collection", {**answer.attrs, "type": "error"}, [conflict, *answer.children()])
        try:
            stored = self._append(collection, patch.data)
        except DecodeError:
            log.warning("%r uploaded something that is not a SyncdPatch", device)
            return Node(
                "collection", {"name": name, "type": "error"}, [Node("error", {"code": "400", "text": "bad-request"})]
            )
        self._notify(device.account, name, collection, author=device)
        for notify in self.on_patch:
            notify(device, name, stored)
        return Node("collection", {"name": name, "version": str(collection.version)})

    def append(self, account: Account, name: str, patch: bytes) -> None:
        """Store a patch that the account's phone wrote, and tell the linked devices."""
        collection = account.collections.setdefault(name, Collection())
        self._append(collection, patch)
        self._notify(account, name, collection, author=account.devices[0])

    @staticmethod
    def _append(collection: Collection, patch: bytes) -> bytes:
        message = server_sync.SyncdPatch.FromString(patch)
        # Uploaded without a number; who fetches the patch needs it.
        message.version.version = collection.version + 1
        collection.patches.append(message.SerializeToString())
        return collection.patches[-1]

    def _notify(self, account: Account, name: str, collection: Collection, author: Device) -> None:
        changed = Node("collection", {"name": name, "version": str(collection.version)})
        for device in account.others(author):
            attrs: dict[str, Attr] = {
                "from": SERVER,
                "type": "server_sync",
                "id": self._world.new_id(),
                "t": self._world.now(),
            }
            device.deliver(Node("notification", attrs, [changed]))


def _patches(name: str, collection: Collection, version: int) -> Node:
    """All patches after ``version``. A client that asks for a snapshot is content with the patches from 1 on."""
    patches = collection.patches[version : version + _PATCHES_PER_ANSWER]
    more = version + len(patches) < collection.version
    attrs: dict[str, Attr] = {
        "name": name,
        "version": str(collection.version),
        "has_more_patches": "true" if more else "false",
    }
    return Node("collection", attrs, [Node("patches", {}, [Node("patch", {}, patch) for patch in patches])])

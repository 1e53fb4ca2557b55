"""App state as the server sees it: five collections of numbered, encrypted patches per account (whatsmeow appstate.go).

The server cannot read a patch. What a patch says is the business of the account's devices; for the phone see
:mod:`whatsapp_mcp.simulator.people.sync_keys`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from whatsapp_mcp.simulator.service.app_state_files import AppStateFiles
from whatsapp_mcp.simulator.service.router import SERVER, Router, notification
from whatsapp_mcp.simulator.state.accounts import Collection, SimAccount, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.app_state import COLLECTIONS
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import server_sync

__all__ = ["COLLECTIONS", "AppStateSwitches", "SimAppState"]

log = logging.getLogger(__name__)


@dataclass(slots=True)
class AppStateSwitches:
    """How the server behaves where it has a choice, and what goes wrong on demand."""

    snapshots: bool = True
    """Give a client that asks for a snapshot one, as a file on a media host, once a collection has more than
    ``snapshot_after`` patches; otherwise the patches from 1 on."""
    snapshot_after: int = 3
    patches_per_answer: int = 100
    """More come with the next request (``has_more_patches``)."""
    external_mutations_from: int = 1000
    """A patch with at least this many mutations is given out with its mutations as a file."""
    tells_version: bool = True
    """Whether answers name the newest version: published logs show answers without it."""
    conflict_with_patches: bool = True
    """Whether the answer to a patch that comes too late has the newer patches."""
    lose_answers: int = 0
    """Cut the connection instead of answering the next uploads, after they were accepted."""
    before_upload: list[Callable[[SimDevice, str], None]] = field(default_factory=list)
    """Called with (author, collection) before an upload is looked at: here another device can be faster."""


class SimAppState:
    """``iq xmlns=w:sync:app:state``."""

    def __init__(self, world: World, files: AppStateFiles, faults: Faults) -> None:
        self._world = world
        self._files = files
        self._faults = faults
        self.switches = AppStateSwitches()
        self.on_patch: list[Callable[[SimDevice, str, bytes], None]] = []
        """Called with (author, collection, patch) after a client's patch was stored."""

    def register(self, router: Router) -> None:
        router.on_iq("w:sync:app:state", "set", self._sync)

    def _sync(self, device: SimDevice, node: Node) -> Sequence[Node]:
        request = node.child("sync")
        if request is None:
            raise IqError(400, "bad-request")
        return [Node("sync", {}, [self._collection(device, c) for c in request.children("collection")])]

    def _collection(self, device: SimDevice, request: Node) -> Node:
        name = request.get("name")
        if name not in COLLECTIONS:
            # neonize 0.5.2 sends every patch but the push name's without a collection name.
            log.warning("%r asks for app-state collection %r", device, name)
            raise IqError(400, "bad-request")
        collection = device.account.collections.setdefault(name, Collection())
        version = request.number("version") or 0
        patch = request.child("patch")
        if patch is None:
            return self._newer(name, collection, version, snapshot=request.get("return_snapshot") == "true")
        return self._take_in(device, name, collection, version, patch.data)

    def _take_in(self, device: SimDevice, name: str, collection: Collection, version: int, patch: bytes) -> Node:
        for notify in self.switches.before_upload:
            notify(device, name)
        if version != collection.version:
            conflict = Node("error", {"code": "409", "text": "conflict"})
            answer = self._newer(name, collection, version, snapshot=False)
            newer = answer.children() if self.switches.conflict_with_patches else []
            return Node("collection", {**answer.attrs, "type": "error"}, [conflict, *newer])
        try:
            stored = self._append(collection, patch)
        except DecodeError:
            log.warning("%r uploaded something that is not a SyncdPatch", device)
            return Node(
                "collection", {"name": name, "type": "error"}, [Node("error", {"code": "400", "text": "bad-request"})]
            )
        self._notify(device.account, name, collection, author=device)
        for tell in self.on_patch:
            tell(device, name, stored)
        if self.switches.lose_answers:
            self.switches.lose_answers -= 1
            self._faults.drop()
        return Node("collection", {"name": name, "version": str(collection.version)})

    def append(self, account: SimAccount, name: str, patch: bytes) -> None:
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

    def _notify(self, account: SimAccount, name: str, collection: Collection, author: SimDevice) -> None:
        changed = Node("collection", {"name": name, "version": str(collection.version)})
        for device in account.others(author):
            device.deliver(notification(self._world, SERVER, "server_sync", changed))

    def _newer(self, name: str, collection: Collection, version: int, *, snapshot: bool) -> Node:
        """What is newer than ``version``: patches, perhaps after a snapshot that stands for the oldest ones."""
        switches = self.switches
        content: list[Node] = []
        if snapshot and switches.snapshots and collection.version > switches.snapshot_after:
            # One patch is left out, so that clients have to take patches on top of a snapshot.
            version = collection.version - 1 or collection.version
            content.append(Node("snapshot", {}, self._files.put_snapshot(collection.patches[:version])))
        patches = collection.patches[version : version + switches.patches_per_answer]
        attrs: dict[str, Attr] = {"name": name}
        if switches.tells_version:
            attrs["version"] = str(collection.version)
        if version + len(patches) < collection.version:
            attrs["has_more_patches"] = "true"
        if patches:
            given = [Node("patch", {}, self._given_out(patch)) for patch in patches]
            content.append(Node("patches", {}, given))
        return Node("collection", attrs, content)

    def _given_out(self, patch: bytes) -> bytes:
        message = server_sync.SyncdPatch.FromString(patch)
        if len(message.mutations) < self.switches.external_mutations_from:
            return patch
        mutations = server_sync.SyncdMutations(mutations=message.mutations)
        del message.mutations[:]
        message.externalMutations.CopyFrom(self._files.put(mutations.SerializeToString()))
        return message.SerializeToString()

"""The account's app-state collections as this batch knows them: from the session database, then kept up to date.

Everything is in memory. What is fetched is verified in full before it is believed; what was decoded on the way is kept
for our own store, because neonize raises no event for stars, labels and deletions. Source: whatsmeow appstate.go
(fetchAppState), appstate/decode.go (ParsePatchList, DecodePatches).
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Final, Literal, TypeVar

from google.protobuf.message import DecodeError, Message

from whatsapp_mcp.errors import AppStateKeyMissing, AppStateKeysMissing, AppStateUnreadable, WhatsAppRefused
from whatsapp_mcp.session_db.device import LinkedDevice, SessionDatabase, StoredKeys
from whatsapp_mcp.side_login.blobs import download
from whatsapp_mcp.side_login.login import PassiveLogin
from whatsapp_mcp.wire.app_state import AppStateError, CollectionState, Mutation, SyncKey, UnknownKeyError, read_patch
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import server_sync

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)

_XMLNS: Final = "w:sync:app:state"


@dataclass(frozen=True, slots=True)
class ReadVersions:
    """After which version and up to which all of some collections was read."""

    device: str
    """As neonize's database spells it."""
    since: dict[str, int] = field(default_factory=dict)
    up_to: dict[str, int] = field(default_factory=dict)

    def note(self, name: str, since: int, up_to: int) -> None:
        self.since[name] = min(since, self.since.get(name, since))
        self.up_to[name] = max(up_to, self.up_to.get(name, 0))


class Collections:
    """Fetches collections and uploads patches, over whatever login there is at the moment."""

    def __init__(self, database: SessionDatabase, device: LinkedDevice) -> None:
        self._database = database
        self._device = device
        self._keys: StoredKeys | None = None
        self._states: dict[str, CollectionState] = {}
        self.read = ReadVersions(device.stored_as)
        """Of which collections ``learned`` has all."""
        self.learned: list[Mutation] = []
        """What was read from the server, ours or another device's, in the order in which it was made per collection."""
        self._seen: set[bytes] = set()

    async def read_from(self, login: PassiveLogin, name: str, since: int) -> None:
        """Learn what was changed in a collection after a version that is older than what neonize's database has.

        Raises: as ``fetch``.
        """
        try:
            await self._read_all(login, name, since)
        except UnknownKeyError as error:
            raise _key_missing(name, error) from error
        except AppStateError as error:
            raise AppStateUnreadable(f"the collection {name} cannot be verified", whatsapp_said=error) from error

    async def _read_all(self, login: PassiveLogin, name: str, since: int) -> None:
        keys = (await self._stored_keys()).by_id
        version, goes_on = since, True
        while goes_on:
            before = version
            answer = await self._fetch_page(login, CollectionState(name, version))
            if (reference := answer.child("snapshot")) is not None:  # patches that are old are not kept by themselves
                whole = CollectionState(name)
                await self._take_snapshot(login, whole, reference, keys)
                version = max(version, whole.version)
            patches = answer.child("patches")
            for node in patches.children("patch") if patches is not None else ():
                patch = await self._whole_patch(login, node)
                if patch.version.version > version:
                    self._learn(read_patch(name, patch, keys))
                    version = patch.version.version
            goes_on = answer.get("has_more_patches") == "true" and version > before
        self.read.note(name, since, version)

    def has_seen(self, value_mac: bytes) -> bool:
        """Whether a value with this MAC was among what the server gave out: then our upload of it was accepted."""
        return value_mac in self._seen

    async def newest_key(self) -> SyncKey:
        """The key to encrypt with.

        Raises:
            AppStateKeysMissing: the phone has not shared any.
            StoreError: the session database cannot be read.
        """
        key = (await self._stored_keys()).newest
        if key is None:
            raise AppStateKeysMissing("the phone has not sent the app-state keys yet")
        return key

    async def fetch(self, login: PassiveLogin, name: str) -> CollectionState:
        """Everything new of a collection, verified and taken over.

        When the stored state is not whole, or does not fit to the server's patches, it starts once more from nothing,
        with the server's snapshot: neonize's state may be broken, ours must not become so.

        Raises:
            AppStateKeyMissing: something was made with a key that the phone has not shared with us.
            AppStateUnreadable: the MACs do not fit, with the snapshot either.
            WhatsAppRefused, ConnectionLost, SideReplaced: from the request.
        """
        if name not in self._states:
            self._states[name] = await asyncio.to_thread(self._stored_state, name)
        before = self._states[name].version
        try:
            state = await self._fetch_all(login, self._states[name])
            self.read.note(name, before, state.version)
            return state
        except UnknownKeyError as error:
            raise _key_missing(name, error) from error
        except AppStateError as error:
            logger.warning("the stored app state does not fit to the server's, taking the snapshot: %s", error)
        try:
            state = await self._fetch_all(login, CollectionState(name))
        except UnknownKeyError as error:
            raise _key_missing(name, error) from error
        except AppStateError as error:
            raise AppStateUnreadable(f"the collection {name} cannot be verified", whatsapp_said=error) from error
        self._states[name] = state
        self.read.note(name, 0, state.version)
        return state

    def start_over(self, name: str) -> None:
        """Believe nothing of a collection any more: the next fetch takes the snapshot."""
        self._states[name] = CollectionState(name)

    async def upload(
        self, login: PassiveLogin, state: CollectionState, patch: server_sync.SyncdPatch
    ) -> Literal["accepted", "conflict"]:
        """Offer a patch that was built on ``state``.

        Patches that come with a conflict are not looked at: the fetch that has to follow in any case brings them too,
        and whether the server sends them is not known.

        Raises:
            WhatsAppRefused: refused for another reason than a conflict.
            ConnectionLost: it may or may not have been accepted.
        """
        attrs: dict[str, Attr] = {"name": state.name, "version": str(state.version), "return_snapshot": "false"}
        content = Node("collection", attrs, [Node("patch", {}, patch.SerializeToString())])
        answer = await self._request(login, state.name, content)
        if answer.get("type") != "error":
            return "accepted"
        error = answer.child("error")
        code, text = (error.get("code"), error.get("text")) if error is not None else ("", "")
        if code == "409":
            return "conflict"
        raise _refused(state.name, code, text)

    async def _fetch_all(self, login: PassiveLogin, state: CollectionState) -> CollectionState:
        keys = (await self._stored_keys()).by_id
        while True:
            before = state.version
            answer = await self._fetch_page(login, state)
            if (reference := answer.child("snapshot")) is not None:
                await self._take_snapshot(login, state, reference, keys)
            patches = answer.child("patches")
            for node in patches.children("patch") if patches is not None else ():
                await self._take_patch(login, state, node, keys)
            # The number of the newest version is not in every answer; a server that repeats itself must not hold us.
            if answer.get("has_more_patches") != "true" or state.version == before:
                return state

    async def _fetch_page(self, login: PassiveLogin, state: CollectionState) -> Node:
        attrs: dict[str, Attr] = {"name": state.name}
        if state.version:
            attrs["version"] = str(state.version)
        attrs["return_snapshot"] = "false" if state.version else "true"
        answer = await self._request(login, state.name, Node("collection", attrs))
        if answer.get("type") == "error":
            error = answer.child("error")
            code, text = (error.get("code"), error.get("text")) if error is not None else ("", "")
            raise _refused(state.name, code, text)
        return answer

    @staticmethod
    async def _request(login: PassiveLogin, name: str, collection: Node) -> Node:
        answer = await login.iq(_XMLNS, "set", [Node("sync", {}, [collection])])
        sync = answer.child("sync")
        for found in sync.children("collection") if sync is not None else ():
            if found.get("name") == name:
                return found
        raise WhatsAppRefused(f"WhatsApp's answer is not about the collection {name}")

    async def _take_snapshot(
        self, login: PassiveLogin, state: CollectionState, node: Node, keys: dict[bytes, SyncKey]
    ) -> None:
        reference = _parsed(server_sync.ExternalBlobReference(), node.data, "a snapshot's reference")
        content = await download(login, reference)
        snapshot = _parsed(server_sync.SyncdSnapshot(), content, "a snapshot")
        if snapshot.version.version < state.version:
            return
        # Decrypting thousands of records takes a noticeable part of a second.
        mutations = await asyncio.to_thread(state.load_snapshot, snapshot, keys)
        self._learn(mutations)

    async def _take_patch(
        self, login: PassiveLogin, state: CollectionState, node: Node, keys: dict[bytes, SyncKey]
    ) -> None:
        patch = await self._whole_patch(login, node)
        if patch.version.version > state.version:
            self._learn(state.apply_patch(patch, keys))

    @staticmethod
    async def _whole_patch(login: PassiveLogin, node: Node) -> server_sync.SyncdPatch:
        patch = _parsed(server_sync.SyncdPatch(), node.data, "a patch")
        if patch.HasField("externalMutations"):
            content = await download(login, patch.externalMutations)
            external = _parsed(server_sync.SyncdMutations(), content, "a patch's mutations")
            del patch.mutations[:]
            patch.mutations.extend(external.mutations)
        return patch

    def _learn(self, mutations: list[Mutation]) -> None:
        self.learned += mutations
        self._seen |= {mutation.value_mac for mutation in mutations}

    def _stored_state(self, name: str) -> CollectionState:
        """neonize's state, unless it is not whole: then nothing new from the server might show that, and a patch built
        on it would be a wrong one, for every device of the account."""
        state = self._database.collection(self._device, name)
        if state.is_consistent():
            return state
        logger.warning("the stored app state of %s is not whole, taking the snapshot", name)
        return CollectionState(name)

    async def _stored_keys(self) -> StoredKeys:
        if self._keys is None:
            self._keys = await asyncio.to_thread(self._database.keys, self._device)
        return self._keys


def _parsed(message: M, data: bytes, what: str) -> M:
    try:
        message.MergeFromString(data)
    except DecodeError:
        raise AppStateError(f"{what} cannot be read") from None
    return message


def _key_missing(name: str, error: UnknownKeyError) -> AppStateKeyMissing:
    return AppStateKeyMissing(
        f"a change in {name} was made with a key that the phone has not shared with this device yet",
        details={"key_id": error.key_id.hex()},
    )


def _refused(name: str, code: str, text: str) -> WhatsAppRefused:
    number = int(code) if code.isascii() and code.isdigit() else None
    answer = "an error" if number is None else f"error {number}"
    return WhatsAppRefused(
        f"WhatsApp answered {answer} for the collection {name}", error_code=number, whatsapp_said=text or None
    )

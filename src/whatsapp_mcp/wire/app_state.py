"""App state: stars, pins, labels and settings as encrypted, numbered patches of five collections.

A patch is a list of mutations; each sets or removes one entry, named by an index such as ``["star", chat, id, …]``.
Values are encrypted and authenticated with keys derived from a sync key, which the phone shares with linked devices;
a collection as a whole is authenticated by an additive hash ("LTHash") over the MACs of its current values. Nobody
but the account's own devices can read or forge a patch. Source: whatsmeow appstate/{keys,hash,encode,decode}.go,
appstate/lthash/lthash.go.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from google.protobuf.message import DecodeError

from whatsapp_mcp.wire import cbc
from whatsapp_mcp.wire.boundary import parse
from whatsapp_mcp.wire.keys import hkdf
from whatsapp_mcp.wire.protos import server_sync, sync_action

COLLECTIONS: Final = ("critical_block", "critical_unblock_low", "regular_high", "regular", "regular_low")

_MAC_SIZE: Final = 32
_HASH_SIZE: Final = 128
EMPTY_HASH: Final = bytes(_HASH_SIZE)
"""The hash of a collection without entries."""

_OPERATIONS: Final = {"set": server_sync.SyncdMutation.SET, "remove": server_sync.SyncdMutation.REMOVE}
_HIGH_BITS: Final = int.from_bytes(b"\x00\x80" * (_HASH_SIZE // 2), "little")
_LOW_BITS: Final = int.from_bytes(b"\xff\x7f" * (_HASH_SIZE // 2), "little")


class AppStateError(ValueError):
    """A patch or snapshot that cannot be taken over; the state is as it was before."""


class MacError(AppStateError):
    """A MAC does not fit: the data was altered, or the state that it builds on is not the one it was made for."""


class VersionGapError(AppStateError):
    """A patch that is not the next one."""


class UnknownKeyError(AppStateError):
    """The phone has not shared the key that a patch, snapshot or value was made with."""

    def __init__(self, key_id: bytes) -> None:
        super().__init__(f"the app-state key {key_id.hex()} is unknown here")
        self.key_id = key_id


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change, in clear. ``value`` is meaningless for a removal."""

    index: tuple[str, ...]
    version: int
    """Version of the action's format, fixed per kind of action."""
    value: sync_action.SyncActionValue
    operation: Literal["set", "remove"] = "set"
    index_mac: bytes = b""
    """The MACs are those of a mutation that was read."""
    value_mac: bytes = b""
    """Unlike any other value's, because each is encrypted with a fresh random vector."""


Entry = Mutation
"""The name of a mutation that is to be written."""


@dataclass(frozen=True, slots=True)
class _Expanded:
    index: bytes
    value: bytes
    value_mac: bytes
    snapshot_mac: bytes
    patch_mac: bytes


@dataclass(frozen=True)
class SyncKey:
    """An app-state key of an account: 6 bytes of id, 32 bytes of key, and when the phone made it."""

    id: bytes
    data: bytes = field(repr=False)
    created_ms: int

    @cached_property
    def expanded(self) -> _Expanded:
        """The five keys of 32 bytes that are really used (whatsmeow appstate/keys.go: expandAppStateKeys)."""
        keys = hkdf(self.data, 160, info=b"WhatsApp Mutation Keys")
        return _Expanded(*(keys[start : start + 32] for start in range(0, 160, 32)))


@dataclass(slots=True)
class CollectionState:
    """One collection after all patches so far. Its methods change it whole or not at all."""

    name: str
    version: int = 0
    hash: bytes = EMPTY_HASH
    value_macs: dict[bytes, bytes] = field(default_factory=dict)
    """MAC of an index -> MAC of its current value."""

    def apply_patch(self, patch: server_sync.SyncdPatch, keys: Mapping[bytes, SyncKey]) -> list[Mutation]:
        """Check and decrypt the next patch and take over what it says. External mutations must be in place.

        Raises:
            VersionGapError: it is not the next one.
            UnknownKeyError: it or one of its values was made with a key that is not in ``keys`` (by id).
            MacError: a MAC does not fit.
        """
        version = patch.version.version
        if version != self.version + 1:
            raise VersionGapError(f"{self.name}: patch {version} after version {self.version}")
        key = _key(keys, patch.keyID.ID)
        new_hash, macs = self._counted(patch.mutations)
        snapshot_mac = _snapshot_mac(key, new_hash, version, self.name)
        if not hmac.compare_digest(snapshot_mac, patch.snapshotMAC):
            raise MacError(f"{self.name}: the snapshot MAC of patch {version} is wrong")
        if not hmac.compare_digest(_patch_mac(key, patch, version, self.name), patch.patchMAC):
            raise MacError(f"{self.name}: the patch MAC of patch {version} is wrong")
        mutations = [_decrypt(raw.operation, raw.record, keys) for raw in patch.mutations]
        self.version, self.hash, self.value_macs = version, new_hash, macs
        return mutations

    def load_snapshot(self, snapshot: server_sync.SyncdSnapshot, keys: Mapping[bytes, SyncKey]) -> list[Mutation]:
        """Check and decrypt a snapshot, which replaces everything: one ``set`` per entry that exists.

        Raises:
            UnknownKeyError: see ``apply_patch``.
            MacError: see ``apply_patch``.
        """
        version = snapshot.version.version
        key = _key(keys, snapshot.keyID.ID)
        new_hash, macs = EMPTY_HASH, {}
        for record in snapshot.records:
            value_mac = record.value.blob[-_MAC_SIZE:]
            new_hash = lt_hash(new_hash, value_mac, 1)
            macs[record.index.blob] = value_mac
        if not hmac.compare_digest(_snapshot_mac(key, new_hash, version, self.name), snapshot.mac):
            raise MacError(f"{self.name}: the MAC of the snapshot at version {version} is wrong")
        mutations = [_decrypt(server_sync.SyncdMutation.SET, record, keys) for record in snapshot.records]
        self.version, self.hash, self.value_macs = version, new_hash, macs
        return mutations

    def is_consistent(self) -> bool:
        """Whether the hash is that of the value MACs: what was stored is whole. Takes some 20 µs per entry."""
        total = EMPTY_HASH
        for value_mac in self.value_macs.values():
            total = lt_hash(total, value_mac, 1)
        return hmac.compare_digest(total, self.hash)

    def build_patch(self, mutations: Iterable[Mutation], key: SyncKey) -> server_sync.SyncdPatch:
        """The patch that makes ``mutations`` the next version; the state itself is not changed.

        It has no version number: the server gives it one.

        Raises:
            ValueError: an index comes twice; devices disagree about what that means.
        """
        patch = server_sync.SyncdPatch()
        patch.keyID.ID = key.id
        patch.mutations.extend(_encrypt(mutation, key) for mutation in mutations)
        if len({raw.record.index.blob for raw in patch.mutations}) != len(patch.mutations):
            raise ValueError("an index comes twice in one patch")
        new_hash, _ = self._counted(patch.mutations)
        patch.snapshotMAC = _snapshot_mac(key, new_hash, self.version + 1, self.name)
        patch.patchMAC = _patch_mac(key, patch, self.version + 1, self.name)
        return patch

    def _counted(self, mutations: Iterable[server_sync.SyncdMutation]) -> tuple[bytes, dict[bytes, bytes]]:
        """Hash and value MACs after these mutations."""
        new_hash, macs = self.hash, dict(self.value_macs)
        for raw in mutations:
            index_mac, value_mac = raw.record.index.blob, raw.record.value.blob[-_MAC_SIZE:]
            previous = macs.pop(index_mac, None)
            if previous is not None:
                new_hash = lt_hash(new_hash, previous, -1)
            if raw.operation == server_sync.SyncdMutation.SET:
                macs[index_mac] = value_mac
                new_hash = lt_hash(new_hash, value_mac, 1)
        return new_hash, macs


def read_patch(name: str, patch: server_sync.SyncdPatch, keys: Mapping[bytes, SyncKey]) -> list[Mutation]:
    """Check and decrypt a patch of a collection that is not known as it was before: that one of the account's devices
    made it for this place is certain, and nothing may be built on it. External mutations must be in place.

    Raises:
        UnknownKeyError, MacError: see ``CollectionState.apply_patch``.
    """
    version = patch.version.version
    if not hmac.compare_digest(_patch_mac(_key(keys, patch.keyID.ID), patch, version, name), patch.patchMAC):
        raise MacError(f"{name}: the patch MAC of patch {version} is wrong")
    return [_decrypt(raw.operation, raw.record, keys) for raw in patch.mutations]


def lt_hash(current: bytes, value_mac: bytes, sign: Literal[1, -1]) -> bytes:
    """Add a value to a hash, or take it out: 64 little-endian 16-bit numbers, each modulo 65,536.

    All 64 at once, as one integer: the highest bit of each number is kept apart so that no carry crosses over.
    """
    old = int.from_bytes(current, "little")
    change = int.from_bytes(hkdf(value_mac, _HASH_SIZE, info=b"WhatsApp Patch Integrity"), "little")
    differ = (old ^ change) & _HIGH_BITS
    if sign > 0:
        total = ((old & _LOW_BITS) + (change & _LOW_BITS)) ^ differ
    else:
        total = ((old | _HIGH_BITS) - (change & _LOW_BITS)) ^ differ ^ _HIGH_BITS
    return total.to_bytes(_HASH_SIZE, "little")


def _key(keys: Mapping[bytes, SyncKey], key_id: bytes) -> SyncKey:
    key = keys.get(key_id)
    if key is None:
        raise UnknownKeyError(key_id)
    return key


def _encrypt(mutation: Mutation, key: SyncKey) -> server_sync.SyncdMutation:
    index = json.dumps(mutation.index, separators=(",", ":"), ensure_ascii=False).encode()
    action = sync_action.SyncActionData(index=index, value=mutation.value, padding=b"", version=mutation.version)
    iv = secrets.token_bytes(cbc.BLOCK)
    content = iv + cbc.encrypt(key.expanded.value, iv, action.SerializeToString())
    raw = server_sync.SyncdMutation(operation=_OPERATIONS[mutation.operation])
    raw.record.keyID.ID = key.id
    raw.record.index.blob = hmac.digest(key.expanded.index, index, "sha256")
    raw.record.value.blob = content + _content_mac(key, raw.operation, content)
    return raw


def _decrypt(operation: int, record: server_sync.SyncdRecord, keys: Mapping[bytes, SyncKey]) -> Mutation:
    key = _key(keys, record.keyID.ID)
    content, mac = record.value.blob[:-_MAC_SIZE], record.value.blob[-_MAC_SIZE:]
    if not hmac.compare_digest(mac, _content_mac(key, operation, content)):
        raise MacError("the MAC of a value is wrong")
    try:
        plain = cbc.decrypt(key.expanded.value, content[: cbc.BLOCK], content[cbc.BLOCK :])
        action = parse(sync_action.SyncActionData, plain)
        index = json.loads(action.index)
    except (ValueError, DecodeError):
        raise AppStateError("a value cannot be read") from None
    if not hmac.compare_digest(record.index.blob, hmac.digest(key.expanded.index, action.index, "sha256")):
        raise MacError("the MAC of an index is wrong")
    if not isinstance(index, list):
        raise AppStateError("an index is not a list")
    return Mutation(
        tuple(str(part) for part in index),
        action.version,
        action.value,
        "set" if operation == server_sync.SyncdMutation.SET else "remove",
        record.index.blob,
        mac,
    )


def _content_mac(key: SyncKey, operation: int, content: bytes) -> bytes:
    associated = bytes([operation + 1]) + key.id
    mac = hmac.new(key.expanded.value_mac, associated + content, hashlib.sha512)
    mac.update(len(associated).to_bytes(8, "big"))
    return mac.digest()[:_MAC_SIZE]


def _snapshot_mac(key: SyncKey, state_hash: bytes, version: int, name: str) -> bytes:
    content = state_hash + version.to_bytes(8, "big") + name.encode()
    return hmac.digest(key.expanded.snapshot_mac, content, "sha256")


def _patch_mac(key: SyncKey, patch: server_sync.SyncdPatch, version: int, name: str) -> bytes:
    value_macs = b"".join(raw.record.value.blob[-_MAC_SIZE:] for raw in patch.mutations)
    content = patch.snapshotMAC + value_macs + version.to_bytes(8, "big") + name.encode()
    return hmac.digest(key.expanded.patch_mac, content, "sha256")

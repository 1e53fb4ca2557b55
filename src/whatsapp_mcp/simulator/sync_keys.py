"""App state as a phone sees it: the key, and what the patches of the five collections say.

A patch is a list of mutations; each sets or removes one entry, named by an index such as ``["setting_pushName"]``.
Values are encrypted and authenticated with keys derived from the sync key; the state as a whole is authenticated by
an additive hash over all values ("LTHash"). Source: whatsmeow appstate/{keys,hash,encode,decode}.go,
appstate/lthash/lthash.go.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from whatsapp_mcp.wire.keys import hkdf
from whatsapp_mcp.wire.protos import e2e, server_sync, sync_action

__all__ = ["CollectionState", "Mutation", "PatchError", "SyncKey"]

_MAC_SIZE = 32
_HASH_SIZE = 128


class PatchError(ValueError):
    """A patch that does not decrypt or whose MACs are wrong."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One decrypted change. ``value`` is meaningless for a removal."""

    operation: Literal["set", "remove"]
    index: tuple[str, ...]
    value: sync_action.SyncActionValue
    version: int


@dataclass(frozen=True, slots=True)
class SyncKey:
    """An app-state key of an account: 6 bytes of id, 32 bytes of key."""

    id: bytes
    data: bytes
    created_ms: int

    @classmethod
    def generate(cls, now_ms: int) -> SyncKey:
        # The id is a device number (0, the phone) and a counter, both big-endian.
        return cls(b"\x00\x00" + (1 + secrets.randbelow(1 << 30)).to_bytes(4, "big"), secrets.token_bytes(32), now_ms)

    def share(self) -> e2e.Message:
        """The peer message that gives the key to a linked device."""
        message = e2e.Message()
        message.protocolMessage.type = e2e.ProtocolMessage.APP_STATE_SYNC_KEY_SHARE
        key = message.protocolMessage.appStateSyncKeyShare.keys.add()
        key.keyID.keyID = self.id
        key.keyData.keyData = self.data
        key.keyData.timestamp = self.created_ms
        key.keyData.fingerprint.rawID = int.from_bytes(self.id[2:], "big")
        key.keyData.fingerprint.currentIndex = 0
        key.keyData.fingerprint.deviceIndexes.append(0)
        return message

    @property
    def _expanded(self) -> bytes:
        return hkdf(self.data, 160, info=b"WhatsApp Mutation Keys")

    @property
    def index_key(self) -> bytes:
        return self._expanded[:32]

    @property
    def value_key(self) -> bytes:
        return self._expanded[32:64]

    @property
    def value_mac_key(self) -> bytes:
        return self._expanded[64:96]

    @property
    def snapshot_mac_key(self) -> bytes:
        return self._expanded[96:128]

    @property
    def patch_mac_key(self) -> bytes:
        return self._expanded[128:160]


@dataclass(slots=True)
class CollectionState:
    """One collection after all patches so far."""

    name: str
    version: int = 0
    hash: bytes = bytes(_HASH_SIZE)
    value_macs: dict[bytes, bytes] = field(default_factory=dict)
    """MAC of an index -> MAC of its current value."""
    entries: dict[tuple[str, ...], sync_action.SyncActionValue] = field(default_factory=dict)

    def apply(self, patch: bytes, key: SyncKey) -> list[Mutation]:
        """Decrypt and check the next patch and take over what it says.

        Raises:
            PatchError: wrong version, unknown key, or a MAC that does not fit. The state is unchanged.
        """
        message = server_sync.SyncdPatch.FromString(patch)
        version = message.version.version
        if version != self.version + 1:
            raise PatchError(f"{self.name}: patch {version} after version {self.version}")
        if key.id != message.keyID.ID:
            raise PatchError(f"{self.name}: patch {version} uses the unknown key {message.keyID.ID.hex()}")
        mutations = [_decrypt(mutation, key) for mutation in message.mutations]
        macs = dict(self.value_macs)
        new_hash = self.hash
        for raw in message.mutations:
            new_hash = _count(new_hash, macs, raw)
        value_macs = [raw.record.value.blob[-_MAC_SIZE:] for raw in message.mutations]
        snapshot_mac = _snapshot_mac(key, new_hash, version, self.name)
        if not hmac.compare_digest(snapshot_mac, message.snapshotMAC):
            raise PatchError(f"{self.name}: the snapshot MAC of patch {version} is wrong")
        if not hmac.compare_digest(_patch_mac(key, snapshot_mac, value_macs, version, self.name), message.patchMAC):
            raise PatchError(f"{self.name}: the patch MAC of patch {version} is wrong")
        self.version, self.hash, self.value_macs = version, new_hash, macs
        for mutation in mutations:
            if mutation.operation == "set":
                self.entries[mutation.index] = mutation.value
            else:
                self.entries.pop(mutation.index, None)
        return mutations

    def build(self, changes: Iterable[tuple[Sequence[str], int, sync_action.SyncActionValue]], key: SyncKey) -> bytes:
        """A serialised patch that sets entries: (index, version of the action, value) each. The state itself is not
        changed."""
        message = server_sync.SyncdPatch()
        message.keyID.ID = key.id
        macs, new_hash = dict(self.value_macs), self.hash
        for index, action_version, value in changes:
            raw = message.mutations.add()
            raw.CopyFrom(_encrypt(tuple(index), action_version, value, key))
            new_hash = _count(new_hash, macs, raw)
        version = self.version + 1
        message.version.version = version
        message.snapshotMAC = _snapshot_mac(key, new_hash, version, self.name)
        value_macs = [raw.record.value.blob[-_MAC_SIZE:] for raw in message.mutations]
        message.patchMAC = _patch_mac(key, message.snapshotMAC, value_macs, version, self.name)
        return message.SerializeToString()


def _count(current: bytes, macs: dict[bytes, bytes], raw: server_sync.SyncdMutation) -> bytes:
    """The collection's hash after one more mutation; ``macs`` is brought up to date."""
    index_mac, value_mac = raw.record.index.blob, raw.record.value.blob[-_MAC_SIZE:]
    previous = macs.pop(index_mac, None)
    if previous is not None:
        current = _lt_hash(current, previous, -1)
    if raw.operation == server_sync.SyncdMutation.SET:
        macs[index_mac] = value_mac
        current = _lt_hash(current, value_mac, 1)
    return current


def _lt_hash(current: bytes, value_mac: bytes, sign: int) -> bytes:
    """Add or subtract a value: 64 little-endian 16-bit numbers, each for itself."""
    change = hkdf(value_mac, _HASH_SIZE, info=b"WhatsApp Patch Integrity")
    sums = (
        (int.from_bytes(current[i : i + 2], "little") + sign * int.from_bytes(change[i : i + 2], "little")) & 0xFFFF
        for i in range(0, _HASH_SIZE, 2)
    )
    return b"".join(total.to_bytes(2, "little") for total in sums)


def _encrypt(
    index: tuple[str, ...], version: int, value: sync_action.SyncActionValue, key: SyncKey
) -> server_sync.SyncdMutation:
    name = json.dumps(list(index), separators=(",", ":"), ensure_ascii=False).encode()
    action = sync_action.SyncActionData(index=name, value=value, padding=b"", version=version)
    iv = secrets.token_bytes(16)
    padder = padding.PKCS7(128).padder()
    padded = padder.update(action.SerializeToString()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key.value_key), modes.CBC(iv)).encryptor()
    content = iv + encryptor.update(padded) + encryptor.finalize()
    raw = server_sync.SyncdMutation(operation=server_sync.SyncdMutation.SET)
    raw.record.keyID.ID = key.id
    raw.record.index.blob = hmac.digest(key.index_key, name, "sha256")
    raw.record.value.blob = content + _content_mac(key, raw.operation, content)
    return raw


def _decrypt(raw: server_sync.SyncdMutation, key: SyncKey) -> Mutation:
    content, mac = raw.record.value.blob[:-_MAC_SIZE], raw.record.value.blob[-_MAC_SIZE:]
    if (
        len(content) < 32
        or len(content) % 16
        or not hmac.compare_digest(mac, _content_mac(key, raw.operation, content))
    ):
        raise PatchError("the MAC of a mutation is wrong")
    decryptor = Cipher(algorithms.AES(key.value_key), modes.CBC(content[:16])).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    plain = unpadder.update(decryptor.update(content[16:]) + decryptor.finalize()) + unpadder.finalize()
    action = sync_action.SyncActionData.FromString(plain)
    if not hmac.compare_digest(raw.record.index.blob, hmac.digest(key.index_key, action.index, "sha256")):
        raise PatchError("the MAC of an index is wrong")
    operation: Literal["set", "remove"] = "set" if raw.operation == server_sync.SyncdMutation.SET else "remove"
    return Mutation(operation, tuple(json.loads(action.index)), action.value, action.version)


def _content_mac(key: SyncKey, operation: int, content: bytes) -> bytes:
    associated = bytes([operation + 1]) + key.id
    mac = hmac.new(key.value_mac_key, associated + content, hashlib.sha512)
    mac.update((len(associated)).to_bytes(8, "big"))
    return mac.digest()[:_MAC_SIZE]


def _snapshot_mac(key: SyncKey, state_hash: bytes, version: int, name: str) -> bytes:
    return hmac.digest(key.snapshot_mac_key, state_hash + version.to_bytes(8, "big") + name.encode(), "sha256")


def _patch_mac(key: SyncKey, snapshot_mac: bytes, value_macs: Iterable[bytes], version: int, name: str) -> bytes:
    content = snapshot_mac + b"".join(value_macs) + version.to_bytes(8, "big") + name.encode()
    return hmac.digest(key.patch_mac_key, content, "sha256")

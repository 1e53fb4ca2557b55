"""App state as a phone sees it: the key that it shares, and what the collections say. The bytes are the matter of
:mod:`whatsapp_mcp.wire.app_state`."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from whatsapp_mcp.wire import app_state
from whatsapp_mcp.wire.app_state import AppStateError as PatchError
from whatsapp_mcp.wire.app_state import Mutation, lt_hash
from whatsapp_mcp.wire.protos import e2e, server_sync, sync_action

__all__ = ["Mutation", "PatchError", "SimCollectionState", "SimSyncKey", "lt_hash"]


@dataclass(frozen=True)
class SimSyncKey(app_state.SyncKey):
    """An app-state key as the phone makes it."""

    @classmethod
    def generate(cls, now_ms: int) -> SimSyncKey:
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


@dataclass(slots=True)
class SimCollectionState(app_state.CollectionState):
    """One collection after all patches so far, with its entries in clear."""

    entries: dict[tuple[str, ...], sync_action.SyncActionValue] = field(default_factory=dict)

    def apply(self, patch: bytes, key: app_state.SyncKey) -> list[Mutation]:
        """Decrypt and check the next patch and take over what it says.

        Raises:
            PatchError: wrong version, unknown key, or a MAC that does not fit. The state is unchanged.
        """
        try:
            message = server_sync.SyncdPatch.FromString(patch)
        except DecodeError:
            raise PatchError(f"{self.name}: not a SyncdPatch") from None
        mutations = self.apply_patch(message, {key.id: key})
        for mutation in mutations:
            if mutation.operation == "set":
                self.entries[mutation.index] = mutation.value
            else:
                self.entries.pop(mutation.index, None)
        return mutations

    def build(
        self, changes: Iterable[tuple[Sequence[str], int, sync_action.SyncActionValue]], key: app_state.SyncKey
    ) -> bytes:
        """A serialised patch that sets entries: (index, version of the action, value) each. The state itself is not
        changed."""
        patch = self.build_patch((Mutation(tuple(index), version, value) for index, version, value in changes), key)
        patch.version.version = self.version + 1
        return patch.SerializeToString()

"""App-state crypto against pywhats 0.2.0, an independent implementation."""

from __future__ import annotations

import warnings
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.wire.test_app_state import INDEXES, KEY, KEYS, NEWER, extend, removal, snapshot_of

from whatsapp_mcp.wire.app_state import CollectionState, Mutation, SyncKey, lt_hash
from whatsapp_mcp.wire.protos import server_sync, sync_action

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pywhats.appstate.crypto import expand_app_state_keys
    from pywhats.appstate.keys import AppStateSyncKey, InMemoryAppStateKeyStore
    from pywhats.appstate.lthash import subtract_then_add
    from pywhats.appstate.patches import HashState, decode_patch, decode_snapshot
    from pywhats.proto import SyncdPatch, SyncdSnapshot

MACS = st.lists(st.binary(min_size=32, max_size=32), max_size=5)


PINNED = sync_action.SyncActionValue(timestamp=7, pinAction=sync_action.PinAction(pinned=True))


def key_store() -> Any:
    store: Any = InMemoryAppStateKeyStore()
    for key in KEYS.values():
        store.put(AppStateSyncKey(key.id, key.data, b"", 0))
    return store


@given(st.binary(min_size=32, max_size=32))
def test_keys_are_expanded_alike(data: bytes) -> None:
    ours, theirs = SyncKey(b"k", data, 0).expanded, expand_app_state_keys(data)
    assert (ours.index, ours.value, ours.value_mac, ours.snapshot_mac, ours.patch_mac) == (
        theirs.index,
        theirs.value_encryption,
        theirs.value_mac,
        theirs.snapshot_mac,
        theirs.patch_mac,
    )


@given(st.binary(min_size=128, max_size=128), MACS, MACS)
def test_the_hash_is_the_same(start: bytes, added: list[bytes], removed: list[bytes]) -> None:
    ours = start
    for mac in added:
        ours = lt_hash(ours, mac, 1)
    for mac in removed:
        ours = lt_hash(ours, mac, -1)
    assert ours == subtract_then_add(start, added=added, removed=removed)


@settings(max_examples=40)
@given(st.lists(st.lists(INDEXES.map(tuple), min_size=1, max_size=3, unique=True), min_size=1, max_size=5), st.data())
def test_they_read_our_patches_and_snapshots(patches: list[list[tuple[str, ...]]], data: st.DataObject) -> None:
    writer, store = CollectionState("regular_high"), key_store()
    state: Any = HashState()
    sent = []
    for indexes in patches:
        before = dict(writer.value_macs)
        key = data.draw(st.sampled_from([KEY, NEWER]))
        if data.draw(st.booleans()):
            patch = removal(writer, *indexes[0], key=key)
            writer.apply_patch(patch, KEYS)
            indexes = indexes[:1]
        else:
            patch = extend(writer, *(Mutation(index, 5, PINNED) for index in indexes), key=key)
        sent.append(patch)
        result: Any = decode_patch(
            SyncdPatch.FromString(patch.SerializeToString()),
            store,
            "regular_high",
            state,
            get_prev_value_mac=before.get,
        )
        state = result.state
        assert [tuple(mutation.index) for mutation in result.mutations] == indexes
        if patch.mutations[0].operation == server_sync.SyncdMutation.SET:
            assert all(mutation.action.pin_action.pinned for mutation in result.mutations)
            assert all((mutation.version, mutation.action.timestamp) == (5, 7) for mutation in result.mutations)
    assert (state.version, bytes(state.hash)) == (writer.version, writer.hash)
    snapshot = SyncdSnapshot.FromString(snapshot_of(sent).SerializeToString())
    whole: Any = decode_snapshot(snapshot, store, "regular_high")
    assert bytes(whole.state.hash) == writer.hash

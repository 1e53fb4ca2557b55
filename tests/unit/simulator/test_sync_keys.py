"""App-state patches: what one side builds the other reads, and an independent implementation agrees."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.simulator.people.sync_keys import PatchError, SimCollectionState, SimSyncKey, lt_hash
from whatsapp_mcp.wire.protos import server_sync, sync_action

KEY = SimSyncKey(b"\x00\x00\x00\x00\x00\x07", bytes(range(32)), 1_700_000_000_000)


def name(text: str) -> sync_action.SyncActionValue:
    return sync_action.SyncActionValue(pushNameSetting=sync_action.PushNameSetting(name=text))


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "ü"]), st.text(max_size=20)), min_size=1, max_size=6))
def test_a_reader_ends_up_with_what_the_writer_set(changes: list[tuple[str, str]]) -> None:
    writer, reader = SimCollectionState("regular"), SimCollectionState("regular")
    for index, text in changes:
        patch = writer.build([([index], 1, name(text))], KEY)
        writer.apply(patch, KEY)
        (mutation,) = reader.apply(patch, KEY)
        assert (mutation.index, mutation.value.pushNameSetting.name) == ((index,), text)
    assert {index[0]: value.pushNameSetting.name for index, value in reader.entries.items()} == dict(changes)
    assert reader.version == len(changes)


def test_the_hash_of_a_collection_does_not_depend_on_its_history() -> None:
    state = SimCollectionState("regular")
    for text in ("one", "two", "three"):
        state.apply(state.build([(["a"], 1, name(text))], KEY), KEY)
    remaining = SimCollectionState("regular", version=2)
    # The same value again, as encrypted: the hash counts the value's MAC, not what was there before.
    (value_mac,) = state.value_macs.values()
    assert state.hash == lt_hash(remaining.hash, value_mac, 1)


@pytest.mark.parametrize("field", ["snapshotMAC", "patchMAC", "value", "index"])
def test_altered_patches_are_refused_and_change_nothing(field: str) -> None:
    state = SimCollectionState("regular")
    patch = server_sync.SyncdPatch.FromString(state.build([(["a"], 1, name("x"))], KEY))
    if field in ("value", "index"):
        record = getattr(patch.mutations[0].record, field)
        record.blob = bytes([record.blob[0] ^ 1]) + record.blob[1:]
    else:
        setattr(patch, field, bytes(32))
    with pytest.raises(PatchError):
        state.apply(patch.SerializeToString(), KEY)
    assert (state.version, state.entries, state.hash) == (0, {}, bytes(128))


@pytest.mark.filterwarnings("ignore::DeprecationWarning:pywhats")
def test_pywhats_reads_our_patches() -> None:
    from pywhats.appstate.keys import AppStateSyncKey, InMemoryAppStateKeyStore
    from pywhats.appstate.patches import HashState, decode_patch
    from pywhats.proto import SyncdPatch

    keys: Any = InMemoryAppStateKeyStore()
    keys.put(AppStateSyncKey(KEY.id, KEY.data, b"", 0))
    writer = SimCollectionState("critical_block")
    state: Any = HashState()
    for text in ("Robin", "Robin 2"):
        patch = writer.build([(["setting_pushName"], 1, name(text))], KEY)
        before = dict(writer.value_macs)
        writer.apply(patch, KEY)
        result: Any = decode_patch(
            SyncdPatch.FromString(patch), keys, "critical_block", state, get_prev_value_mac=before.get
        )
        state = result.state
        assert result.mutations[0].index == ["setting_pushName"]
    assert bytes(state.hash) == writer.hash

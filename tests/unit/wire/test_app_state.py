"""App-state crypto: what one device writes another reads, and whatever was altered is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatsapp_mcp.wire.app_state import (
    EMPTY_HASH,
    AppStateError,
    CollectionState,
    MacError,
    Mutation,
    SyncKey,
    UnknownKeyError,
    VersionGapError,
    lt_hash,
)
from whatsapp_mcp.wire.protos import server_sync, sync_action

KEY = SyncKey(b"\0\0\0\0\0\7", bytes(range(32)), 1)
NEWER = SyncKey(b"\0\0\0\0\0\x08", bytes(range(1, 33)), 2)
KEYS = {KEY.id: KEY, NEWER.id: NEWER}
HASHES = st.binary(min_size=128, max_size=128)
MACS = st.binary(min_size=32, max_size=32)
INDEXES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=4)


def starred(timestamp: int = 1) -> sync_action.SyncActionValue:
    return sync_action.SyncActionValue(timestamp=timestamp, starAction=sync_action.StarAction(starred=True))


def entry(*index: str) -> Mutation:
    return Mutation(index, 2, starred())


def numbered(patch: server_sync.SyncdPatch, version: int) -> server_sync.SyncdPatch:
    """As the server gives it out: with its version."""
    copy = server_sync.SyncdPatch()
    copy.CopyFrom(patch)
    copy.version.version = version
    return copy


def extend(state: CollectionState, *mutations: Mutation, key: SyncKey = KEY) -> server_sync.SyncdPatch:
    patch = numbered(state.build_patch(mutations, key), state.version + 1)
    state.apply_patch(patch, KEYS)
    return patch


def removal(state: CollectionState, *index: str, key: SyncKey = KEY) -> server_sync.SyncdPatch:
    """A patch that removes an entry. We never send one; phones do."""
    return numbered(state.build_patch([Mutation(index, 2, starred(), "remove")], key), state.version + 1)


def snapshot_of(patches: list[server_sync.SyncdPatch]) -> server_sync.SyncdSnapshot:
    """What a server makes of the patches: the last record of each index."""
    records: dict[bytes, server_sync.SyncdRecord] = {}
    for patch in patches:
        for raw in patch.mutations:
            records.pop(raw.record.index.blob, None)
            if raw.operation == server_sync.SyncdMutation.SET:
                records[raw.record.index.blob] = raw.record
    snapshot = server_sync.SyncdSnapshot(records=records.values(), mac=patches[-1].snapshotMAC)
    snapshot.version.version = patches[-1].version.version
    snapshot.keyID.ID = patches[-1].keyID.ID
    return snapshot


def slow_lt_hash(current: bytes, change: bytes, sign: int) -> bytes:
    words = zip(
        (current[i : i + 2] for i in range(0, 128, 2)), (change[i : i + 2] for i in range(0, 128, 2)), strict=True
    )
    sums = ((int.from_bytes(a, "little") + sign * int.from_bytes(b, "little")) % 65536 for a, b in words)
    return b"".join(total.to_bytes(2, "little") for total in sums)


@given(HASHES, MACS, st.sampled_from([1, -1]))
def test_the_hash_adds_64_numbers_each_for_itself(current: bytes, mac: bytes, sign: int) -> None:
    from whatsapp_mcp.wire.keys import hkdf

    change = hkdf(mac, 128, info=b"WhatsApp Patch Integrity")
    assert lt_hash(current, mac, 1 if sign > 0 else -1) == slow_lt_hash(current, change, sign)


@given(HASHES, MACS, MACS)
def test_the_hash_forgets_the_order_and_what_was_taken_out(current: bytes, one: bytes, two: bytes) -> None:
    both = lt_hash(lt_hash(current, one, 1), two, 1)
    assert both == lt_hash(lt_hash(current, two, 1), one, 1)
    assert lt_hash(lt_hash(both, one, -1), two, -1) == current


@settings(max_examples=50)
@given(st.lists(st.lists(INDEXES.map(tuple), min_size=1, max_size=4, unique=True), max_size=6), st.data())
def test_every_reader_ends_up_with_the_same_state(patches: list[list[tuple[str, ...]]], data: st.DataObject) -> None:
    writer, reader, late = (CollectionState("regular_high") for _ in range(3))
    sent = []
    for indexes in patches:
        key = data.draw(st.sampled_from([KEY, NEWER]))
        patch = extend(writer, *(Mutation(index, 2, starred()) for index in indexes), key=key)
        got = reader.apply_patch(patch, KEYS)
        assert [mutation.index for mutation in got] == indexes
        assert all(mutation.value.starAction.starred and mutation.version == 2 for mutation in got)
        sent.append(patch)
    assert (reader.version, reader.hash, reader.value_macs) == (writer.version, writer.hash, writer.value_macs)
    if sent:
        late.load_snapshot(snapshot_of(sent), KEYS)
        assert (late.version, late.hash, late.value_macs) == (writer.version, writer.hash, writer.value_macs)
        extend(late, entry("after", "the snapshot"))


def test_what_is_missing_from_a_stored_state_shows() -> None:
    state = CollectionState("regular")
    assert state.is_consistent()
    extend(state, entry("a"), entry("b"))
    extend(state, entry("a"))
    assert state.is_consistent()
    state.value_macs.popitem()
    assert not state.is_consistent()


def test_a_removed_entry_leaves_no_trace() -> None:
    state = CollectionState("regular")
    extend(state, entry("kept"))
    before = state.hash
    extend(state, entry("gone"))
    (mutation,) = state.apply_patch(removal(state, "gone"), KEYS)
    assert (mutation.operation, mutation.index) == ("remove", ("gone",))
    assert state.hash == before
    assert state.version == 3
    state.apply_patch(removal(state, "never there"), KEYS)
    assert state.hash == before


def test_an_entry_set_again_replaces_its_value() -> None:
    state = CollectionState("regular")
    for _ in range(3):
        extend(state, entry("a"))
    (value_mac,) = state.value_macs.values()
    assert state.hash == lt_hash(EMPTY_HASH, value_mac, 1)


def test_an_index_comes_once_in_a_patch() -> None:
    with pytest.raises(ValueError, match="twice"):
        CollectionState("regular").build_patch([entry("a"), entry("a")], KEY)


def flip(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def _spoil_value(patch: server_sync.SyncdPatch) -> None:
    patch.mutations[0].record.value.blob = flip(patch.mutations[0].record.value.blob)


def _spoil_value_mac(patch: server_sync.SyncdPatch) -> None:
    blob = patch.mutations[0].record.value.blob
    patch.mutations[0].record.value.blob = blob[:-1] + bytes([blob[-1] ^ 1])


def _spoil_index(patch: server_sync.SyncdPatch) -> None:
    patch.mutations[0].record.index.blob = flip(patch.mutations[0].record.index.blob)


def _spoil_operation(patch: server_sync.SyncdPatch) -> None:
    patch.mutations[0].operation = server_sync.SyncdMutation.REMOVE


def _spoil_snapshot_mac(patch: server_sync.SyncdPatch) -> None:
    patch.snapshotMAC = flip(patch.snapshotMAC)


def _spoil_patch_mac(patch: server_sync.SyncdPatch) -> None:
    patch.patchMAC = flip(patch.patchMAC)


def _drop_a_mutation(patch: server_sync.SyncdPatch) -> None:
    del patch.mutations[1]


def _empty_value(patch: server_sync.SyncdPatch) -> None:
    patch.mutations[0].record.value.blob = b""


@pytest.mark.parametrize(
    "spoil",
    [
        _spoil_value,
        _spoil_value_mac,
        _spoil_index,
        _spoil_operation,
        _spoil_snapshot_mac,
        _spoil_patch_mac,
        _drop_a_mutation,
        _empty_value,
    ],
)
def test_an_altered_patch_is_refused_and_changes_nothing(spoil: Callable[[server_sync.SyncdPatch], None]) -> None:
    state = CollectionState("regular")
    extend(state, entry("before"))
    before = (state.version, state.hash, dict(state.value_macs))
    patch = numbered(state.build_patch([entry("a"), entry("b")], KEY), 2)
    spoil(patch)
    with pytest.raises(MacError):
        state.apply_patch(patch, KEYS)
    assert (state.version, state.hash, state.value_macs) == before


def test_a_patch_for_another_collection_or_version_is_refused() -> None:
    patch = numbered(CollectionState("regular").build_patch([entry("a")], KEY), 1)
    with pytest.raises(MacError):
        CollectionState("regular_low").apply_patch(patch, KEYS)
    with pytest.raises(VersionGapError):
        CollectionState("regular", version=1).apply_patch(patch, KEYS)
    with pytest.raises(VersionGapError):
        CollectionState("regular").apply_patch(numbered(patch, 2), KEYS)


def test_an_unknown_key_is_named() -> None:
    state = CollectionState("regular")
    patch = numbered(state.build_patch([entry("a")], NEWER), 1)
    with pytest.raises(UnknownKeyError) as caught:
        state.apply_patch(patch, {KEY.id: KEY})
    assert caught.value.key_id == NEWER.id
    patches = [extend(state, entry("a"), key=NEWER), extend(state, entry("b"))]
    with pytest.raises(UnknownKeyError):
        CollectionState("regular").load_snapshot(snapshot_of(patches), {KEY.id: KEY})


def test_an_altered_snapshot_is_refused_and_changes_nothing() -> None:
    state = CollectionState("regular")
    good = snapshot_of([extend(state, entry("a")), extend(state, entry("b"))])
    for spoil in ("mac", "record", "version"):
        snapshot = server_sync.SyncdSnapshot()
        snapshot.CopyFrom(good)
        if spoil == "mac":
            snapshot.mac = flip(snapshot.mac)
        elif spoil == "record":
            del snapshot.records[0]
        else:
            snapshot.version.version += 1
        fresh = CollectionState("regular")
        with pytest.raises(AppStateError):
            fresh.load_snapshot(snapshot, KEYS)
        assert (fresh.version, fresh.hash, fresh.value_macs) == (0, EMPTY_HASH, {})


def test_a_key_is_not_shown() -> None:
    assert KEY.data.hex() not in repr(KEY)
    assert repr(KEY.data) not in repr(KEY)

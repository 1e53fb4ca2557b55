"""Changing the app state against a server that has newer patches, loses answers, pages, and sends snapshots."""

from __future__ import annotations

import random

import pytest

from tests.unit.side_login.linked import Linked
from whatsapp_mcp.errors import (
    AppStateConflict,
    AppStateKeyMissing,
    AppStateUnreadable,
    WhatsAppRefused,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged, ChatLabelled, LabelChanged, MessageStarred
from whatsapp_mcp.simulator.people.chat_settings import ChatSettings
from whatsapp_mcp.simulator.people.sync_keys import SimCollectionState, SimSyncKey
from whatsapp_mcp.simulator.state.accounts import Collection, SimDevice
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.protos import server_sync, sync_action

ANA = Jid("12025550111", "s.whatsapp.net")
STAR = MessageStarred(ANA, "M1", from_me=True, starred=True)


def stars(side: Linked) -> set[str]:
    """The starred messages as the phone has them."""
    entries = side.simulator.phone._collection("regular_high").entries
    return {index[2] for index, value in entries.items() if index[0] == "star" and value.starAction.starred}


def phone(side: Linked) -> ChatSettings:
    return ChatSettings(side.simulator.phone)


def version(side: Linked, name: str = "regular_high") -> int:
    return side.simulator.phone.account.collections[name].version


async def test_the_phone_sees_the_star(side: Linked) -> None:
    before = side.database_path.read_bytes()
    await side.change(STAR)
    assert stars(side) == {"M1"}
    (change,) = side.learned
    assert isinstance(change, MessageStarred) and change.starred and change.message_id == "M1"
    assert side.database_path.read_bytes() == before, "nothing is written back"


async def test_the_phones_own_changes_are_learned_on_the_way(side: Linked) -> None:
    phone(side).star(ANA, "old")
    side.sync("regular_high")
    phone(side).star(ANA, "new", author=None)
    phone(side).mute(ANA, until_ms=-1)
    await side.change(STAR)
    assert [type(change).__name__ for change in side.learned] == ["MessageStarred", "ChatChanged", "MessageStarred"]
    assert side.learned[1] == ChatChanged(ANA, muted_until=-1)
    assert stars(side) == {"old", "new", "M1"}


async def test_several_collections_in_one_call(side: Linked) -> None:
    await side.change(
        LabelChanged("1", "new", color=2), ChatLabelled("1", ANA, labelled=True), ChatChanged(ANA, archived=True), STAR
    )
    assert {type(change) for change in side.learned} == {LabelChanged, ChatLabelled, ChatChanged, MessageStarred}
    assert [version(side, name) for name in ("regular", "regular_low", "regular_high")] == [1, 1, 1]
    patches = {mutation.index[0] for mutation in side.simulator.phone.patches}
    assert {"label_edit", "label_jid", "archive", "pin_v1", "star"} <= patches


async def test_opposite_changes_keep_their_order(side: Linked) -> None:
    await side.change(ChatChanged(ANA, pinned=True), ChatChanged(ANA, pinned=False), ChatChanged(ANA, pinned=True))
    said = [mutation.value.pinAction.pinned for mutation in side.simulator.phone.patches]
    assert said == [True, False, True]


@pytest.mark.parametrize("with_patches", [True, False])
@pytest.mark.parametrize("conflicts", [1, 2, 3])
async def test_conflicts_are_merged(side: Linked, conflicts: int, with_patches: bool) -> None:
    switches = side.simulator.app_state.switches
    switches.conflict_with_patches = with_patches
    left = conflicts

    def be_faster(author: SimDevice, name: str) -> None:
        nonlocal left
        if left:
            left -= 1
            phone(side).star(ANA, f"phone {left}")

    switches.before_upload.append(be_faster)
    await side.change(STAR)
    assert stars(side) == {"M1", *(f"phone {number}" for number in range(conflicts))}
    assert len(side.learned) == conflicts + 1
    assert version(side) == conflicts + 1


async def test_a_storm_of_conflicts_is_given_up_and_nothing_is_broken(side: Linked) -> None:
    count = 0

    def be_faster(author: SimDevice, name: str) -> None:
        nonlocal count
        count += 1
        phone(side).star(ANA, f"phone {count}")

    side.simulator.app_state.switches.before_upload.append(be_faster)
    with pytest.raises(AppStateConflict):
        await side.change(STAR)
    assert count == 4
    assert len(side.learned) == 4, "what the phone did meanwhile is not forgotten"
    side.simulator.app_state.switches.before_upload.clear()
    await side.change(STAR)
    assert "M1" in stars(side)


@pytest.mark.parametrize("lost", [1, 2])
async def test_a_lost_answer_is_resolved_by_looking(side: Linked, lost: int) -> None:
    side.simulator.app_state.switches.lose_answers = lost
    await side.change(STAR, ChatChanged(ANA, pinned=True))
    assert (version(side), version(side, "regular_low")) == (1, 1), "not repeated"
    assert len(side.learned) == 2


async def test_a_lost_answer_and_a_faster_phone(side: Linked) -> None:
    """The phone takes the star away again before we look: our patch was accepted all the same."""
    side.simulator.app_state.switches.lose_answers = 1
    side.simulator.app_state.on_patch.append(
        lambda author, name, patch: phone(side).star(ANA, "M1", from_me=True, starred=False)
    )
    await side.change(STAR)
    assert stars(side) == set()
    assert version(side) == 2


async def test_many_pages(side: Linked) -> None:
    for number in range(9):
        phone(side).star(ANA, f"P{number}")
    side.sync("regular_high")
    for number in range(9):
        phone(side).star(ANA, f"Q{number}")
    side.simulator.app_state.switches.patches_per_answer = 2
    side.simulator.app_state.switches.tells_version = False
    await side.change(STAR)
    assert len(side.learned) == 10
    assert len(stars(side)) == 19


async def test_patches_that_are_known_already_are_ignored(side: Linked) -> None:
    """A server that gives out more than it was asked for."""
    for number in range(4):
        phone(side).star(ANA, f"P{number}")
    side.sync("regular_high")
    phone(side).star(ANA, "new")
    newer = side.simulator.app_state._newer

    def older_too(name: str, collection: Collection, version: int, *, snapshot: bool) -> Node:
        return newer(name, collection, max(0, version - 2), snapshot=snapshot)

    side.simulator.app_state._newer = older_too  # type: ignore[method-assign]
    await side.change(STAR)
    assert [change.message_id for change in side.learned if isinstance(change, MessageStarred)] == ["new", "M1"]


@pytest.mark.parametrize("snapshots", [True, False])
async def test_a_collection_that_neonize_does_not_have(side: Linked, snapshots: bool) -> None:
    for number in range(6):
        phone(side).star(ANA, f"P{number}")
    phone(side).star(ANA, "P0", starred=False)
    side.simulator.app_state.switches.snapshots = snapshots
    await side.change(STAR)
    assert stars(side) == {"M1", *(f"P{number}" for number in range(1, 6))}
    assert side.simulator.app_state_files.downloads == int(snapshots)
    last = {change.message_id: change.starred for change in side.learned if isinstance(change, MessageStarred)}
    assert last == {"M1": True, "P0": False} | {f"P{number}": True for number in range(1, 6)}


async def test_mutations_of_a_large_patch_come_as_a_file(side: Linked) -> None:
    side.simulator.app_state.switches.external_mutations_from = 3
    await side.change(*(MessageStarred(ANA, f"L{number}", from_me=True, starred=True) for number in range(5)))
    assert side.simulator.app_state_files.downloads >= 1
    assert len(stars(side)) == 5


async def test_a_spoiled_snapshot_is_not_believed(side: Linked) -> None:
    for number in range(6):
        phone(side).star(ANA, f"P{number}")
    files = side.simulator.app_state_files
    put_snapshot = files.put_snapshot

    def put_and_spoil(patches: list[bytes]) -> bytes:
        reference = put_snapshot(patches)
        files.spoil()
        return reference

    files.put_snapshot = put_and_spoil  # type: ignore[method-assign, assignment]
    with pytest.raises(AppStateUnreadable, match="unusable"):
        await side.change(STAR)
    assert version(side) == 6, "nothing was uploaded"


async def test_a_file_that_is_gone_is_said(side: Linked) -> None:
    for number in range(6):
        phone(side).star(ANA, f"P{number}")
    files = side.simulator.app_state_files
    put_snapshot = files.put_snapshot

    def put_and_forget(patches: list[bytes]) -> bytes:
        reference = put_snapshot(patches)
        files.forget()
        return reference

    files.put_snapshot = put_and_forget  # type: ignore[method-assign, assignment]
    with pytest.raises(AppStateUnreadable, match="404"):
        await side.change(STAR)


@pytest.mark.parametrize("quiet", [True, False])
async def test_a_broken_stored_state_is_left_alone_and_the_snapshot_taken(side: Linked, quiet: bool) -> None:
    """Also when the server has nothing new that would show it."""
    for number in range(6):
        phone(side).star(ANA, f"P{number}")
    side.sync("regular_high")
    side.execute("UPDATE whatsmeow_app_state_version SET hash = ?", bytes(range(128)))
    if not quiet:
        phone(side).star(ANA, "after")
    before = side.database_path.read_bytes()
    await side.change(STAR)
    assert "M1" in stars(side)
    assert side.database_path.read_bytes() == before


async def test_missing_mac_rows_are_noticed_too(side: Linked) -> None:
    for number in range(6):
        phone(side).star(ANA, f"P{number}")
    side.sync("regular_high")
    side.execute("DELETE FROM whatsmeow_app_state_mutation_macs")
    phone(side).star(ANA, "P0", starred=False)
    await side.change(STAR)
    assert stars(side) == {"M1", *(f"P{number}" for number in range(1, 6))}


async def test_a_stored_state_that_the_server_does_not_know(side: Linked) -> None:
    """A conflict for ever, if one went on believing the stored version."""
    for number in range(6):
        phone(side).star(ANA, f"P{number}")
    side.sync("regular_high")
    account = side.simulator.phone.account
    phone_state, kept = SimCollectionState("regular_high"), account.collections["regular_high"].patches[:4]
    account.collections["regular_high"].patches = []
    side.simulator.phone._collections["regular_high"] = phone_state
    for patch in kept:
        phone_state.apply(patch, side.phone_key)
        account.collections["regular_high"].patches.append(patch)
    await side.change(STAR)
    assert "M1" in stars(side)
    assert version(side) == 5


async def test_a_state_that_cannot_be_verified_at_all_is_not_built_on(side: Linked) -> None:
    phone(side).star(ANA, "P0")
    patches = side.simulator.phone.account.collections["regular_high"].patches
    patch = server_sync.SyncdPatch.FromString(patches[0])
    patch.patchMAC = bytes(32)
    patches[0] = patch.SerializeToString()
    with pytest.raises(AppStateUnreadable):
        await side.change(STAR)
    assert len(patches) == 1


async def test_an_unknown_key_stops_only_its_collection(side: Linked) -> None:
    strange = SimSyncKey.generate(side.phone_key.created_ms + 1)
    value = sync_action.SyncActionValue(starAction=sync_action.StarAction(starred=True))
    patch = SimCollectionState("regular_high").build([(["star", str(ANA), "X", "1", "0"], 2, value)], strange)
    side.simulator.app_state.append(side.simulator.phone.account, "regular_high", patch)
    with pytest.raises(AppStateKeyMissing) as missing:
        await side.change(STAR)
    assert missing.value.details == {"key_id": strange.id.hex()}
    assert version(side) == 1, "nothing was uploaded"
    await side.change(ChatChanged(ANA, pinned=True))
    side.store_key(strange)
    await side.change(STAR)
    assert version(side) == 2


async def test_the_newest_key_is_used(side: Linked) -> None:
    newer = SimSyncKey.generate(side.phone_key.created_ms + 1)
    side.store_key(newer)
    phone(side).star(ANA, "with the old key")
    await side.change(STAR)
    ours = server_sync.SyncdPatch.FromString(side.simulator.phone.account.collections["regular_high"].patches[-1])
    assert newer.id == ours.keyID.ID


async def test_an_error_of_the_server_is_passed_on(side: Linked) -> None:
    side.simulator.faults.fail_iq("w:sync:app:state", 403, "forbidden")
    with pytest.raises(WhatsAppRefused, match="403"):
        await side.change(STAR)


@pytest.mark.parametrize("seed", range(6))
async def test_random_runs_end_in_agreement(side: Linked, seed: int) -> None:
    """Logins with conflicts, lost answers, paging, snapshots and a phone that is busy all the time; neonize syncs now
    and then. In the end the phone has what was said last, and everybody's hash is the same."""
    dice = random.Random(seed)
    switches = side.simulator.app_state.switches
    expected: dict[str, bool] = {}

    def be_busy(author: SimDevice, name: str) -> None:
        if dice.random() < 0.35 and name == "regular_high":
            star_on_phone()

    def star_on_phone() -> None:
        message, starred = f"M{dice.randrange(8)}", dice.random() < 0.6
        phone(side).star(ANA, message, from_me=True, starred=starred)
        expected[message] = starred

    def note(author: SimDevice, name: str, patch: bytes) -> None:
        if author is side.device:
            expected.update(pending)

    switches.before_upload.append(be_busy)
    side.simulator.app_state.on_patch.append(note)
    for _ in range(12):
        switches.patches_per_answer = dice.choice([1, 3, 100])
        switches.snapshots = dice.random() < 0.7
        switches.conflict_with_patches = dice.random() < 0.5
        switches.tells_version = dice.random() < 0.5
        switches.lose_answers = dice.choice([0, 0, 0, 1, 2])
        if dice.random() < 0.3:
            side.sync("regular_high")
        for _ in range(dice.randrange(3)):
            star_on_phone()
        pending = {f"M{dice.randrange(8)}": dice.random() < 0.6 for _ in range(dice.randrange(1, 4))}
        try:
            await side.change(
                *(MessageStarred(ANA, message, from_me=True, starred=starred) for message, starred in pending.items())
            )
        except AppStateConflict:
            continue
    assert stars(side) == {message for message, starred in expected.items() if starred}
    on_phone = side.simulator.phone._collection("regular_high")
    synced = side.sync("regular_high")
    assert (synced.version, synced.hash) == (on_phone.version, on_phone.hash)

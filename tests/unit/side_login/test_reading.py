"""Reading what the phone changed a while ago: neonize has taken it in, and nobody has told us."""

from __future__ import annotations

import pytest

from tests.unit.side_login.linked import Linked
from whatsapp_mcp.errors import AppStateUnreadable
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import LabelChanged, MessageStarred
from whatsapp_mcp.simulator.people.chat_settings import ChatSettings
from whatsapp_mcp.wire.protos import server_sync

ANA = Jid("12025550111", "s.whatsapp.net")


def starred(side: Linked) -> list[str]:
    """Ids of what was learned, in order."""
    return [change.message_id for change in side.learned if isinstance(change, MessageStarred)]


async def test_what_came_after_a_version(side: Linked) -> None:
    phone = ChatSettings(side.simulator.phone)
    for number in range(6):
        phone.star(ANA, f"P{number}")
    phone.edit_label("7", "Customers")
    side.sync("regular_high")
    side.sync("regular")
    side.simulator.app_state.switches.patches_per_answer = 2
    before = side.database_path.read_bytes()
    await side.read_after(regular_high=2, regular=0)
    assert starred(side) == ["P2", "P3", "P4", "P5"]
    assert [change.label_id for change in side.learned if isinstance(change, LabelChanged)] == ["7"]
    assert side.read == ({"regular_high": 2, "regular": 0}, {"regular_high": 6, "regular": 1})
    assert side.database_path.read_bytes() == before
    assert not side.simulator.phone.patches, "nothing was changed"


@pytest.mark.parametrize("snapshots", [True, False])
async def test_what_is_old_comes_as_a_snapshot(side: Linked, snapshots: bool) -> None:
    phone = ChatSettings(side.simulator.phone)
    for number in range(6):
        phone.star(ANA, f"P{number}")
    side.sync("regular_high")
    side.simulator.app_state.switches.snapshots = snapshots
    await side.read_after(regular_high=0)
    assert sorted(starred(side)) == [f"P{number}" for number in range(6)]
    assert side.simulator.app_state_files.downloads == int(snapshots)
    assert side.read == ({"regular_high": 0}, {"regular_high": 6})


async def test_what_none_of_our_devices_made_is_not_believed(side: Linked) -> None:
    phone = ChatSettings(side.simulator.phone)
    for number in range(3):
        phone.star(ANA, f"P{number}")
    side.sync("regular_high")
    patches = side.simulator.phone.account.collections["regular_high"].patches
    forged = server_sync.SyncdPatch.FromString(patches[2])
    forged.patchMAC = bytes(32)
    patches[2] = forged.SerializeToString()
    with pytest.raises(AppStateUnreadable):
        await side.read_after(regular_high=1)
    assert side.read == ({}, {})


async def test_a_patch_that_is_missing_keeps_back_no_other(side: Linked) -> None:
    """Nothing is built on what is read."""
    phone = ChatSettings(side.simulator.phone)
    for number in range(4):
        phone.star(ANA, f"P{number}")
    side.sync("regular_high")
    del side.simulator.phone.account.collections["regular_high"].patches[2]
    await side.read_after(regular_high=1)
    assert starred(side)[0] == "P1"
    assert side.read[0] == {"regular_high": 1}

"""Members that WhatsApp names by LID are shown by the number that the store knows."""

from __future__ import annotations

from tests.unit.operations.bench import Bench
from tests.unit.operations.fakes import ANA, ANA_LID, NOW, TEAM
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Group, GroupMember, JoinRequest

STRANGER = Jid("100000000000777", "lid")
GROUP = Group(jid=TEAM, name="Team", owner=ANA_LID, members=(GroupMember(jid=ANA_LID), GroupMember(jid=STRANGER)))


async def test_participants(bench: Bench) -> None:
    bench.session.answers["get_group"] = GROUP
    rows = (await bench.run("getGroupParticipants", group_id=str(TEAM)))["data"]
    assert [(row["jid"], row.get("name")) for row in rows] == [(str(ANA), "Ana"), (str(STRANGER), None)]
    info = await bench.run("groupInfo", group_id=str(TEAM))
    assert (info["owner_jid"], info["owner_name"]) == (str(ANA), "Ana")
    assert [(one["jid"], one.get("name")) for one in info["participants"]] == [(str(ANA), "Ana"), (str(STRANGER), None)]
    info = await bench.run("groupInfo", group_id=str(TEAM), detail="full")
    assert info["OwnerJID"] == str(ANA)
    assert [(one["JID"], one.get("LID")) for one in info["Participants"]] == [
        (str(ANA), str(ANA_LID)),
        (str(STRANGER), None),
    ]


async def test_who_asks_to_join(bench: Bench) -> None:
    bench.session.answers["get_join_requests"] = (JoinRequest(jid=ANA_LID, wire_jid=ANA_LID, requested_at=NOW),)
    rows = (await bench.run("getGroupParticipantRequests", group_id=str(TEAM)))["data"]
    assert [(row["jid"], row["name"]) for row in rows] == [(str(ANA), "Ana")]

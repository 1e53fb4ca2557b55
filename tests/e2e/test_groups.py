"""Groups through MCP: what WhatsApp's state is afterwards, what members see, and what is refused."""

from __future__ import annotations

from tests.e2e.harness import Host, Json, until
from tests.e2e.shared import SharedAccount
from tests.e2e.test_messages import row_where
from whatsapp_mcp.simulator import Simulator, VirtualContact


async def people(simulator: Simulator) -> tuple[VirtualContact, VirtualContact]:
    return await simulator.add_contact("Ana"), await simulator.add_contact("Bruno")


async def created(host: Host, *members: VirtualContact, title: str = "Weekend") -> str:
    results: Json = await host.call("createGroup", title=title, participants=[member.number for member in members])
    return str(results["group_id"])


def jid(contact: VirtualContact) -> str:
    return f"{contact.number}@s.whatsapp.net"


async def test_create_list_and_describe(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bruno = await people(simulator)
        group_id = await created(host, ana, bruno)
        group = simulator.group(group_id)
        assert {account.number for account in group.participants} == {
            ana.number,
            bruno.number,
            simulator.phone.account.number,
        }
        info = await host.call("groupInfo", group_id=group_id)
        assert info["name"] == "Weekend"
        admins = {row["jid"] for row in info["participants"] if row.get("is_admin")}
        assert admins == {f"{simulator.phone.account.number}@s.whatsapp.net"}
        assert {row["jid"] for row in info["participants"]} >= {jid(ana), jid(bruno)}
        listed = [row["chat_jid"] for row in (await host.call("userMyGroups"))["data"]]
        assert listed.count(group_id) == 1


async def test_members_are_changed(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bruno = await people(simulator)
        group_id = await created(host, ana)
        group = simulator.group(group_id)
        (added,) = await host.call("addParticipantToGroup", group_id=group_id, participants=[bruno.number])
        assert (added["participant"], added["status"]) == (jid(bruno), "success")
        assert bruno.account in group.participants
        (again,) = await host.call("addParticipantToGroup", group_id=group_id, participants=[bruno.number])
        assert again["status"] == "error"
        assert "already" in again["message"]
        await host.call("promoteParticipantToAdmin", group_id=group_id, participants=[bruno.number])
        assert group.role(bruno.account) == "admin"
        await host.call("demoteParticipantToMember", group_id=group_id, participants=[bruno.number])
        assert group.role(bruno.account) == "member"
        await host.call("removeParticipantFromGroup", group_id=group_id, participants=[bruno.number])
        assert bruno.account not in group.participants


async def test_settings_reach_the_group(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, _ = await people(simulator)
        group_id = await created(host, ana)
        group = simulator.group(group_id)
        await host.call("setGroupName", group_id=group_id, name="Beach")
        assert group.subject == "Beach"
        (chat,) = [chat for chat in (await host.call("listChats"))["data"] if chat["chat_jid"] == group_id]
        assert chat["name"] == "Beach"
        await host.call("setGroupTopic", group_id=group_id, topic="Sun & sea")
        await host.call("setGroupLocked", group_id=group_id, locked=True)
        await host.call("setGroupAnnounce", group_id=group_id, announce=True)
        info = await host.call("groupInfo", group_id=group_id)
        assert (info["name"], info["topic"], info["is_locked"], info["is_announce"]) == (
            "Beach",
            "Sun & sea",
            True,
            True,
        )
        link = (await host.call("groupInviteLink", group_id=group_id))["invite_link"]
        assert link == group.invite_link
        seen = await host.call("getGroupInfoFromLink", link=link)
        assert (seen["group_id"], seen["name"], seen["is_locked"]) == (group_id, "Beach", True)
        new_link = (await host.call("groupInviteLink", group_id=group_id, reset=True))["invite_link"]
        assert new_link != link
        error = await host.refused("getGroupInfoFromLink", link=link)
        assert error["code"] in ("not_found", "whatsapp_refused")


async def test_messages_in_both_directions(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bruno = await people(simulator)
        group_id = await created(host, ana, bruno, title="Both ways")
        group = simulator.group(group_id)
        sent = await host.call("sendMessage", phone=group_id, message=f"hello @{ana.number}")
        for contact in (ana, bruno):
            received = await contact.wait_for_message(lambda message: message.text.startswith("hello"))
            assert received.id == sent["message_id"]
            assert received.summary.mentions == (str(ana.account.lid),)  # as the group names her
            assert received.text == f"hello @{ana.account.lid.user}"
        said = ana.say("hi all", to=group)
        row = await row_where(host, group_id, message_id=said.id)
        assert (row["content"], row["sender_jid"], row["sender_name"]) == ("hi all", jid(ana), "Ana")
        await host.call("sendMessage", phone="Both ways", message="to you", reply_message_id=said.id)
        reply = await bruno.wait_for_message(lambda message: message.text == "to you")
        assert reply.summary.reply_to == said.id
        await host.call("reactMessage", message_id=said.id, phone=group_id, emoji="🌞")
        reaction = await ana.wait_for_message(lambda message: message.kind == "reaction")
        assert (reaction.summary.emoji, reaction.summary.target) == ("🌞", said.id)
        await host.call("readMessage", message_id=said.id, phone=group_id)
        await ana.receipts.wait_for(lambda receipt: receipt.kind == "read" and said.id in receipt.ids)
        await host.call("revokeMessage", message_id=said.id, phone=group_id)
        revoke = await bruno.wait_for_message(lambda message: message.kind == "revoke")
        assert revoke.summary.target == said.id, "an admin deletes anybody's message"


async def test_what_others_change_arrives(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bruno = await people(simulator)
        group = await simulator.add_group("Book club", members=[simulator.phone, bruno], owner=ana)

        async def names() -> set[str]:
            return {chat["name"] for chat in (await host.call("listChats"))["data"]}

        said = ana.say("welcome", to=group)
        await row_where(host, str(group.jid), message_id=said.id)
        group.rename("Film club", by=ana)
        await until_async(names, "Film club")


async def until_async(read: object, wanted: str) -> None:
    import anyio

    assert callable(read)
    found: set[str] = set()
    with anyio.move_on_after(120):
        while wanted not in (found := await read()):
            await anyio.sleep(0.05)
    assert wanted in found


async def test_join_by_link_and_leave(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bruno = await people(simulator)
        group = await simulator.add_group("Open", members=[bruno], owner=ana)
        joined = await host.call("joinGroupWithLink", link=group.invite_link)
        assert joined == str(group.jid)
        assert simulator.phone.account in group.participants
        await host.call("leaveGroup", group_id=joined)
        await until(lambda: simulator.phone.account not in group.participants, what="the leaving")
        error = await host.refused("sendMessage", phone=joined, message="still here?")
        assert error["message"] == "phone: you are not in this group any more"


async def test_requests_to_join(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bruno = await people(simulator)
        group_id = await created(host, ana)
        group = simulator.group(group_id)
        group.require_approval(by=simulator.phone)
        chen = await simulator.add_contact("Chen")
        group.join(bruno)
        group.join(chen)
        rows = (await host.call("getGroupParticipantRequests", group_id=group_id))["data"]
        assert {row["jid"] for row in rows} == {str(bruno.account.lid), str(chen.account.lid)}, "no number is known yet"
        await host.call("approveGroupParticipantRequest", group_id=group_id, participants=[str(bruno.account.lid)])
        assert bruno.account in group.participants
        chen.say("please let me in")
        await row_where(host, chen.number, content="please let me in")
        (row,) = (await host.call("getGroupParticipantRequests", group_id=group_id))["data"]
        assert row["jid"] == jid(chen), "now it is"
        await host.call("rejectGroupParticipantRequest", group_id=group_id, participants=[chen.number])
        assert chen.account not in group.participants
        assert group.waiting == []
        error = await host.refused("approveGroupParticipantRequest", group_id=group_id, participants=[chen.number])
        assert error["code"] == "not_found"
        assert "participants" in error["message"]


async def test_refusals(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bruno = await people(simulator)
        group = await simulator.add_group("Theirs", members=[simulator.phone, bruno], owner=ana)
        stranger = await simulator.add_group("Elsewhere", members=[bruno], owner=ana)
        group.lock(by=ana)
        for tool, more in (
            ("setGroupName", {"name": "Mine"}),
            ("setGroupLocked", {"locked": False}),
            ("setGroupAnnounce", {"announce": True}),
            ("promoteParticipantToAdmin", {"participants": [bruno.number]}),
            ("removeParticipantFromGroup", {"participants": [bruno.number]}),
        ):
            result = await host.raw(tool, {"group_id": str(group.jid), **more})
            assert result.is_error or '"error"' in str(result.structured_content).replace("'", '"'), tool
        error = await host.refused("groupInfo", group_id=str(stranger.jid))
        assert error["code"] in ("not_allowed", "whatsapp_refused", "not_found")
        error = await host.refused("groupInfo", group_id="120363000000000001@g.us")
        assert error["code"] in ("not_found", "whatsapp_refused")
        error = await host.refused("groupInfo", group_id=ana.number)
        assert "group_id" in error["message"]
        assert group.subject == "Theirs"

"""Whose word counts about whose message, through MCP: what is inside a message is sealed, so no server checks it."""

from __future__ import annotations

from tests.e2e.harness import Host, Json
from tests.e2e.shared import SharedAccount
from tests.e2e.test_groups import created, people
from tests.e2e.test_messages import row_where
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import Simulator, VirtualContact
from whatsapp_mcp.simulator.state.groups import GroupState
from whatsapp_mcp.wire.protos import e2e


def about(message_id: str, author: Jid | None, group: GroupState, *, from_me: bool = False) -> e2e.Message:
    """A protocol message that names another one in a group."""
    message = e2e.Message()
    key = message.protocolMessage.key
    key.remoteJID, key.ID, key.fromMe = str(group.jid), message_id, from_me
    if author is not None:
        key.participant = str(author)
    return message


def revoke(message_id: str, author: Jid | None, group: GroupState, *, from_me: bool = False) -> e2e.Message:
    message = about(message_id, author, group, from_me=from_me)
    message.protocolMessage.type = e2e.ProtocolMessage.REVOKE
    return message


def edit(message_id: str, author: Jid, group: GroupState, text: str, *, from_me: bool = False) -> e2e.Message:
    message = about(message_id, author, group, from_me=from_me)
    message.protocolMessage.type = e2e.ProtocolMessage.MESSAGE_EDIT
    message.protocolMessage.editedMessage.conversation = text
    return message


async def rows(host: Host, chat: str) -> list[Json]:
    page: Json = await host.call("getChatMessages", chat_jid=chat)
    return list(page["data"])


async def club(simulator: Simulator, host: Host) -> tuple[VirtualContact, VirtualContact, GroupState, str]:
    ana, eve = await people(simulator)
    group_id = await created(host, ana, eve, title="Club")
    return ana, eve, simulator.group(group_id), group_id


async def test_a_member_of_a_group_is_nobodys_editor(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, eve, group, group_id = await club(simulator, host)
        ours = (await host.call("sendMessage", phone=group_id, message="we agree"))["message_id"]
        hers = ana.say("the price is 5000", to=group).id
        await row_where(host, group_id, message_id=hers)
        for message_id, account in ((ours, simulator.phone.account), (hers, ana.account)):
            for author in (account.lid, account.pn):
                eve.send_message(group, revoke(message_id, author, group), edit="7")
                eve.send_message(group, edit(message_id, author, group, "forged"), edit="1")
            eve.send_message(group, revoke(message_id, None, group, from_me=True), edit="7")
            eve.send_message(group, edit(message_id, eve.account.lid, group, "forged", from_me=True), edit="1")
            eve.send_message(group, revoke(message_id, account.lid, group), edit="8")  # refused: no admin
        timer = e2e.Message()
        timer.protocolMessage.type = e2e.ProtocolMessage.EPHEMERAL_SETTING
        timer.protocolMessage.ephemeralExpiration = 1
        eve.send_message(group, timer)
        last = eve.say("done", to=group).id
        await row_where(host, group_id, message_id=last)
        kept = {row["content"]: row for row in await rows(host, group_id)}
        assert {"we agree", "the price is 5000", "done"} <= kept.keys()
        assert not any(row.get("revoked") or row.get("edited") for row in kept.values())
        assert [refused.code for refused in eve.refused] == [403, 403]
        await host.call("sendMessage", phone=group_id, message="next")
        received = await ana.wait_for_message(lambda message: message.text == "next")
        assert received.message.extendedTextMessage.contextInfo.expiration == 0, "timers are set by the group's server"


async def test_authors_and_admins_delete_for_everyone(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, bruno, group, group_id = await club(simulator, host)
        ours = (await host.call("sendMessage", phone=group_id, message="a mistake"))["message_id"]
        received = await ana.wait_for_message(lambda message: message.text == "a mistake")
        his = bruno.say("his own", to=group)
        await row_where(host, group_id, message_id=his.id)
        bruno.revoke(his)
        assert (await row_where(host, group_id, message_id=his.id, revoked=True))["content"] == ""
        await host.call("promoteParticipantToAdmin", group_id=group_id, participants=[ana.number])
        ana.revoke(received)
        await row_where(host, group_id, message_id=ours, revoked=True)


async def test_two_messages_under_one_id_are_two(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana, eve, group, group_id = await club(simulator, host)
        hers = ana.say("pay 100", to=group)
        await row_where(host, group_id, message_id=hers.id)
        eve.send_message(group, e2e.Message(conversation="pay 100,000"), message_id=hers.id)
        await row_where(host, group_id, content="pay 100,000")
        assert [
            (row["sender_name"], row["content"]) for row in await rows(host, group_id) if row["message_id"] == hers.id
        ] == [
            ("Bruno", "pay 100,000"),
            ("Ana", "pay 100"),
        ]
        error = await host.refused("reactMessage", message_id=hers.id, phone=group_id, emoji="👍")
        assert (error["code"], error["details"]["field"]) == ("invalid_argument", "message_id")
        names = {one["sender_name"]: one["message_id"] for one in error["details"]["candidates"]}
        await host.call("reactMessage", message_id=names["Ana"], phone=group_id, emoji="👍")
        await host.call("sendMessage", phone=group_id, message="which?", reply_message_id=names["Bruno"])
        await host.call("forwardMessage", message_id=names["Ana"], phone=ana.number)
        await ana.wait_for_message(lambda message: message.text == "pay 100")
        reply = await eve.wait_for_message(lambda message: message.text == "which?")
        context = reply.message.extendedTextMessage.contextInfo
        assert (context.stanzaID, context.participant) == (hers.id, str(eve.account.lid))
        shown = {row["sender_name"]: row for row in await rows(host, group_id) if row["message_id"] == hers.id}
        assert [one["emoji"] for one in shown["Ana"]["reactions"]] == ["👍"]
        assert not shown["Bruno"].get("reactions")
        near = await host.call("getMessageContext", chat_jid=group_id, message_id=names["Ana"], before=0, after=0)
        assert [row["content"] for row in near["data"]] == ["pay 100"]


async def test_nobody_speaks_in_somebody_elses_place(shared: SharedAccount) -> None:
    """A placeholder is filled by its own author only."""
    async with shared.borrowed() as (simulator, host):
        ana, eve, group, group_id = await club(simulator, host)
        ana.say("first", to=group)
        await row_where(host, group_id, content="first")
        simulator.faults.corrupt_messages(times=1)
        ana.send_message(group, e2e.Message(conversation="hers"), message_id="TAKEN")
        ana.offline()
        await row_where(host, group_id, message_id="TAKEN", kind="undecryptable")
        eve.send_message(group, e2e.Message(conversation="in her name"), message_id="TAKEN")
        row = await row_where(host, group_id, content="in her name")
        assert (row["message_id"], row["sender_name"]) == ("TAKEN", "Bruno")
        ana.online()
        assert (await row_where(host, group_id, content="hers"))["sender_name"] == "Ana"

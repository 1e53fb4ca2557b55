"""The real neonize binary in groups: makes them, changes them, writes in them; one linked client for the module."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.unit.simulator.neonize_client import DriverError, Event, NeonizeClient, neonize_client
from whatsapp_mcp.simulator import Group, ReceivedMessage, ReceivedReceipt, Simulator, VirtualContact

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="Go reads SSL_CERT_FILE on Linux only"),
]

JPEG = "ffd8ffe000104a46494600010100000100010000ffd9"


@dataclass
class Linked:
    simulator: Simulator
    client: NeonizeClient
    ana: VirtualContact
    bruno: VirtualContact
    chen: VirtualContact

    async def group(self, subject: str, *, owner: VirtualContact | None = None, **options: Any) -> Group:
        """A group with the account, Ana and Bruno; the client has heard of it."""
        start = len(self.client.events)
        me = self.simulator.phone
        group = await self.simulator.add_group(subject, [me, self.ana, self.bruno], owner=owner or me, **options)
        await self.client.events.wait_for(lambda e: e.name == "JoinedGroup" and _subject(e) == subject, start=start)
        return group

    async def incoming(self, message_id: str, *, start: int = 0) -> Any:
        """The client's event with the content of a message."""

        def fits(event: Event) -> bool:
            return (
                event.name == "Message"
                and event.data["Info"]["ID"] == message_id
                and set(event.data["Message"]) - {"senderKeyDistributionMessage", "messageContextInfo"} != set()
            )

        return (await self.client.events.wait_for(fits, start=start)).data

    async def change(self, group: Group, field: str, *, start: int) -> Any:
        """The client's event for a change of a group."""

        def fits(event: Event) -> bool:
            return event.name == "GroupInfoEvent" and event.data["JID"]["User"] == group.id and field in event.data

        return (await self.client.events.wait_for(fits, start=start)).data

    async def receipt(self, message_id: str, kind: str, reader: VirtualContact) -> Any:
        def fits(event: Event) -> bool:
            return (
                event.name == "Receipt"
                and message_id in event.data["MessageIDs"]
                and event.data["Type"] == kind
                and event.data["MessageSource"]["Sender"]["User"] == reader.account.lid_user
            )

        return (await self.client.events.wait_for(fits)).data


def with_id(message_id: str) -> Callable[[ReceivedMessage], bool]:
    return lambda message: message.id == message_id


def delivered_to_client(message_id: str) -> Callable[[ReceivedReceipt], bool]:
    return lambda receipt: message_id in receipt.ids and receipt.sender.device == 1 and receipt.group is not None


def _subject(event: Event) -> str:
    return str(event.data["GroupInfo"]["GroupName"]["Name"])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def linked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Linked]:
    directory = tmp_path_factory.mktemp("neonize")
    async with Simulator() as simulator:
        people = [await simulator.add_contact(name, saved=True) for name in ("Ana", "Bruno", "Chen")]
        async with neonize_client(simulator.endpoint, directory) as client:
            await client.call("start")
            await simulator.phone.scan(await client.event("qr"))
            await client.event("Connected")
            async with asyncio.timeout(60):
                while (await client.call("me"))["PushName"] != "Robin":  # the app state is there
                    await asyncio.sleep(0.01)
            yield Linked(simulator, client, *people)


async def test_a_client_makes_a_group_and_looks_at_it(linked: Linked) -> None:
    start = len(linked.ana.group_notices)
    answer = await linked.client.call("create_group", name="Dinner", people=[linked.ana.number, linked.bruno.number])
    group = linked.simulator.group("Dinner")
    assert (answer["JID"]["User"], answer["GroupName"]["Name"]) == (group.id, "Dinner")
    assert group.participants == [linked.simulator.phone.account, linked.ana.account, linked.bruno.account]
    assert group.role(linked.simulator.phone) == "superadmin"
    assert (await linked.ana.group_notices.wait_for(start=start)).what == "create"
    info = await linked.client.call("group_info", group=str(group.jid))
    people = {person["PhoneNumber"]["User"]: person for person in info["Participants"]}
    assert set(people) == {"12025550100", linked.ana.number, linked.bruno.number}
    assert people[linked.ana.number]["LID"]["User"] == linked.ana.account.lid_user
    assert people["12025550100"]["IsSuperAdmin"] is True
    assert group.id in [found["JID"]["User"] for found in await linked.client.call("groups")]


async def test_messages_in_both_directions(linked: Linked) -> None:
    group = await linked.group("Chat")
    for text in ("first, with the key", "second, without it"):
        sent = await linked.client.call("send_text", to=str(group.jid), text=text)
        for person in (linked.ana, linked.bruno):
            received = await person.wait_for_message(with_id(sent["ID"]))
            assert (received.text, received.group, received.sender.device) == (text, group.jid, 1)
        copy = await linked.simulator.phone.wait_for_copy(with_id(sent["ID"]))
        assert (copy.text, copy.chat) == (text, group.jid)
        await linked.receipt(sent["ID"], "READ", linked.ana)
        await linked.receipt(sent["ID"], "READ", linked.bruno)
    for text in ("hello all", "and again"):
        said = linked.ana.say(text, to=group)
        event = await linked.incoming(said.id)
        assert event["Message"]["conversation"] == text
        source = event["Info"]["MessageSource"]
        assert (source["Chat"]["User"], source["IsGroup"]) == (group.id, True)
        assert (source["Sender"]["User"], source["SenderAlt"]["User"]) == (
            linked.ana.account.lid_user,
            linked.ana.number,
        )
        assert (await linked.bruno.wait_for_message(with_id(said.id))).sender.bare == linked.ana.account.lid
        await linked.ana.receipts.wait_for(delivered_to_client(said.id))
    assert linked.chen.inbox.since(0) == []


async def test_replies_mentions_reactions_edits_and_revokes(linked: Linked) -> None:
    group = await linked.group("Everything")
    jid, lid = str(group.jid), str(linked.ana.account.lid)
    said = linked.ana.say("who comes?", to=group, mentions=[linked.simulator.phone.account])
    context = (await linked.incoming(said.id))["Message"]["extendedTextMessage"]["contextInfo"]
    assert context["mentionedJID"] == [str(linked.simulator.phone.account.lid)]
    quote = {"stanzaID": said.id, "participant": lid, "quotedMessage": {"conversation": "who comes?"}}
    content = {"extendedTextMessage": {"text": "me", "contextInfo": {**quote, "mentionedJID": [lid]}}}
    sent = await linked.client.call("send", to=jid, message=content)
    reply = await linked.ana.wait_for_message(with_id(sent["ID"]))
    assert (reply.summary.reply_to, reply.summary.mentions) == (said.id, (lid,))
    await linked.client.call("react", chat=jid, sender=lid, message_id=said.id, emoji="👍")
    reaction = await linked.bruno.wait_for_message(lambda m: m.kind == "reaction")
    assert (reaction.summary.target, reaction.message.reactionMessage.key.participant) == (said.id, lid)
    event = await linked.incoming(linked.ana.react("❤️", reply).id)
    assert event["Message"]["reactionMessage"]["key"]["ID"] == sent["ID"]
    assert (await linked.incoming(linked.ana.edit(said, "who comes along?").id))["Info"]["Edit"] == "1"
    answer = linked.bruno.say("I do", to=group, reply_to=await linked.bruno.wait_for_message(with_id(said.id)))
    context = (await linked.incoming(answer.id))["Message"]["extendedTextMessage"]["contextInfo"]
    assert (context["stanzaID"], context["participant"]) == (said.id, lid)
    event = await linked.incoming(linked.ana.revoke(said).id)
    assert (event["Info"]["Edit"], event["Message"]["protocolMessage"]["key"]["ID"]) == ("7", said.id)


async def test_an_admin_deletes_the_message_of_another(linked: Linked) -> None:
    group = await linked.group("Moderated", admins=[linked.ana])
    rude = linked.bruno.say("something rude", to=group)
    await linked.incoming(rude.id)
    await linked.client.call("revoke", chat=str(group.jid), sender=str(linked.bruno.account.lid), message_id=rude.id)
    revoke = await linked.bruno.wait_for_message(lambda m: m.kind == "revoke" and m.summary.target == rude.id)
    assert revoke.message.protocolMessage.key.participant == str(linked.bruno.account.lid)
    mine = await linked.client.call("send_text", to=str(group.jid), text="something silly")
    event = await linked.incoming(linked.ana.revoke(await linked.ana.wait_for_message(with_id(mine["ID"]))).id)
    assert (event["Info"]["Edit"], event["Message"]["protocolMessage"]["key"]["ID"]) == ("8", mine["ID"])
    received = await linked.bruno.wait_for_message(with_id(mine["ID"]))
    attempt = linked.bruno.revoke(received)  # not an admin
    refused = await linked.bruno.refused.wait_for(lambda r: r.id == attempt.id)
    assert refused.code == 403


async def test_what_others_change_arrives(linked: Linked) -> None:
    group = await linked.group("Trip", owner=linked.ana)
    start = len(linked.client.events)
    group.rename("Trip to Rome", by=linked.bruno)
    event = await linked.change(group, "Name", start=start)
    assert (event["Name"]["Name"], event["Sender"]["User"]) == ("Trip to Rome", linked.bruno.account.lid_user)
    group.describe("Tickets in May", by=linked.ana)
    assert (await linked.change(group, "Topic", start=start))["Topic"]["Topic"] == "Tickets in May"
    group.lock(by=linked.ana)
    assert (await linked.change(group, "Locked", start=start))["Locked"]["isLocked"] is True
    group.announce_only(by=linked.ana)
    assert (await linked.change(group, "Announce", start=start))["Announce"]["IsAnnounce"] is True
    group.disappear_after(86400, by=linked.ana)
    assert (await linked.change(group, "Ephemeral", start=start))["Ephemeral"]["DisappearingTimer"] == 86400
    group.promote(linked.simulator.phone, by=linked.ana)
    assert (await linked.change(group, "Promote", start=start))["Promote"][0]["User"]
    group.demote(linked.simulator.phone, by=linked.ana)
    await linked.change(group, "Demote", start=start)
    group.add(linked.chen, by=linked.ana)
    assert (await linked.change(group, "Join", start=start))["Join"][0]["User"] == linked.chen.account.lid_user
    group.remove(linked.bruno, by=linked.ana)
    assert (await linked.change(group, "Leave", start=start))["Leave"][0]["User"] == linked.bruno.account.lid_user
    group.set_picture(bytes.fromhex(JPEG), by=linked.ana)
    picture = await linked.client.event("Picture", start=start)
    assert picture["JID"]["User"] == group.id
    info = await linked.client.call("group_info", group=str(group.jid))
    assert info["GroupTopic"]["Topic"] == "Tickets in May"
    assert info["GroupLocked"]["isLocked"] and info["GroupAnnounce"]["IsAnnounce"]
    with pytest.raises(DriverError, match="403"):
        await linked.client.call("send_text", to=str(group.jid), text="may I?")
    with pytest.raises(DriverError, match="403"):
        await linked.client.call("set_group_name", group=str(group.jid), name="Mine now")


async def test_the_member_list_of_the_client_follows(linked: Linked) -> None:
    group = await linked.group("Coming and going")
    jid = str(group.jid)
    await linked.client.call("send_text", to=jid, text="warm up")  # the client keeps the members from here on
    start = len(linked.client.events)
    group.add(linked.chen, by=linked.simulator.phone)
    await linked.change(group, "Join", start=start)
    sent = await linked.client.call("send_text", to=jid, text="welcome Chen")
    assert (await linked.chen.wait_for_message(with_id(sent["ID"]))).text == "welcome Chen"
    group.remove(linked.bruno, by=linked.simulator.phone)
    await linked.change(group, "Leave", start=start)
    sent = await linked.client.call("send_text", to=jid, text="Bruno is gone")
    await linked.chen.wait_for_message(with_id(sent["ID"]))
    assert sent["ID"] not in [m.id for m in linked.bruno.inbox]
    said = linked.ana.say("finally", to=group)  # with a new key, since Bruno has the old one
    await linked.incoming(said.id)
    assert said.id not in [m.id for m in linked.bruno.inbox]


async def test_a_stale_member_list_is_noticed(linked: Linked) -> None:
    group = await linked.group("Stale")
    jid = str(group.jid)
    await linked.client.call("send_text", to=jid, text="warm up")
    linked.simulator.faults.lose_group_notices()
    group.add(linked.chen, by=linked.ana)
    # The client does not know Chen; the server's hash of the devices tells it to look again.
    sent = await linked.client.call("send_text", to=jid, text="not for Chen yet")
    await linked.ana.wait_for_message(with_id(sent["ID"]))
    sent = await linked.client.call("send_text", to=jid, text="for Chen too")
    assert (await linked.chen.wait_for_message(with_id(sent["ID"]))).text == "for Chen too"


async def test_changing_people_and_settings(linked: Linked) -> None:
    group = await linked.group("Mine")
    jid, ana = str(group.jid), linked.ana.account
    linked.chen.group_add = "none"
    people = [linked.chen.number, linked.bruno.number, "12025550199"]
    results = await linked.client.call("change_people", group=jid, action="ADD", people=people)
    assert [result["Error"] for result in results] == [403, 409, 404]
    assert results[0]["AddRequest"]["Code"]
    linked.chen.group_add = "all"
    (result,) = await linked.client.call("change_people", group=jid, action="ADD", people=[linked.chen.number])
    assert result.get("Error", 0) == 0
    assert group.role(linked.chen) == "member"
    await linked.client.call("change_people", group=jid, action="PROMOTE", people=[str(ana.lid)])
    assert group.role(ana) == "admin"
    await linked.client.call("change_people", group=jid, action="DEMOTE", people=[str(ana.lid)])
    assert group.role(ana) == "member"
    await linked.client.call("change_people", group=jid, action="REMOVE", people=[str(ana.pn)])
    assert group.role(ana) is None
    (result,) = await linked.client.call("change_people", group=jid, action="REMOVE", people=[str(ana.pn)])
    assert result["Error"] == 404
    linked.bruno.leave(group)
    (result,) = await linked.client.call("change_people", group=jid, action="ADD", people=[linked.bruno.number])
    assert result["Error"] == 408
    group.max_members = len(group.members)
    (result,) = await linked.client.call("change_people", group=jid, action="ADD", people=[linked.ana.number])
    assert result["Error"] == 419


async def test_settings(linked: Linked) -> None:
    group = await linked.group("Before")
    jid = str(group.jid)
    await linked.client.call("set_group_name", group=jid, name="After 🎉")
    assert group.subject == "After 🎉"
    for topic in ("What we do", "What we really do"):  # the second names the first as its predecessor
        await linked.client.call("set_group_topic", group=jid, topic=topic)
        assert group.description is not None
        assert group.description.text == topic
    await linked.client.call("set_group_topic", group=jid, topic="")
    assert group.description is None
    for value in (True, False):
        await linked.client.call("set_group_locked", group=jid, locked=value)
        await linked.client.call("set_group_announce", group=jid, announce=value)
        assert (group.locked, group.announce) == (value, value)
    await linked.client.call("set_group_timer", group=jid, seconds=604800)
    assert group.ephemeral_seconds == 604800
    await linked.client.call("set_group_timer", group=jid, seconds=0)
    assert group.ephemeral_seconds == 0
    picture_id = await linked.client.call("set_group_photo", group=jid, hexadecimal=JPEG)
    assert group.picture is not None
    assert group.picture.id == picture_id
    assert (await linked.client.call("picture", who=jid))["ID"] == picture_id
    with pytest.raises(DriverError):
        await linked.client.call("set_group_photo", group=jid, hexadecimal="00")
    with pytest.raises(DriverError, match="406"):
        await linked.client.call("set_group_name", group=jid, name="x" * 101)


async def test_invite_links(linked: Linked) -> None:
    group = await linked.simulator.add_group("By link", [linked.ana, linked.bruno], description="Come in")
    info = await linked.client.call("group_info_from_link", link=group.invite_link)
    assert (info["JID"]["User"], info["GroupTopic"]["Topic"]) == (group.id, "Come in")
    joined = await linked.client.call("join_group", link=group.invite_link)
    assert joined["User"] == group.id
    assert group.role(linked.simulator.phone) == "member"
    with pytest.raises(DriverError):  # members may not see the link
        await linked.client.call("group_invite_link", group=str(group.jid))
    group.promote(linked.simulator.phone, by=linked.ana)
    old = await linked.client.call("group_invite_link", group=str(group.jid))
    assert old == group.invite_link
    new = await linked.client.call("group_invite_link", group=str(group.jid), reset=True)
    assert new == group.invite_link != old
    with pytest.raises(DriverError, match="revoked"):
        await linked.client.call("group_info_from_link", link=old)
    with pytest.raises(DriverError, match="not valid"):
        await linked.client.call("join_group", link="https://chat.whatsapp.com/nothing")


async def test_requests_to_join(linked: Linked) -> None:
    group = await linked.group("Club", approval=True)
    start = len(linked.client.events)
    linked.chen.request_to_join(group)
    change = await linked.change(group, "UnknownChanges", start=start)
    assert change["UnknownChanges"][0]["Tag"] == "created_membership_requests"
    (request,) = await linked.client.call("join_requests", group=str(group.jid))
    assert request["Participant"]["User"] == linked.chen.account.lid_user
    group.approve(linked.chen, by=linked.simulator.phone)
    assert group.role(linked.chen) == "member"
    assert await linked.client.call("join_requests", group=str(group.jid)) == []
    other = await linked.simulator.add_group("Closed club", [linked.ana], approval=True)
    await linked.client.call("join_group", link=other.invite_link)
    assert other.waiting == [linked.simulator.phone.account]
    start = len(linked.client.events)
    other.approve(linked.simulator.phone, by=linked.ana)
    await linked.client.event("JoinedGroup", start=start)


async def test_leaving_and_where_one_is_not(linked: Linked) -> None:
    group = await linked.group("Short")
    await linked.client.call("leave_group", group=str(group.jid))
    assert group.role(linked.simulator.phone) is None
    assert group.role(linked.ana) == "admin"  # somebody has to be
    with pytest.raises(DriverError, match="not participating"):
        await linked.client.call("group_info", group=str(group.jid))
    with pytest.raises(DriverError, match="does not exist"):
        await linked.client.call("group_info", group="120363000000000001@g.us")
    with pytest.raises(DriverError):
        await linked.client.call("send_text", to="120363000000000001@g.us", text="anybody?")
    linked.simulator.faults.fail_iq("w:g2", 429, "rate-overlimit")
    with pytest.raises(DriverError, match="rate-overlimit"):
        await linked.client.call("groups")


async def test_undecryptable_and_lost_keys(linked: Linked) -> None:
    group = await linked.group("Noisy")
    linked.simulator.faults.corrupt_messages()
    start = len(linked.client.events)
    said = linked.ana.say("second try", to=group)
    await linked.client.event("UndecryptableMessage", start=start)
    assert (await linked.incoming(said.id, start=start))["Message"]["conversation"] == "second try"
    linked.bruno.sender_keys.forget()
    for device in linked.simulator.phone.account.devices.values():
        linked.bruno.signal.end_session(device.address)
    sent = await linked.client.call("send_text", to=str(group.jid), text="to a new phone")
    assert (await linked.bruno.wait_for_message(with_id(sent["ID"]))).text == "to a new phone"
    again = linked.bruno.say("new key, new phone", to=group)
    assert (await linked.incoming(again.id))["Message"]["conversation"] == "new key, new phone"


async def test_reading_and_typing(linked: Linked) -> None:
    group = await linked.group("Typing")
    said = linked.ana.say("read this", to=group)
    await linked.incoming(said.id)
    await linked.client.call(
        "mark_read_in_group", group=str(group.jid), sender=str(linked.ana.account.lid), ids=[said.id]
    )
    receipt = await linked.ana.receipts.wait_for(
        lambda r: said.id in r.ids and r.kind == "read" and r.sender.device == 1
    )
    assert receipt.group == group.jid
    await linked.client.call("presence", available=True)
    await linked.client.call("typing", chat=str(group.jid))
    state = await linked.bruno.chat_states.wait_for(lambda s: s.group == group.jid)
    assert (state.account, state.state) == (linked.simulator.phone.account, "composing")
    start = len(linked.client.events)
    linked.ana.typing(to=group)
    typing = await linked.client.event("ChatPresence", start=start)
    assert typing["MessageSource"]["Sender"]["User"] == linked.ana.account.lid_user


async def test_what_the_phone_says_in_a_group(linked: Linked) -> None:
    group = await linked.group("From the phone")
    said = linked.simulator.phone.say(group, "typed on the phone")
    event = await linked.incoming(said.id)
    assert (event["Info"]["MessageSource"]["IsFromMe"], event["Message"]["conversation"]) == (
        True,
        "typed on the phone",
    )
    assert (await linked.ana.wait_for_message(with_id(said.id))).sender.device == 0


async def test_a_community_and_its_groups(linked: Linked) -> None:
    start = len(linked.client.events)
    answer = await linked.client.call("create_community", name="Town", closed=False)
    town = linked.simulator.groups.find(answer["JID"]["User"])
    assert town.community is not None and answer["GroupParent"]["IsParent"] is True
    info = await linked.client.call("group_info", group=str(town.linked_groups[0].jid))
    assert info["GroupIsDefaultSub"]["IsDefaultSubGroup"] is True
    assert info["GroupLinkedParent"]["LinkedParentJID"]["User"] == town.id
    await linked.client.call("create_linked_group", name="Choir", people=[linked.ana.number], community=str(town.jid))
    trip = await linked.group("Trip to link")
    await linked.client.call("link_group", community=str(town.jid), group=str(trip.jid))
    assert (await linked.change(trip, "Link", start=start))["Link"]["Group"]["JID"]["User"] == town.id
    listed = await linked.client.call("sub_groups", community=str(town.jid))
    subjects = {one["GroupName"]["Name"]: one["GroupIsDefaultSub"].get("IsDefaultSubGroup", False) for one in listed}
    assert subjects == {"Town": True, "Choir": False, "Trip to link": False}
    assert linked.ana.account in town.members
    await linked.client.call("unlink_group", community=str(town.jid), group=str(trip.jid))
    assert trip.parent is None
    assert (await linked.change(trip, "Unlink", start=start))["Unlink"]["UnlinkReason"]
    with pytest.raises(DriverError, match="404"):
        await linked.client.call("link_group", community=str(trip.jid), group=str(town.jid))

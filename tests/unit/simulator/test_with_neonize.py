"""The real neonize binary chats through the simulator: one linked client for all tests of this module."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

from tests.unit.simulator.neonize_client import DriverError, Event, NeonizeClient, neonize_client
from whatsapp_mcp.simulator import Simulator, VirtualContact

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

    async def incoming(self, message_id: str) -> Any:
        """The client's event for a message of ours."""

        def fits(event: Event) -> bool:
            return bool(event.name == "Message" and event.data["Info"]["ID"] == message_id)

        return (await self.client.events.wait_for(fits)).data

    async def receipt(self, message_id: str, kind: str) -> Any:
        def fits(event: Event) -> bool:
            return event.name == "Receipt" and message_id in event.data["MessageIDs"] and event.data["Type"] == kind

        return (await self.client.events.wait_for(fits)).data

    async def until_push_name(self, name: str) -> None:
        """Wait until the client took over the phone's change; it raises no event for that."""
        async with asyncio.timeout(60):
            while (await self.client.call("me"))["PushName"] != name:
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def linked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Linked]:
    directory = tmp_path_factory.mktemp("neonize")
    async with Simulator() as simulator:
        ana = await simulator.add_contact("Ana", about="Dinner?", saved=True)
        async with neonize_client(simulator.endpoint, directory) as client:
            await client.call("start")
            await simulator.phone.scan(await client.event("qr"))
            await client.event("Connected")
            everything = Linked(simulator, client, ana)
            await everything.until_push_name("Robin")  # the app state is there
            yield everything


async def test_a_sent_message_is_decrypted_by_the_contact_and_by_the_phone(linked: Linked) -> None:
    sent = await linked.client.call("send_text", to=linked.ana.number, text="Grüße 👋")
    received = await linked.ana.wait_for_message(lambda m: m.id == sent["ID"])
    assert (received.kind, received.text, received.sender.device) == ("text", "Grüße 👋", 1)
    copy = await linked.simulator.phone.wait_for_copy(lambda m: m.id == sent["ID"])
    assert (copy.text, copy.chat) == ("Grüße 👋", linked.ana.account.lid)
    assert (await linked.receipt(sent["ID"], "READ"))["MessageSource"]["Chat"]["User"] == linked.ana.account.lid_user


async def test_a_contact_that_does_not_read_only_confirms_delivery(linked: Linked) -> None:
    linked.ana.reads = False
    sent = await linked.client.call("send_text", to=linked.ana.number, text="unread")
    await linked.receipt(sent["ID"], "DELIVERED")
    linked.ana.read(await linked.ana.wait_for_message(lambda m: m.id == sent["ID"]))
    await linked.receipt(sent["ID"], "READ")
    linked.ana.reads = True


async def test_a_contact_writes_replies_and_is_confirmed(linked: Linked) -> None:
    first = linked.ana.say("Olá, tudo bem?")
    event = await linked.incoming(first.id)
    assert event["Message"]["conversation"] == "Olá, tudo bem?"
    source = event["Info"]["MessageSource"]
    assert (source["Chat"]["User"], source["SenderAlt"]["User"]) == (linked.ana.account.lid_user, linked.ana.number)
    assert event["Info"]["Pushname"] == "Ana"
    reply = linked.ana.say("Still there?", reply_to=first, mentions=[linked.simulator.phone.account])
    context = (await linked.incoming(reply.id))["Message"]["extendedTextMessage"]["contextInfo"]
    assert (context["stanzaID"], context["participant"]) == (first.id, str(linked.ana.account.lid))
    assert context["mentionedJID"] == [str(linked.simulator.phone.account.pn)]
    await linked.ana.receipts.wait_for(lambda r: first.id in r.ids and r.kind == "inactive")
    await linked.client.call("mark_read", chat=str(linked.ana.account.lid), ids=[first.id, reply.id])
    read = await linked.ana.receipts.wait_for(lambda r: r.kind == "read")
    assert set(read.ids) == {first.id, reply.id}


async def test_reactions_edits_and_revokes_in_both_directions(linked: Linked) -> None:
    own, lid = linked.simulator.phone.account, str(linked.ana.account.lid)
    theirs = linked.ana.say("draft")
    await linked.incoming(theirs.id)
    await linked.client.call("react", chat=lid, sender=lid, message_id=theirs.id, emoji="👍")
    reaction = await linked.ana.wait_for_message(lambda m: m.kind == "reaction")
    assert (reaction.summary.target, reaction.summary.emoji) == (theirs.id, "👍")
    mine = await linked.client.call("send_text", to=linked.ana.number, text="first version")
    await linked.client.call("edit", chat=lid, message_id=mine["ID"], text="second version")
    edit = await linked.ana.wait_for_message(lambda m: m.kind == "edit")
    assert (edit.summary.target, edit.text) == (mine["ID"], "second version")
    received = await linked.ana.wait_for_message(lambda m: m.id == mine["ID"])
    event = await linked.incoming(linked.ana.react("❤️", received).id)
    assert event["Message"]["reactionMessage"]["key"]["ID"] == mine["ID"]
    event = await linked.incoming(linked.ana.edit(theirs, "final").id)
    assert event["Info"]["Edit"] == "1"
    event = await linked.incoming(linked.ana.revoke(theirs).id)
    assert event["Message"]["protocolMessage"]["key"]["ID"] == theirs.id
    await linked.client.call("revoke", chat=lid, sender=str(own.lid), message_id=mine["ID"])
    assert (await linked.ana.wait_for_message(lambda m: m.kind == "revoke")).summary.target == mine["ID"]


@pytest.mark.parametrize(
    ("message", "kind", "text"),
    [
        (
            {"locationMessage": {"degreesLatitude": 52.5, "degreesLongitude": 13.4, "name": "Berlin"}},
            "location",
            "Berlin",
        ),
        ({"contactMessage": {"displayName": "Dr. Who", "vcard": "BEGIN:VCARD\nEND:VCARD"}}, "contact", "Dr. Who"),
        (
            {
                "pollCreationMessage": {
                    "name": "Pizza?",
                    "options": [{"optionName": "yes"}, {"optionName": "no"}],
                    "selectableOptionsCount": 1,
                }
            },
            "poll",
            "Pizza?",
        ),
        (
            {"extendedTextMessage": {"text": "see https://a.example", "matchedText": "https://a.example"}},
            "text",
            "see https://a.example",
        ),
    ],
    ids=["location", "contact", "poll", "link"],
)
async def test_kinds_of_messages(linked: Linked, message: dict[str, Any], kind: str, text: str) -> None:
    sent = await linked.client.call("send", to=linked.ana.number, message=message)
    received = await linked.ana.wait_for_message(lambda m: m.id == sent["ID"])
    assert (received.kind, received.text) == (kind, text)


async def test_what_the_phone_writes_reaches_the_client(linked: Linked) -> None:
    sent = linked.simulator.phone.say(linked.ana.account, "from the phone")
    event = await linked.incoming(sent.id)
    source = event["Info"]["MessageSource"]
    assert source["IsFromMe"] is True
    assert source["Chat"]["User"] == linked.ana.account.lid_user
    assert event["Message"]["conversation"] == "from the phone"
    assert (await linked.ana.wait_for_message(lambda m: m.id == sent.id)).sender.device == 0


async def test_push_name_travels_in_both_directions(linked: Linked) -> None:
    assert (await linked.client.call("me"))["PushName"] == "Robin"
    await linked.client.call("set_profile_name", name="Robin ✓")
    await linked.simulator.phone.patches.wait_for(lambda p: p.value.pushNameSetting.name == "Robin ✓")
    assert linked.simulator.phone.account.push_name == "Robin ✓"
    version = linked.simulator.phone.account.collections["critical_block"].version
    linked.simulator.phone.set_push_name("Robin 2")
    await linked.until_push_name("Robin 2")
    await linked.client.call("set_profile_name", name="Robin 3")  # builds on the phone's patch
    assert linked.simulator.phone.account.collections["critical_block"].version == version + 2


async def test_saved_contacts_are_in_the_address_book(linked: Linked) -> None:
    contacts = await linked.client.call("contacts")
    assert "Ana" in [contact["Info"].get("FullName") for contact in contacts]


async def test_directory_lookups(linked: Linked) -> None:
    shop = await linked.simulator.add_contact("Shop", business_name="Petal & Stem")
    answers = await linked.client.call("is_on_whatsapp", numbers=[linked.ana.number, "12025550199"])
    assert {answer["Query"]: answer["IsIn"] for answer in answers} == {linked.ana.number: True, "12025550199": False}
    (info,) = await linked.client.call("user_info", to=linked.ana.number)
    assert info["UserInfo"]["Status"] == "Dinner?"
    # neonize 0.5.2 does not pass on the business name that it gets with get_user_info; here it does.
    (answer,) = await linked.client.call("is_on_whatsapp", numbers=[shop.number])
    assert answer["VerifiedName"]["Details"]["verifiedName"] == "Petal & Stem"
    (info,) = await linked.client.call("user_info", to=linked.simulator.phone.account.number)
    assert sorted(device["Device"] for device in info["UserInfo"]["Devices"]) == [0, 1]


async def test_own_profile(linked: Linked) -> None:
    await linked.client.call("set_status", text="busy")
    assert linked.simulator.phone.account.about == "busy"
    with pytest.raises(DriverError):
        await linked.client.call("picture", who=linked.ana.number)
    await linked.client.call("set_picture", hexadecimal=JPEG)
    picture = await linked.client.call("picture", who=linked.simulator.phone.account.number)
    assert linked.simulator.phone.account.picture is not None
    assert picture["ID"] == linked.simulator.phone.account.picture.id


async def test_privacy_blocklist_and_newsletters(linked: Linked) -> None:
    await linked.client.call("privacy")  # from here on the client keeps them and relies on being told
    linked.simulator.privacy.change(linked.simulator.phone.device, {"groupadd": "contacts"})
    async with asyncio.timeout(60):
        while (privacy := await linked.client.call("privacy"))["GroupAdd"] == "ALL":
            await asyncio.sleep(0.01)
    assert (privacy["GroupAdd"], privacy["ReadReceipts"]) == ("CONTACTS", "ALL")
    await linked.client.call("block", who=linked.ana.number, action="BLOCK")
    assert linked.simulator.phone.account.blocked == {linked.ana.account}
    blocked = await linked.client.call("blocklist")
    assert [jid["User"] for jid in blocked["JIDs"]] == [linked.ana.account.lid_user]
    await linked.client.call("block", who=linked.ana.number, action="UNBLOCK")
    assert linked.simulator.phone.account.blocked == set()
    assert await linked.client.call("newsletters") == []


async def test_presence_and_typing(linked: Linked) -> None:
    await linked.client.call("presence", available=True)
    linked.ana.subscribe_presence()
    await linked.ana.presences.wait_for(lambda p: p.available)
    start = len(linked.client.events)
    await linked.client.call("subscribe_presence", who=str(linked.ana.account.lid))
    await linked.client.event("Presence", start=start)
    linked.ana.offline()
    await linked.client.event("Presence", start=start, Unavailable=True)
    waiting = await linked.client.call("send_text", to=linked.ana.number, text="for later")
    assert waiting["ID"] not in [m.id for m in linked.ana.inbox]
    linked.ana.online()
    await linked.ana.wait_for_message(lambda m: m.id == waiting["ID"])
    await linked.client.call("typing", chat=str(linked.ana.account.lid))
    await linked.ana.chat_states.wait_for(lambda s: s.state == "composing")
    linked.ana.typing(recording=True)
    state = await linked.client.event("ChatPresence", start=start, State="COMPOSING")
    assert state["Media"] == "AUDIO"
    first = linked.ana.say("are you there?")
    await linked.ana.receipts.wait_for(lambda r: first.id in r.ids and r.kind == "")
    await linked.client.call("presence", available=False)
    await linked.ana.presences.wait_for(lambda p: not p.available)


async def test_an_undecryptable_message_is_asked_for_again(linked: Linked) -> None:
    linked.simulator.faults.corrupt_messages()
    start = len(linked.client.events)
    sent = linked.ana.say("second try")
    await linked.client.event("UndecryptableMessage", start=start)
    assert (await linked.incoming(sent.id))["Message"]["conversation"] == "second try"
    assert "retry" in [r.kind for r in linked.ana.receipts if sent.id in r.ids]


async def test_a_contact_with_a_new_phone_asks_again(linked: Linked) -> None:
    await linked.client.call("send_text", to=linked.ana.number, text="before")
    for device in linked.simulator.phone.account.devices.values():
        linked.ana.signal.end_session(device.address)
    sent = await linked.client.call("send_text", to=linked.ana.number, text="after")
    assert (await linked.ana.wait_for_message(lambda m: m.id == sent["ID"])).text == "after"


async def test_a_duplicate_is_shown_once(linked: Linked) -> None:
    linked.simulator.faults.duplicate_messages()
    twice, last = linked.ana.say("twice"), linked.ana.say("last")
    await linked.incoming(last.id)
    ids = [event.data["Info"]["ID"] for event in linked.client.events if event.name == "Message"]
    assert ids.count(twice.id) == 1


async def test_refused_messages_and_requests(linked: Linked) -> None:
    linked.simulator.faults.reject_messages(463)
    with pytest.raises(DriverError, match="463"):
        await linked.client.call("send_text", to=linked.ana.number, text="too much")
    linked.simulator.faults.fail_iq("usync", 429, "rate-overlimit")
    with pytest.raises(DriverError, match="rate-overlimit"):
        await linked.client.call("user_info", to=linked.ana.number)
    with pytest.raises(DriverError, match="does not exist"):
        await linked.client.call("group_info", group="120363000000000001@g.us")


async def test_a_message_during_a_drop_arrives_once(linked: Linked) -> None:
    start = len(linked.client.events)
    linked.simulator.faults.withhold_acks()
    task = asyncio.create_task(linked.client.call("send_text", to=linked.ana.number, text="across the gap"))
    received = await linked.ana.wait_for_message(lambda m: m.text == "across the gap")
    assert linked.simulator.faults.drop() == 1
    assert (await task)["ID"] == received.id
    await linked.client.event("Disconnected", start=start)
    await linked.client.event("Connected", start=start)
    again = linked.ana.say("welcome back")
    await linked.incoming(again.id)
    assert [m.id for m in linked.ana.inbox].count(received.id) == 1


@pytest.mark.parametrize("how", ["clean", "503"])
async def test_reconnects(linked: Linked, how: str) -> None:
    start = len(linked.client.events)
    if how == "clean":
        linked.simulator.faults.drop("clean")
    else:
        linked.simulator.faults.stream_error("503")
    await linked.client.event("Connected", start=start)
    await linked.incoming(linked.ana.say("hello again").id)


async def test_a_dead_network_delays_everything_and_loses_nothing(linked: Linked) -> None:
    linked.simulator.faults.silence()
    incoming = linked.ana.say("into the silence")
    sending = asyncio.create_task(linked.client.call("send_text", to=linked.ana.number, text="out of the silence"))
    done, _ = await asyncio.wait([sending], timeout=0.3)
    assert not done
    assert incoming.id not in [e.data["Info"]["ID"] for e in linked.client.events if e.name == "Message"]
    linked.simulator.faults.resume()
    await linked.incoming(incoming.id)
    await linked.ana.wait_for_message(lambda m: m.text == "out of the silence")
    await sending


async def test_links_to_people_and_shops(linked: Linked) -> None:
    client, links = linked.client, linked.simulator.contact_links
    own = await client.call("contact_link")
    assert links.link_of(linked.simulator.phone).endswith(own) and await client.call("contact_link", revoke=True) != own
    target = await client.call("follow_contact_link", link=links.link_of(linked.ana))
    assert (target["JID"]["User"], target["PushName"], target["Type"]) == (linked.ana.number, "Ana", "contact")
    shop = await linked.simulator.add_contact("A shop", business_name="The Shop")
    target = await client.call("follow_message_link", link=links.message_link(shop, "A cake, please"))
    assert (target["JID"]["User"], target["Message"], target["VerifiedName"]) == (
        shop.number,
        "A cake, please",
        "The Shop",
    )
    with pytest.raises(DriverError, match="does not exist or has been revoked"):
        await client.call("follow_contact_link", link=own)

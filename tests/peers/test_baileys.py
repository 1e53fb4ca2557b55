"""Baileys 6 and 7, unchanged, on the simulator: they talk to people and to our server.

They want Node, and packages that `python -m tests.peers` installs; where these are not, the tests are skipped. Baileys
checks neither the chain of Noise certificates nor the signatures of identities: nothing here is proof of those.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.harness import Host, paired, whatsapp, within_limit
from tests.e2e.test_media import data_uri
from tests.e2e.test_messages import row_where
from tests.peers.baileys_peer import Baileys, baileys, text_of
from tests.peers.node_client import SECONDS, given_bytes
from tests.peers.packages import BAILEYS, BAILEYS_7, NodePeer, NotInstalled
from tests.unit.media import samples
from whatsapp_mcp.simulator import (
    ChatSettings,
    HistoryChat,
    HistoryMessage,
    ReceivedMessage,
    ReceivedReceipt,
    SimulatedPhone,
    Simulator,
    SimulatorConfig,
    VirtualContact,
)
from whatsapp_mcp.wire.message_secrets import option_hash

RITA = "12025550150"
ON_DEMAND = 6
READ = 4
"""The status of a message, as Baileys counts."""


@pytest.fixture(params=BAILEYS, ids=lambda peer: peer.name)
def kind(request: pytest.FixtureRequest) -> NodePeer:
    peer: NodePeer = request.param
    try:
        peer.command()
    except NotInstalled as reason:
        pytest.skip(str(reason))
    return peer


@dataclass
class Rita:
    """An account with a Baileys, and Ana, who writes to it."""

    simulator: Simulator
    phone: SimulatedPhone
    peer: Baileys
    ana: VirtualContact
    old: HistoryMessage

    @property
    def ana_jid(self) -> str:
        return str(self.ana.account.pn)

    async def got(self, message_id: str) -> ReceivedMessage:
        """What Ana has of a message to her."""
        return await self.ana.wait_for_message(lambda message: message.id == message_id, timeout=SECONDS)

    async def change(self, kind: str, start: int) -> ReceivedMessage:
        """The next that Ana gets of a kind."""
        return await self.ana.wait_for_message(lambda message: message.kind == kind, timeout=SECONDS, start=start)


@asynccontextmanager
async def rita_on(simulator: Simulator, kind: NodePeer, folder: Path) -> AsyncIterator[Rita]:
    phone = simulator.add_account(RITA, "Rita")
    ana = await simulator.add_contact("Ana")
    phone.save_contact(ana.account, "Ana Ruiz")
    old = HistoryMessage("long ago", author=ana)
    phone.history.remember(HistoryChat(ana, [old, HistoryMessage("indeed", reply_to=old)], unread=1))
    phone.history.automatic = True
    async with baileys(kind, simulator.endpoint, folder / "rita") as peer:
        await peer.link(phone)
        yield Rita(simulator, phone, peer, ana, old)


async def test_talks_with_our_server(kind: NodePeer, tmp_path: Path) -> None:
    # One server and one client for all of it: to start them is what takes long.
    async with paired(tmp_path) as (simulator, host), rita_on(simulator, kind, tmp_path) as rita:
        await write_to_each_other(rita, host)
        await exchange_pictures(rita, host)
        await meet_in_a_group(rita, host)


async def write_to_each_other(rita: Rita, host: Host) -> None:
    peer, me = rita.peer, rita.simulator.phone.account
    sent = str((await host.call("sendMessage", phone=RITA, message="hello Rita"))["message_id"])
    received = await peer.message(sent)
    assert (text_of(received), received["key"]["fromMe"]) == ("hello Rita", False)
    await peer.call("readMessages", [received["key"]])
    await row_where(host, RITA, message_id=sent, status=None)  # left out of what was read
    server = received["key"]["remoteJid"]
    answer = await peer.send(server, {"text": "hello server"}, quoted={"$message": sent})
    row = await row_where(host, RITA, message_id=answer)
    assert (row["content"], row["sender_name"], row["reply_to_id"]) == ("hello server", "Rita", sent)
    await host.call("readMessage", message_id=answer, phone=RITA)
    await peer.update(answer, lambda update: update.get("status") == READ)
    await host.call("reactMessage", message_id=answer, phone=RITA, emoji="🌞")
    await peer.event("messages.reaction", lambda data: [one["reaction"]["text"] for one in data] == ["🌞"])
    await peer.send(server, {"react": {"text": "🎉", "key": received["key"]}})
    liked = await row_where(host, RITA, message_id=sent, reactions=[reaction("🎉", RITA, "Rita")])
    assert liked["content"] == "hello Rita"
    key = {"remoteJid": server, "fromMe": True, "id": answer}
    await peer.send(server, {"text": "hello, server", "edit": key})
    await row_where(host, RITA, message_id=answer, content="hello, server")
    await host.call("updateMessage", message_id=sent, phone=RITA, message="hello, Rita")
    await peer.update(sent, lambda update: "hello, Rita" in str(update))
    poll = await peer.send(server, {"poll": {"name": "When?", "values": ["Fri", "Sat"], "selectableCount": 1}})
    await row_where(host, RITA, message_id=poll, kind="poll")
    asked = await host.call("sendPoll", phone=RITA, question="Where?", options=["A", "B"], max_answer=1)
    assert "Where?" in str((await peer.message(asked["message_id"]))["message"])
    await peer.send(server, {"delete": key})
    await row_where(host, RITA, message_id=answer, revoked=True)
    await host.call("revokeMessage", message_id=sent, phone=RITA)
    await peer.update(sent, lambda update: update.get("messageStubType") is not None)
    copies = [copy.text for copy in rita.phone.sent_copies if copy.chat == me.lid]
    assert copies[0] == "hello server", "the own phone has it too"


def confirms(message_id: str) -> Callable[[ReceivedReceipt], bool]:
    return lambda receipt: message_id in receipt.ids


def reaction(emoji: str, number: str, name: str) -> dict[str, Any]:
    return {"emoji": emoji, "sender_jid": f"{number}@s.whatsapp.net", "sender_name": name}


async def exchange_pictures(rita: Rita, host: Host) -> None:
    picture = samples.jpeg()
    sent = await host.call("sendImage", phone=RITA, image=data_uri(picture, "image/jpeg"), caption="from the server")
    received = await rita.peer.message(sent["message_id"])
    assert received["message"]["imageMessage"]["caption"] == "from the server"
    assert await rita.peer.download(sent["message_id"]) == picture
    chat = received["key"]["remoteJid"]
    back = await rita.peer.send(chat, {"image": given_bytes(picture), "caption": "and back", "jpegThumbnail": ""})
    await row_where(host, RITA, message_id=back, kind="image", content="and back")
    kept = await host.call("downloadMessageMedia", message_id=back, phone=RITA)
    assert Path(kept["file_path"]).read_bytes() == picture


async def meet_in_a_group(rita: Rita, host: Host) -> None:
    peer, ana = rita.peer, rita.ana
    made = await host.call("createGroup", title="Trip", participants=[ana.number, RITA])
    group_id = str(made["group_id"])
    await peer.event("groups.upsert", lambda data: any(one["id"] == group_id for one in data))
    info = await peer.call("groupMetadata", group_id)
    assert (info["subject"], len(info["participants"])) == ("Trip", 3)
    for number in range(2):  # the first messages bring the keys, the second ones go on with them
        sent = str((await host.call("sendMessage", phone=group_id, message=f"server {number}"))["message_id"])
        said = ana.say(f"Ana {number}", to=rita.simulator.group("Trip")).id
        for message_id, text in ((sent, f"server {number}"), (said, f"Ana {number}")):
            received = await peer.message(message_id)
            assert (received["key"]["remoteJid"], text_of(received)) == (group_id, text)
        wrote = await peer.send(group_id, {"text": f"Rita {number}"})
        assert (await rita.got(wrote)).text == f"Rita {number}"
        row = await row_where(host, group_id, message_id=wrote)
        assert (row["content"], row["sender_jid"]) == (f"Rita {number}", f"{RITA}@s.whatsapp.net")
    await host.call("setGroupName", group_id=group_id, name="Journey")
    await peer.event("groups.update", lambda data: any(one.get("subject") == "Journey" for one in data))
    own = await peer.call("groupCreate", "Dinner", [rita.ana_jid, str(rita.simulator.phone.account.pn)])
    wrote = await peer.send(own["id"], {"text": "at eight"})
    await row_where(host, own["id"], message_id=wrote, content="at eight")
    assert (await rita.got(wrote)).text == "at eight"


async def test_lives_on_the_simulator(kind: NodePeer, tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, _), rita_on(simulator, kind, tmp_path) as rita:
        await learn_what_was(rita)
        await chat_with_ana(rita)
        if kind is BAILEYS_7:
            await found_a_community(rita)
        await see_who_is_there(rita)
        await go_and_come_back(rita)
        rita.phone.unlink()
        await rita.peer.event("connection.update", lambda update: update.get("lastDisconnect") == 401)


async def learn_what_was(rita: Rita) -> None:
    """History, names, settings: what the phone knew before."""
    peer = rita.peer
    history = await peer.event(
        "messaging-history.set", lambda data: any(one["key"]["id"] == rita.old.id for one in data["messages"])
    )
    (before,) = [one for one in history["messages"] if one["key"]["id"] == rita.old.id]
    assert (text_of(before), before["key"]["remoteJid"]) == ("long ago", rita.ana_jid)
    start, first = len(peer.events), HistoryMessage("the very first", author=rita.ana, time=rita.old.seconds - 60)
    first.seconds = rita.old.seconds - 60
    rita.phone.history.chats[0].messages.insert(0, first)
    await peer.call("fetchMessageHistory", 10, before["key"], rita.old.seconds)
    older = await peer.event("messaging-history.set", lambda data: data["syncType"] == ON_DEMAND, start=start)
    assert [one["key"]["id"] for one in older["messages"]] == [first.id]
    await peer.events.wait_for(lambda event: "'name': 'Ana Ruiz'" in str(event.data), timeout=SECONDS)
    start = len(peer.events)
    ChatSettings(rita.phone).pin(rita.ana.account.pn)
    await peer.event("chats.update", lambda data: any(one.get("pinned") for one in data), start=start)
    before_patch = len(rita.phone.patches)
    await peer.call("pin", rita.ana_jid, False)
    change = await rita.phone.patches.wait_for(
        lambda change: change.index[0] == "pin_v1", timeout=SECONDS, start=before_patch
    )
    assert change.index == ("pin_v1", rita.ana_jid)
    assert not change.value.pinAction.pinned


async def chat_with_ana(rita: Rita) -> None:
    peer, ana, rita_account = rita.peer, rita.ana, rita.phone.account
    for number in range(2):
        said = ana.say(f"ping {number}", to=rita_account)
        received = await peer.message(said.id)
        assert (text_of(received), received["key"]["remoteJid"]) == (f"ping {number}", rita.ana_jid)
        await ana.receipts.wait_for(confirms(said.id), timeout=SECONDS)
        answer = await peer.send(rita.ana_jid, {"text": f"pong {number}"}, quoted={"$message": said.id})
        got = await rita.got(answer)
        assert (got.text, got.summary.reply_to) == (f"pong {number}", said.id)
        await peer.arrival(answer)
    ana.react("👍", got)
    await peer.event("messages.reaction", lambda data: data[0]["key"]["id"] == answer)
    ana.edit(said, "ping!")
    await peer.update(said.id, lambda update: "ping!" in str(update))
    poll = await peer.send(rita.ana_jid, {"poll": {"name": "When?", "values": ["Fri", "Sat"], "selectableCount": 1}})
    vote = ana.vote(await rita.got(poll), ["Sat"], to=rita_account)
    await peer.message(vote.id)
    chosen = await peer.call("vote", {"$message": vote.id}, {"$message": poll})
    assert chosen == [option_hash("Sat").hex()]
    picture = samples.jpeg(64)
    shown = ana.send_image(picture, caption="look", to=rita_account)
    await peer.message(shown.id)
    assert await peer.download(shown.id) == picture
    rita.simulator.world.media.expire(shown.message.imageMessage.directPath)
    await peer.call("updateMediaMessage", {"$message": shown.id})
    assert await peer.download(shown.id) == picture, "the phone uploaded it again"
    back = await peer.send(rita.ana_jid, {"image": given_bytes(picture), "caption": "nice", "jpegThumbnail": ""})
    assert await (await rita.got(back)).download() == picture
    ana.revoke(said)
    await peer.update(said.id, lambda update: update.get("messageStubType") is not None)


async def found_a_community(rita: Rita) -> None:
    peer, ana = rita.peer, rita.ana
    town = await peer.call("communityCreate", "Town", "All of us")
    group = await peer.call("groupCreate", "Choir", [rita.ana_jid])
    await peer.call("communityLinkGroup", group["id"], town["id"])
    listed = await peer.call("communityFetchLinkedGroups", town["id"])
    assert [one["subject"] for one in listed["linkedGroups"]] == ["Town", "General", "Choir"]
    assert ana.account in rita.simulator.groups.find(town["id"]).members
    await peer.call("communityUnlinkGroup", group["id"], town["id"])
    await peer.call("communityLeave", town["id"])
    assert rita.phone.account not in rita.simulator.groups.find(town["id"]).members


async def see_who_is_there(rita: Rita) -> None:
    peer, ana = rita.peer, rita.ana
    await peer.call("sendPresenceUpdate", "available")
    await peer.call("presenceSubscribe", rita.ana_jid)
    ana.offline()
    ana.online()
    await peer.event("presence.update", lambda data: "available" in str(data["presences"]))
    ana.typing(to=rita.phone.account)
    await peer.event("presence.update", lambda data: "composing" in str(data["presences"]))
    await peer.call("sendPresenceUpdate", "composing", rita.ana_jid)
    await ana.chat_states.wait_for(lambda state: state.account is rita.phone.account, timeout=SECONDS)


async def go_and_come_back(rita: Rita) -> None:
    """The stored session is enough; what waited comes; a session that one side lost is made anew."""
    peer, ana = rita.peer, rita.ana
    await peer.call("hang_up")
    waited = ana.say("while you were away", to=rita.phone.account)
    start = len(peer.events)
    await peer.call("come_back")
    await peer.online(start=start)
    assert text_of(await peer.message(waited.id)) == "while you were away"
    ana.signal.end_session(rita.phone.account.devices[1].address)
    answer = await peer.send(rita.ana_jid, {"text": "back again"})
    assert (await rita.got(answer)).text == "back again"
    assert text_of(await peer.message(ana.say("good", to=rita.phone.account).id)) == "good"
    assert not any(event.data.get("qr") for event in peer.events.since(start) if event.name == "connection.update")


async def test_is_a_second_device_beside_our_server(kind: NodePeer, tmp_path: Path) -> None:
    """One account with two linked devices, of two kinds: each sees what the other one writes."""
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        simulator.phone.history.automatic = True
        async with baileys(kind, simulator.endpoint, tmp_path / "second") as peer:
            await peer.link(simulator.phone)
            said = ana.say("to both of you").id
            assert text_of(await peer.message(said)) == "to both of you"
            await row_where(host, ana.number, message_id=said)
            sent = str((await host.call("sendMessage", phone=ana.number, message="from the server"))["message_id"])
            copy = await peer.message(sent)
            assert (text_of(copy), copy["key"]["fromMe"]) == ("from the server", True)
            assert copy["key"]["remoteJid"] == str(ana.account.pn)
            wrote = await peer.send(str(ana.account.pn), {"text": "from Baileys"})
            row = await row_where(host, ana.number, message_id=wrote)
            assert (row["content"], row["is_from_me"]) == ("from Baileys", True)
            assert [message.text for message in ana.inbox] == ["from the server", "from Baileys"]


async def test_outlives_the_simulator(kind: NodePeer, tmp_path: Path) -> None:
    """With a folder for its state, the next simulator knows the device; both make new sessions."""
    config = SimulatorConfig(state=tmp_path / "state", history_after_pairing=True)
    async with within_limit(), AsyncExitStack() as stack:
        async with Simulator(config) as simulator:
            ana = await simulator.add_contact("Ana")
            peer = await stack.enter_async_context(baileys(kind, simulator.endpoint, tmp_path / "robin"))
            await peer.link(simulator.phone)
            assert text_of(await peer.message(ana.say("before").id)) == "before"
            before = await peer.send(str(ana.account.pn), {"text": "answered"})
            await ana.wait_for_message(lambda message: message.id == before, timeout=SECONDS)
            await peer.call("hang_up")
            port = int(simulator.endpoint.proxy.rpartition(":")[2])
        async with Simulator(replace(config, port=port)) as simulator:
            ana, start = simulator.contact("Ana"), len(peer.events)
            await peer.call("come_back")
            await peer.online(start=start)
            after = await peer.send(str(ana.account.pn), {"text": "after"})
            got = await ana.wait_for_message(lambda message: message.id == after, timeout=SECONDS)
            assert got.text == "after"
            assert text_of(await peer.message(ana.say("still here").id)) == "still here"


async def test_links_by_code(kind: NodePeer, tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, _):
        phone = simulator.add_account(RITA, "Rita")
        async with baileys(kind, simulator.endpoint, tmp_path / "rita") as peer:
            await peer.event("connection.update", lambda update: bool(update.get("qr")))
            code = await peer.call("requestPairingCode", RITA)
            await phone.enter_code(code)
            await peer.online()
            assert (await peer.call("me"))["id"].startswith(f"{RITA}:1@")

"""A WhatsApp client written by somebody else, pywhats 0.2.0, on the simulator: it talks to people and to our server.

It runs unchanged. Its WebSocket and HTTP libraries take the way to the simulator from two environment variables: the
proxy, and the certificates to trust. It does not look at the Noise certificate, so there is no root key to replace.

What it cannot do, and what is therefore not here (pywhats 0.2.0):

- link by code: ``pairing.py`` knows the QR code only;
- make a group or follow an invite link: ``messaging/group.py`` has one request, the query. Rita's phone follows it;
- pictures in groups: ``Receiver._handle_group_message`` hands on nothing but text, and ``Client.send_image`` looks for
  the devices of a person. They go from person to person.
"""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from pywhats.client import Client
from pywhats.events import JID, Contact, GroupInfo, HistorySync, Message, MessageEdit, Pin, Reaction, Receipt

from tests.e2e.harness import Host, paired, until, whatsapp
from tests.e2e.test_media import data_uri
from tests.e2e.test_messages import row_where
from tests.unit.media import samples
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import (
    ChatSettings,
    HistoryChat,
    HistoryMessage,
    ReceivedMessage,
    ReceivedReceipt,
    Record,
    SentMessage,
    SimulatedPhone,
    Simulator,
)

RITA = "12025550150"
SECONDS = 120.0
"""For one step of the client."""

T = TypeVar("T")


class Peer:
    """The client of Rita's account, and what it reported."""

    def __init__(self, session: Path) -> None:
        self.client = Client(str(session))
        self.codes: Record[str] = self._record("qr")
        self.messages: Record[Message] = self._record("message")
        self.edits: Record[MessageEdit] = self._record("message_edit")
        self.reactions: Record[Reaction] = self._record("reaction")
        self.receipts: Record[Receipt] = self._record("receipt")
        self.histories: Record[HistorySync] = self._record("history_sync")
        self.contacts: Record[Contact] = self._record("contact")
        self.pins: Record[Pin] = self._record("pin")
        self.failures: Record[tuple[str, str]] = Record("message that pywhats cannot decrypt")

        async def keep_failure(message_id: str, reason: str) -> None:
            self.failures.add((message_id, reason))

        self.client.on("decrypt_error")(keep_failure)

    def _record(self, event: str) -> Record[T]:
        record: Record[T] = Record(f"{event} event of pywhats")

        async def keep(item: T) -> None:
            record.add(item)

        self.client.on(event)(keep)
        return record

    async def link(self, phone: SimulatedPhone) -> None:
        """Connect for the first time: the phone scans the code; returns when the login is complete."""
        connecting = asyncio.create_task(self.client.connect())
        try:
            await phone.scan(await self.codes.wait_for(timeout=SECONDS))
            async with asyncio.timeout(SECONDS):
                await connecting
            await phone.linked.wait_for(timeout=SECONDS)
        finally:
            connecting.cancel()

    async def message(self, message_id: str) -> Message:
        return await self.messages.wait_for(lambda message: message.id == message_id, timeout=SECONDS)

    async def write(self, chat: JID, text: str, *, reply_to: Message | None = None) -> Message:
        async with asyncio.timeout(SECONDS):
            return await self.client.send_text(chat, text, reply_to=reply_to)

    async def write_to_group(self, group: JID, text: str) -> Message:
        async with asyncio.timeout(SECONDS):
            info: GroupInfo = await self.client.get_group_info(group)
            members = [participant.jid for participant in info.participants]
            return await self.client.send_group_text(group, text, members)

    async def send_image(self, chat: JID, content: bytes, *, caption: str) -> Message:
        async with asyncio.timeout(SECONDS):
            return await self.client.send_image(chat, content, caption=caption)

    async def download(self, message: Message) -> bytes:
        async with asyncio.timeout(SECONDS):
            content: bytes = await self.client.download_media(message.media)
        return content

    async def receipt(self, kind: str, message_id: str) -> Receipt:
        return await self.receipts.wait_for(
            lambda receipt: receipt.type == kind and message_id in receipt.message_ids, timeout=SECONDS
        )


def lead_to(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process finds the simulator, and nothing else, where WhatsApp would be."""
    for name in ("no_proxy", "all_proxy", "wss_proxy", "socks_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", endpoint.proxy)
    monkeypatch.setenv("SSL_CERT_FILE", endpoint.ca_file)
    monkeypatch.setenv("SSL_CERT_DIR", "/nonexistent")
    monkeypatch.setattr(urllib.request, "_opener", None)  # urlopen() goes by the proxy of its first call
    assert urllib.request.getproxies()["https"] == endpoint.proxy
    for host in ("web.whatsapp.com", "mmg.whatsapp.net"):
        assert not urllib.request.proxy_bypass(f"{host}:443")


@asynccontextmanager
async def linked(simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    lead_to(simulator.endpoint, monkeypatch)
    peer = Peer(tmp_path / "rita.json")
    try:
        await peer.link(simulator.add_account(RITA, "Rita"))
        yield peer
    finally:
        await peer.client.disconnect()


def rita_of(simulator: Simulator) -> SimulatedPhone:
    (phone,) = [phone for phone in simulator.phones if phone.account.number == RITA]
    return phone


def everywhere(chat: JID) -> JID:
    """The person behind an address that names one device; pywhats writes to that device alone otherwise."""
    return JID(chat.user, chat.server)


def delivered(sent: SentMessage, to: Jid) -> Callable[[ReceivedReceipt], bool]:
    return lambda receipt: receipt.kind == "" and sent.id in receipt.ids and receipt.sender == to


def with_id(message_id: str) -> Callable[[ReceivedMessage], bool]:
    return lambda message: message.id == message_id


async def test_links_logs_in_again_and_gets_what_waited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with whatsapp(tmp_path) as (simulator, _):
        ana = await simulator.add_contact("Ana")
        async with linked(simulator, tmp_path, monkeypatch) as peer:
            rita = rita_of(simulator).account
            await until(lambda: len(rita.devices[1].one_time_prekeys) >= 49, what="the upload of prekeys")
            before = ana.say("before", to=rita)
            # Answered, or Ana's next message repeats the prekey, which pywhats takes for that of a new session.
            answer = await peer.write((await peer.message(before.id)).chat, "I have to go")
            await ana.wait_for_message(with_id(answer.id))
            await peer.client.disconnect()
            waiting = ana.say("while you were away", to=rita)
            again = Peer(tmp_path / "rita.json")
            async with asyncio.timeout(SECONDS):
                await again.client.connect()
            try:
                received = await again.message(waiting.id)
                assert received.text == "while you were away"
                answer = await again.write(received.chat, "back again")
                assert (await ana.wait_for_message(with_id(answer.id))).text == "back again"
            finally:
                await again.client.disconnect()
            assert len(again.codes) == 0, "the stored session was enough"
            assert len(again.failures) == 0


async def test_chats_with_a_contact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with whatsapp(tmp_path) as (simulator, _), linked(simulator, tmp_path, monkeypatch) as peer:
        ana, rita = await simulator.add_contact("Ana"), rita_of(simulator)
        device = rita.account.devices[1]
        for number in range(3):
            said = ana.say(f"ping {number}", to=rita.account)
            received = await peer.message(said.id)
            assert received.text == f"ping {number}"
            assert (received.chat.user, received.chat.server) == (ana.number, "s.whatsapp.net"), "it goes by numbers"
            await ana.receipts.wait_for(delivered(said, device.lid))
            answer = await peer.write(received.chat, f"pong {number}", reply_to=received)
            got = await ana.wait_for_message(with_id(answer.id))
            assert (got.text, got.summary.reply_to, got.sender) == (f"pong {number}", said.id, device.lid)
            copy = await rita.sent_copies.wait_for(with_id(answer.id))
            assert (copy.text, copy.chat) == (f"pong {number}", ana.account.lid), "the own phone has it too"
            await peer.receipt("read", answer.id)
        assert len(peer.failures) == 0


async def test_what_was_and_what_is_set_comes_from_the_phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with whatsapp(tmp_path) as (simulator, _), linked(simulator, tmp_path, monkeypatch) as peer:
        ana, rita = await simulator.add_contact("Ana"), rita_of(simulator)
        rita.save_contact(ana.account, "Ana Ruiz")
        name = await peer.contacts.wait_for(timeout=SECONDS)
        assert (name.full_name, name.jid.user) == ("Ana Ruiz", ana.number)
        ChatSettings(rita).pin(ana.account.pn)
        pin = await peer.pins.wait_for(timeout=SECONDS)
        assert (pin.pinned, pin.jid.user) == (True, ana.number)
        rita.share_history([HistoryChat(ana, [HistoryMessage("long ago", author=ana)])])
        history = await peer.histories.wait_for(timeout=SECONDS)
        assert (history.message_count, history.conversation_ids) == (1, [str(ana.account.pn)])
        assert len(peer.failures) == 0


async def test_a_chat_is_answered_in_the_form_that_it_was_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with whatsapp(tmp_path) as (simulator, _), linked(simulator, tmp_path, monkeypatch) as peer:
        ana, rita = await simulator.add_contact("Ana"), rita_of(simulator)
        first = await peer.write(JID(ana.number), "is this your number?")
        assert (await ana.wait_for_message(with_id(first.id))).text == "is this your number?"
        said = ana.say("yes", to=rita.account)
        received = await peer.message(said.id)
        assert (received.text, received.chat.server) == ("yes", "s.whatsapp.net")
        # pywhats keeps another session for each form of address.
        for form, server in ((JID(ana.account.lid_user, "lid"), "lid"), (JID(ana.number), "s.whatsapp.net")):
            wrote = await peer.write(form, f"by {server}")
            assert (await ana.wait_for_message(with_id(wrote.id))).text == f"by {server}"
            twice = ana.say("still me", to=rita.account)
            received = await peer.message(twice.id)
            assert (received.text, received.chat.server) == ("still me", server)
        assert len(peer.failures) == 0


async def test_talks_with_our_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with (
        paired(tmp_path) as (simulator, host),  # first: its process must not inherit what leads pywhats
        linked(simulator, tmp_path, monkeypatch) as peer,
    ):
        # One server for all of it: to start one is what takes long.
        await write_to_each_other(simulator, host, peer)
        await exchange_pictures(simulator, host, peer)
        await meet_in_a_group(simulator, host, peer)
        assert len(peer.failures) == 0


async def write_to_each_other(simulator: Simulator, host: Host, peer: Peer) -> None:
    sent = await host.call("sendMessage", phone=RITA, message="hello Rita")
    received = await peer.message(sent["message_id"])
    assert (received.text, received.sender.user) == ("hello Rita", simulator.phone.account.number)
    await peer.client.mark_read(received.chat, [received.id])
    await row_where(host, RITA, message_id=received.id, status=None)  # left out of what was read
    server = everywhere(received.chat)
    answer = await peer.write(server, "hello server", reply_to=received)
    row = await row_where(host, RITA, message_id=answer.id)
    assert (row["content"], row["sender_name"]) == ("hello server", "Rita")
    assert (await simulator.phone.received.wait_for(with_id(answer.id))).summary.reply_to == received.id
    await host.call("reactMessage", message_id=answer.id, phone=RITA, emoji="🌞")
    reaction = await peer.reactions.wait_for(timeout=SECONDS)
    assert (reaction.text, reaction.message_id) == ("🌞", answer.id)
    async with asyncio.timeout(SECONDS):
        await peer.client.send_reaction(server, received.id, "🎉")
        await peer.client.edit_message(server, answer.id, "hello, server")
    await row_where(host, RITA, message_id=answer.id, content="hello, server")
    liked = await row_where(host, RITA, message_id=received.id)
    assert [one["emoji"] for one in liked["reactions"]] == ["🎉"]
    await host.call("updateMessage", message_id=sent["message_id"], phone=RITA, message="hello, Rita")
    edit = await peer.edits.wait_for(timeout=SECONDS)
    assert (edit.text, edit.message_id) == ("hello, Rita", sent["message_id"])


async def exchange_pictures(simulator: Simulator, host: Host, peer: Peer) -> None:
    ana, rita = await simulator.add_contact("Ana"), rita_of(simulator)
    picture = samples.jpeg()
    sent = await host.call("sendImage", phone=RITA, image=data_uri(picture, "image/jpeg"), caption="from the server")
    received = await peer.message(sent["message_id"])
    assert received.media is not None
    assert (received.media.kind, received.media.caption) == ("image", "from the server")
    shown = await peer.download(received)
    assert shown == await (await simulator.phone.wait_for_copy(with_id(received.id))).download()
    back = await peer.send_image(everywhere(received.chat), picture, caption="and back")
    await row_where(host, RITA, message_id=back.id, kind="image", content="and back")
    kept = await host.call("downloadMessageMedia", message_id=back.id, phone=RITA)
    assert Path(kept["file_path"]).read_bytes() == picture
    said = ana.send_image(picture, caption="mine", to=rita.account)
    from_ana = await peer.message(said.id)
    assert await peer.download(from_ana) == picture
    forth = await peer.send_image(from_ana.chat, picture, caption="nice")
    got = await ana.wait_for_message(with_id(forth.id))
    assert (got.kind, got.text, await got.download()) == ("image", "nice", picture)


async def meet_in_a_group(simulator: Simulator, host: Host, peer: Peer) -> None:
    ana, rita = simulator.contact("Ana"), rita_of(simulator)
    group_id = str((await host.call("createGroup", title="Trip", participants=[ana.number]))["group_id"])
    group, jid = simulator.group("Trip"), JID(group_id.partition("@")[0], "g.us")
    assert group.join(rita)
    async with asyncio.timeout(SECONDS):
        info: GroupInfo = await peer.client.get_group_info(jid)
    assert info.subject == "Trip"
    assert {member.jid.user for member in info.participants} == {member.lid_user for member in group.participants}
    assert [member.jid.user for member in info.participants if member.is_admin] == [simulator.phone.account.lid_user]
    # whatsmeow handles what it gets in order: with this message it also knows who has joined, and writes to Rita too.
    heard = ana.say("Rita is here", to=group)
    await row_where(host, group_id, message_id=heard.id)
    for number in range(2):  # the first messages bring the keys, the second ones go on with them
        sent = await host.call("sendMessage", phone=group_id, message=f"server {number}")
        said = ana.say(f"Ana {number}", to=group)
        for message_id, author, text in (
            (sent["message_id"], simulator.phone.account, f"server {number}"),
            (said.id, ana.account, f"Ana {number}"),
        ):
            received = await peer.message(message_id)
            assert (received.chat, received.sender.user, received.text) == (jid, author.lid_user, text)
        await ana.receipts.wait_for(delivered(said, rita.account.devices[1].lid))
        wrote = await peer.write_to_group(jid, f"Rita {number}")
        got = await ana.wait_for_message(with_id(wrote.id))
        assert (got.text, got.group, got.sender) == (f"Rita {number}", group.jid, rita.account.devices[1].lid)
        row = await row_where(host, group_id, message_id=wrote.id)
        assert (row["content"], row["sender_jid"]) == (f"Rita {number}", f"{RITA}@s.whatsapp.net")
        assert (await rita.sent_copies.wait_for(with_id(wrote.id))).text == f"Rita {number}"

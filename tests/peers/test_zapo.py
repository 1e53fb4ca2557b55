"""zapo-js 0.3.0 on the simulator: it talks to people and to our server.

Written from WhatsApp Web, not from another client. It checks the chain of Noise certificates against a root that can be
set, comes back with the short handshake, and is never passive. It wants Node, and packages that `python -m tests.peers`
installs; where these are not, the tests are skipped.

What it cannot do, and what is therefore not here: votes in its own polls, which it opens with the number of its device
in the key; status updates, to which it makes no sessions; settings of privacy whose names it does not know.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.harness import paired, within_limit
from tests.e2e.test_media import data_uri
from tests.e2e.test_messages import row_where
from tests.peers.node_client import SECONDS, Json, NodeClient, given_bytes, running
from tests.peers.packages import ZAPO, NotInstalled
from tests.unit.media import samples
from whatsapp_mcp.simulator import (
    ChatSettings,
    HistoryChat,
    HistoryMessage,
    ReceivedMessage,
    SimulatedPhone,
    Simulator,
    VirtualContact,
)

RITA = "12025550150"


class Zapo(NodeClient):
    async def link(self, phone: SimulatedPhone) -> None:
        shown = await self.event("auth_qr")
        await phone.scan(shown["qr"])
        await phone.linked.wait_for(timeout=SECONDS)

    async def send(self, chat: str, content: object) -> str:
        return str(await self.call("send", chat, content))

    async def receipt(self, message_id: str) -> None:
        await self.event("message_receipt", lambda receipt: receipt["stanzaId"] == message_id)

    async def message(self, message_id: str) -> Json:
        found: Json = await self.event("message", lambda message: message["stanzaId"] == message_id)
        return found


@pytest.fixture(autouse=True)
def _installed() -> None:
    try:
        ZAPO.command()
    except NotInstalled as reason:
        pytest.skip(str(reason))


def text_of(message: Json) -> str:
    content = message["message"]
    return str(content.get("conversation") or content.get("extendedTextMessage", {}).get("text", ""))


async def got(who: VirtualContact, message_id: str) -> ReceivedMessage:
    return await who.wait_for_message(lambda message: message.id == message_id, timeout=SECONDS)


@asynccontextmanager
async def rita_on(simulator: Simulator) -> AsyncIterator[tuple[SimulatedPhone, Zapo, VirtualContact]]:
    phone, ana = simulator.add_account(RITA, "Rita"), await simulator.add_contact("Ana")
    phone.history.remember(HistoryChat(ana, [HistoryMessage("long ago", author=ana)]))
    phone.history.automatic = True
    async with running(Zapo, ZAPO, simulator.endpoint) as peer:
        await peer.link(phone)
        yield phone, peer, ana


async def test_lives_on_the_simulator() -> None:
    async with within_limit(), Simulator() as simulator, rita_on(simulator) as (phone, peer, ana):
        await peer.event("history_sync_chunk", lambda chunk: chunk["messagesCount"] == 1)
        await write_to_each_other(phone, peer, ana)
        await exchange_files(phone, peer, ana)
        await share_settings(phone, peer, ana)
        await see_who_is_there(phone, peer, ana)
        await meet_in_a_group(simulator, peer, ana)
        await come_back(phone, peer, ana)
        await recover(simulator, phone, peer, ana)
        await prove_an_address(simulator, phone, peer)
        await peer.call("logout")
        assert list(phone.account.devices) == [0]


async def write_to_each_other(phone: SimulatedPhone, peer: Zapo, ana: VirtualContact) -> None:
    said = ana.say("hello", to=phone.account)
    assert text_of(await peer.message(said.id)) == "hello"
    await ana.receipts.wait_for(lambda receipt: said.id in receipt.ids, timeout=SECONDS)
    for chat in (ana.account.pn, ana.account.lid):
        sent = await peer.send(str(chat), f"to {chat.server}")
        assert (await got(ana, sent)).text == f"to {chat.server}"
        await peer.receipt(sent)
    liked = ana.react("👍", await got(ana, sent))
    assert (await peer.message(liked.id))["message"]["reactionMessage"]["text"] == "👍"
    await peer.call("sendReceipt", {"to": str(ana.account.pn), "id": said.id, "type": "read"})
    await ana.receipts.wait_for(lambda receipt: receipt.kind == "read" and said.id in receipt.ids, timeout=SECONDS)


async def exchange_files(phone: SimulatedPhone, peer: Zapo, ana: VirtualContact) -> None:
    picture = samples.jpeg(64)
    shown = ana.send_image(picture, caption="look", to=phone.account)
    await peer.message(shown.id)
    assert base64.b64decode((await peer.call("download", shown.id))["$bytes"]) == picture
    for content in (
        {"type": "image", "mimetype": "image/jpeg", "caption": "nice"},
        {"type": "document", "mimetype": "application/pdf", "fileName": "a.pdf"},
        {"type": "audio", "mimetype": "audio/ogg; codecs=opus", "ptt": True, "seconds": 3},  # has a path of its own
    ):
        sent = await peer.send(str(ana.account.pn), {**content, "media": given_bytes(picture)})
        assert await (await got(ana, sent)).download() == picture


async def share_settings(phone: SimulatedPhone, peer: Zapo, ana: VirtualContact) -> None:
    chat, start = str(ana.account.pn), len(phone.patches)
    await peer.call("chat.setChatPin", chat, True)
    await peer.call("chat.flushMutations")
    change = await phone.patches.wait_for(lambda one: one.index[0] == "pin_v1", timeout=SECONDS, start=start)
    assert change.value.pinAction.pinned
    ChatSettings(phone).archive(ana.account.pn)
    await peer.event("chat_event", lambda event: event["action"] == "archive" and event.get("archived"))
    assert await peer.call("fetchPairingCountryCodeIso") == "US"


async def see_who_is_there(phone: SimulatedPhone, peer: Zapo, ana: VirtualContact) -> None:
    await peer.call("sendPresence", "available")
    await peer.call("sendNode", {"tag": "presence", "attrs": {"type": "subscribe", "to": str(ana.account.pn)}})
    ana.offline()
    ana.online()
    await peer.event("presence")
    ana.typing(to=phone.account)
    await peer.event("chatstate")


async def meet_in_a_group(simulator: Simulator, peer: Zapo, ana: VirtualContact) -> None:
    await peer.call("group.createGroup", "Trip", [str(ana.account.pn)])
    group = simulator.group("Trip")
    for number in range(2):  # the first messages bring the keys, the second ones go on with them
        sent = await peer.send(str(group.jid), f"Rita {number}")
        assert (await got(ana, sent)).group == group.jid
        said = ana.say(f"Ana {number}", to=group)
        assert text_of(await peer.message(said.id)) == f"Ana {number}"
    await peer.call("group.setSubject", str(group.jid), "Journey")
    assert (await peer.call("group.queryGroupMetadata", str(group.jid)))["subject"] == "Journey"
    await peer.call("group.leaveGroup", [str(group.jid)])
    assert group.participants == [ana.account]


async def come_back(phone: SimulatedPhone, peer: Zapo, ana: VirtualContact) -> None:
    await peer.call("disconnect")
    waited, start = ana.say("while you were away", to=phone.account), len(peer.events)
    await peer.call("connect")
    assert text_of(await peer.message(waited.id)) == "while you were away"
    await peer.event("offline_resume", lambda told: told["status"] == "complete", start=start)


async def recover(simulator: Simulator, phone: SimulatedPhone, peer: Zapo, ana: VirtualContact) -> None:
    """Its answer to a retry receipt shows no device identity, which was shown before."""
    ana.signal.end_session(phone.account.devices[1].address)
    sent = await peer.send(str(ana.account.pn), "again")
    assert (await got(ana, sent)).text == "again"
    simulator.faults.corrupt_messages(times=1)
    said = ana.say("broken on the way", to=phone.account)
    assert text_of(await peer.message(said.id)) == "broken on the way"


async def prove_an_address(simulator: Simulator, phone: SimulatedPhone, peer: Zapo) -> None:
    assert (await peer.call("email.getStatus"))["email"] is None
    assert (await peer.call("email.setEmail", "rita@example.com", "settings"))["email"] == "rita@example.com"
    await peer.call("email.requestVerificationCode", {"languageCode": "en", "localeCode": "US"})
    email = simulator.emails.of(phone)
    assert email is not None
    assert (await peer.call("email.verifyCode", email.code))["verified"]
    await peer.call("email.confirm", "settings")
    assert (await peer.call("email.getStatus"))["confirmed"]


async def test_talks_with_our_server(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host), rita_on(simulator) as (_, peer, _):
        sent = str((await host.call("sendMessage", phone=RITA, message="hello Rita"))["message_id"])
        received = await peer.message(sent)
        assert text_of(received) == "hello Rita"
        answer = await peer.send(received["chatJid"], "hello server")
        row = await row_where(host, RITA, message_id=answer)
        assert (row["content"], row["sender_name"]) == ("hello server", "Rita")
        picture = samples.jpeg()
        shown = await host.call(
            "sendImage", phone=RITA, image=data_uri(picture, "image/jpeg"), caption="from the server"
        )
        await peer.message(shown["message_id"])
        assert base64.b64decode((await peer.call("download", shown["message_id"]))["$bytes"]) == picture
        made = await host.call("createGroup", title="Trip", participants=[RITA])
        said = str((await host.call("sendMessage", phone=made["group_id"], message="all"))["message_id"])
        assert text_of(await peer.message(said)) == "all"
        wrote = await peer.send(made["group_id"], "me too")
        await row_where(host, made["group_id"], message_id=wrote, content="me too")

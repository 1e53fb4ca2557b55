"""A client asks the phone for a file that the media hosts have no more."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import pytest

from tests.unit.simulator.raw_client import RawClient
from tests.unit.simulator.test_strictness import login
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator import HistoryChat, HistoryMessage, Simulator
from whatsapp_mcp.wire.media_retry import open_retry, seal_retry
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import e2e, mms_retry


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as simulator:
        yield simulator


def request(message_id: str, key: bytes | None, chat: Jid, own: Jid, **more: Attr) -> Node:
    about = Node("rmr", {"jid": chat, "from_me": "false", **more})
    content = mms_retry.ServerErrorReceipt(stanzaID=message_id).SerializeToString()
    sealed = [seal_retry(content, key, message_id)] if key is not None else []
    return Node("receipt", {"id": message_id, "to": own, "type": "server-error"}, [*sealed, about])


async def notice(client: RawClient) -> Node:
    while (node := await client.receive()).get("type") != "mediaretry":
        pass
    return node


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("by_number", [True, False])
async def test_the_phone_uploads_a_file_again(sealed: bool, by_number: bool, simulator: Simulator) -> None:
    client, device, _ = await login(simulator)
    ana = await simulator.add_contact("Ana")
    picture = b"\xff\xd8" + secrets.token_bytes(500)
    sent = ana.send_image(picture)
    await simulator.phone.received.wait_for(lambda message: message.id == sent.id)
    image = sent.message.imageMessage
    simulator.world.media.expire(image.directPath)
    chat = ana.account.pn if by_number else ana.account.lid
    client.send(request(sent.id, image.mediaKey if sealed else None, chat, device.account.lid))
    answer = await notice(client)
    assert (answer.get("id"), answer.jid("from")) == (sent.id, device.account.pn), "it names itself by number"
    about, encrypted = answer.child("rmr"), answer.child("encrypt")
    assert about is not None and encrypted is not None and about.jid("jid") == chat
    opened = open_retry(encrypted, image.mediaKey, sent.id)
    assert opened is not None
    told = mms_retry.MediaRetryNotification.FromString(opened)
    assert (told.stanzaID, told.result) == (sent.id, mms_retry.MediaRetryNotification.SUCCESS)
    again = e2e.Message()
    again.CopyFrom(sent.message)
    again.imageMessage.directPath = told.directPath
    received = next(message for message in simulator.phone.received if message.id == sent.id)
    received.message.CopyFrom(again)
    assert await received.download() == picture


async def test_what_the_phone_cannot_send_again(simulator: Simulator) -> None:
    client, device, _ = await login(simulator)
    ana = await simulator.add_contact("Ana")
    text, sent = ana.say("no file"), ana.send_image(b"\xff\xd8picture")
    await simulator.phone.received.wait_for(lambda message: message.id == sent.id)
    key, own = sent.message.imageMessage.mediaKey, device.account.lid
    for wanted, code in (
        (request(text.id, key, ana.account.lid, own), "2"),
        (request("3EB0UNKNOWN", key, ana.account.lid, own), "2"),
        (request(sent.id, bytes(32), ana.account.lid, own), "3"),
    ):
        client.send(wanted)
        answer = await notice(client)
        error = answer.child("error")
        assert error is not None and (answer.get("id"), error.get("code")) == (wanted.get("id"), code)
    simulator.phone.files.has_files = False
    client.send(request(sent.id, key, ana.account.lid, own))
    error = (await notice(client)).child("error")
    assert error is not None and error.get("code") == "2"


async def test_a_file_of_the_history_in_a_group(simulator: Simulator) -> None:
    client, device, _ = await login(simulator)
    ana = await simulator.add_contact("Ana")
    group = await simulator.add_group("Trip", [ana], owner=simulator.phone)
    picture = ana.send_image(b"\xff\xd8before", to=group).message
    old = HistoryMessage(picture, author=ana)
    simulator.phone.history.remember(HistoryChat(group, [old]))
    key = picture.imageMessage.mediaKey
    client.send(request(old.id, key, group.jid, device.account.pn, participant=ana.account.lid))
    answer = await notice(client)
    about = answer.child("rmr")
    assert answer.child("encrypt") is not None and about is not None
    assert (about.jid("jid"), about.jid("participant")) == (group.jid, ana.account.lid)


async def test_a_history_that_cannot_be_downloaded_is_announced_again(simulator: Simulator) -> None:
    client, device, _ = await login(simulator)
    ana = await simulator.add_contact("Ana")
    chat = HistoryChat(ana, [HistoryMessage("long ago", author=ana)])
    (first,) = simulator.phone.share_history([chat], inline=False)
    asked = Node("receipt", {"id": first.id, "to": device.account.lid, "type": "server-error", "category": "peer"})
    client.send(asked)
    again = await simulator.phone.history.shared.wait_for(lambda shared: shared.id != first.id, timeout=60)
    assert again.sync == first.sync and again.device is device
    assert again.direct_path not in ("", first.direct_path)

"""History syncs as the real neonize takes them in."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.unit.simulator.linked import Linked, linked_client
from whatsapp_mcp.simulator import HistoryChat, HistoryMessage, SharedHistory, SimulatorConfig
from whatsapp_mcp.simulator.content import compose
from whatsapp_mcp.simulator.content.attachments import upload
from whatsapp_mcp.wire.media import MediaKind
from whatsapp_mcp.wire.protos import e2e

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="Go reads SSL_CERT_FILE on Linux only"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def linked(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Linked]:
    async with linked_client(tmp_path_factory.mktemp("history")) as everything:
        yield everything


async def event_of(linked: Linked, shared: list[SharedHistory], start: int) -> Any:
    """The client's event for a sync, once it confirmed it to the phone."""
    data = (await linked.client.event("HistorySync", start=start))["Data"]
    for one in shared:
        await one.taken()
    return data


def texts(data: Any) -> list[str]:
    return [m["message"]["message"].get("conversation") for c in data["conversations"] for m in c["messages"]]


async def test_a_small_one_comes_inside_of_its_message(linked: Linked) -> None:
    start = len(linked.client.events)
    old = HistoryMessage("long ago", author=linked.ana)
    chat = HistoryChat(linked.ana, [old, HistoryMessage("yes", reply_to=old, reactions=[(linked.ana, "👍")])], unread=3)
    data = await event_of(linked, linked.simulator.phone.share_history([chat]), start)
    assert data["syncType"] == "INITIAL_BOOTSTRAP"
    (conversation,) = data["conversations"]
    assert (conversation["ID"], conversation["unreadCount"]) == (str(linked.ana.account.lid), 3)
    newest, oldest = (message["message"] for message in conversation["messages"])
    assert oldest["message"]["conversation"] == "long ago"
    assert newest["message"]["extendedTextMessage"]["contextInfo"]["stanzaID"] == old.id
    assert newest["reactions"][0]["text"] == "👍"


async def test_one_that_is_damaged_on_the_way_is_sent_again(linked: Linked) -> None:
    start = len(linked.client.events)
    linked.simulator.faults.corrupt_messages()
    chat = HistoryChat(linked.ana, [HistoryMessage("sent twice", author=linked.ana)])
    assert texts(await event_of(linked, linked.simulator.phone.share_history([chat]), start)) == ["sent twice"]
    assert linked.simulator.faults.corrupted.take() is None, "the first one was damaged"


async def test_a_large_one_is_downloaded_and_then_deleted(linked: Linked) -> None:
    start = len(linked.client.events)
    messages = [HistoryMessage(f"{number} " + "x" * 50, author=linked.ana) for number in range(2000)]
    shared = linked.simulator.phone.share_history([HistoryChat(linked.ana, messages)], kind="full")
    data = await event_of(linked, shared, start)
    assert (data["syncType"], len(texts(data))) == ("FULL", 2000)
    deleted = await linked.simulator.media.deletions.wait_for(lambda file: file.direct_path == shared[0].direct_path)
    assert linked.simulator.world.media.find(deleted.path) is None


async def test_names_and_addresses(linked: Linked) -> None:
    bea = await linked.simulator.add_contact("Bea", push_name="Bea B.")
    start = len(linked.client.events)
    data = await event_of(linked, linked.simulator.phone.share_history(kind="push_names"), start)
    assert {"ID": str(bea.account.pn), "pushname": "Bea B."} in data["pushnames"]
    start = len(linked.client.events)
    data = await event_of(linked, linked.simulator.phone.share_history(kind="non_blocking"), start)
    assert {"pnJID": str(bea.account.pn), "lidJID": str(bea.account.lid)} in data["phoneNumberToLidMappings"]


async def test_media_of_old_messages_can_be_downloaded(linked: Linked) -> None:
    content = b"an old picture" * 100
    media = upload(linked.simulator.world.media, MediaKind.IMAGE, content)
    start = len(linked.client.events)
    chat = HistoryChat(linked.ana, [HistoryMessage(compose.image(media), author=linked.ana)])
    data = await event_of(linked, linked.simulator.phone.share_history([chat], kind="recent"), start)
    message = data["conversations"][0]["messages"][0]["message"]["message"]
    assert await linked.download(message) == content


async def test_older_messages_on_demand(linked: Linked) -> None:
    """The request itself is made here: neonize 0.5.2 has no call for it."""
    messages = [HistoryMessage(str(number), author=linked.ana, time=1000.0 + number) for number in range(5)]
    phone = linked.simulator.phone
    phone.history.chats.clear()
    phone.history.remember(HistoryChat(linked.ana, messages))
    message = e2e.Message()
    wanted = message.protocolMessage.peerDataOperationRequestMessage.historySyncOnDemandRequest
    wanted.chatJID, wanted.oldestMsgID, wanted.onDemandMsgCount = str(linked.ana.account.pn), messages[3].id, 2
    start = len(linked.client.events)
    device = phone.linked[0]
    phone.handle_peer_message(device, message, "REQUEST")
    data = await event_of(linked, phone.history.shared.since(len(phone.history.shared) - 1), start)
    assert (data["syncType"], texts(data)) == ("ON_DEMAND", ["2", "1"])


async def test_a_new_device_gets_the_history_by_itself(tmp_path: Path) -> None:
    async with linked_client(tmp_path, SimulatorConfig(history_after_pairing=True)) as linked:
        data = await linked.client.event("HistorySync")
        assert data["Data"]["syncType"] == "INITIAL_BOOTSTRAP"
        for shared in linked.simulator.phone.history.shared:
            await shared.taken()

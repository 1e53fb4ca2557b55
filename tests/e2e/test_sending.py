"""Every kind of message: what the contact decrypts, what the phone sees, what the store keeps."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.e2e.harness import chats_with, host_on, paired, until, whatsapp
from tests.e2e.shared import SharedAccount
from tests.unit.media import samples


async def test_text_reaches_contact_phone_and_store(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        sent = await host.call("sendMessage", phone=f"+{ana.number[:4]} {ana.number[4:]}", message="Olá, Ana! 👋")
        received = await ana.wait_for_message()
        assert (received.id, received.text, received.kind) == (sent["message_id"], "Olá, Ana! 👋", "text")
        assert not received.summary.forwarded
        assert received.summary.expiration == 0
        copy = await simulator.phone.wait_for_copy(lambda message: message.id == received.id)
        assert copy.text == "Olá, Ana! 👋"
        assert sent["chat_jid"] == f"{ana.number}@s.whatsapp.net"
        (row,) = (await host.call("getChatMessages", chat_jid=sent["chat_jid"]))["data"]
        assert (row["message_id"], row["content"], row["is_from_me"]) == (sent["message_id"], "Olá, Ana! 👋", True)


async def test_reply_forward_duration_and_mentions(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        question = ana.say("Dinner?")
        asked = (await host.call("waitForMessage", cursor=cursor, timeout=40))["message"]
        assert asked["message_id"] == question.id
        await host.call(
            "sendMessage",
            phone=asked["chat_jid"],
            message=f"Yes, @{ana.number}",
            reply_message_id=asked["message_id"],
            is_forwarded=True,
            duration=86400,
        )
        received = await ana.wait_for_message()
        assert received.summary.reply_to == question.id
        assert received.summary.quoted_text == "Dinner?"
        assert received.summary.forwarded
        assert received.summary.expiration == 86400
        assert received.summary.mentions == (f"{ana.number}@s.whatsapp.net",)
        newest = (await host.call("getChatMessages", chat_jid=ana.number))["data"][0]
        assert newest["reply_to_id"] == question.id


async def test_reply_to_an_own_message(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        first = await host.call("sendMessage", phone=ana.number, message="first")
        await host.call("sendMessage", phone=ana.number, message="second", reply_message_id=first["message_id"])
        received = await ana.wait_for_message(lambda message: message.text == "second")
        assert received.summary.reply_to == first["message_id"]
        assert received.summary.quoted_text == "first"


async def test_unknown_reply_is_refused_before_sending(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        error = await host.refused("sendMessage", phone=ana.number, message="x", reply_message_id="NOSUCH")
        assert error["code"] == "not_found"
        assert "reply_message_id" in error["message"]
        assert len(ana.inbox) == 0


PAGE = b"""<html><head><meta property="og:title" content="Caf\xc3\xa9 Lisboa">
<meta property="og:description" content="Open until nine">
<meta property="og:image" content="/front.jpg"></head></html>"""


async def test_link_with_the_preview_of_its_page(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = (await reader.readuntil(b"\r\n\r\n")).split()[1]
        kind, body = ("text/html; charset=utf-8", PAGE) if target == b"/menu" else ("image/jpeg", samples.jpeg())
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    async with (
        await asyncio.start_server(answer, "127.0.0.1", 0) as site,
        paired(tmp_path, WHATSAPP_MCP_ALLOW_LOOPBACK_URLS="true") as (simulator, host),
    ):
        ana = await simulator.add_contact("Ana")
        link = f"http://127.0.0.1:{site.sockets[0].getsockname()[1]}/menu"
        await host.call("sendLink", phone=ana.number, link=link)
        shown = (await ana.wait_for_message()).message.extendedTextMessage
        assert (shown.text, shown.matchedText) == (link, link)
        assert (shown.title, shown.description) == ("Café Lisboa", "Open until nine")
        assert shown.JPEGThumbnail.startswith(b"\xff\xd8")


async def test_link_location_contact_poll(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        await host.call("sendLink", phone=ana.number, link="https://nowhere.invalid/a", caption="Look")
        link = await ana.wait_for_message()
        assert link.text == "Look\nhttps://nowhere.invalid/a"
        assert link.summary.url == "https://nowhere.invalid/a", "sent without a preview when there is none"

        await host.call("sendLocation", phone=ana.number, latitude="-7.797068", longitude="110.370529")
        location = await ana.wait_for_message(start=1)
        assert location.kind == "location"
        assert (location.summary.latitude, location.summary.longitude) == (-7.797068, 110.370529)

        await host.call(
            "sendContact", phone=ana.number, contact_name="Bruno; Café, Ltd", contact_phone="+351 912 345 678"
        )
        contact = await ana.wait_for_message(start=2)
        assert contact.kind == "contact"
        assert contact.text == "Bruno; Café, Ltd"
        assert contact.summary.vcard is not None
        assert "waid=351912345678:+351912345678" in contact.summary.vcard
        assert "FN:Bruno\\; Café\\, Ltd" in contact.summary.vcard

        await host.call("sendPoll", phone=ana.number, question="When?", options=["Fri", "Sat", "Sun"], max_answer=2)
        poll = await ana.wait_for_message(start=3)
        assert poll.kind == "poll"
        assert (poll.text, poll.summary.options, poll.summary.selectable) == ("When?", ("Fri", "Sat", "Sun"), 2)
        assert len(poll.message.messageContextInfo.messageSecret) == 32, "without it nobody can vote"

        rows = (await host.call("getChatMessages", chat_jid=ana.number))["data"]
        assert [row["kind"] for row in rows] == ["poll", "contact", "location", "text"]


async def test_presence_and_typing(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint), host_on(endpoint, tmp_path / "data") as host:
        ana = await simulator.add_contact("Ana")
        simulator.phone.shares_keys = False  # so that the name does not come with the app state before it is missed
        await host.pair(simulator)
        error = await host.refused("sendPresence", type="available")
        assert "userChangePushName" in error["next_step"]
        for device in simulator.phone.account.devices.values():
            if not device.is_local:
                simulator.phone.share_keys(device)
        await host.call("userChangePushName", push_name="Robin B.")
        ana.subscribe_presence()
        await host.call("sendPresence", type="available")
        await ana.presences.wait_for(lambda update: update.available)
        await host.call("sendChatPresence", phone=ana.number, action="start")
        await ana.chat_states.wait_for(lambda state: state.state == "composing")
        await host.call("sendChatPresence", phone=ana.number, action="stop")
        await ana.chat_states.wait_for(lambda state: state.state == "paused")
        await host.call("sendPresence", type="unavailable")
        await ana.presences.wait_for(lambda update: not update.available)


async def test_push_name_changed_on_the_phone_at_the_same_moment(shared: SharedAccount) -> None:
    """WhatsApp refuses the change that comes second as a conflict; whatsmeow does not repeat it."""
    async with shared.borrowed() as (simulator, host):
        faster = ["Phone 1", "Phone 2"]

        def phone_is_faster(_author: object, collection: str) -> None:
            if faster and collection == "critical_block":
                simulator.phone.set_push_name(faster.pop())

        simulator.app_state.switches.before_upload.append(phone_is_faster)
        await host.call("userChangePushName", push_name="Robin B.")
        assert not faster, "the phone was in between twice"
        await until(lambda: simulator.phone.account.push_name == "Robin B.", what="the new name on the phone")


async def test_delivery_status_follows_receipts(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        ana.reads = False
        sent = await host.call("sendMessage", phone=ana.number, message="hello")
        received = await ana.wait_for_message()

        async def status() -> str:
            (row,) = (await host.call("getChatMessages", chat_jid=ana.number))["data"]
            return str(row.get("status", "read"))  # left out of what was read

        await _eventually(status, "delivered")
        ana.read(received)
        await _eventually(status, "read")
        assert sent["message_id"] == received.id


async def test_a_reply_to_a_number_that_is_not_on_whatsapp(shared: SharedAccount) -> None:
    async with shared.borrowed() as (_, host):
        error = await host.refused("sendMessage", phone="4915100000000", message="x")
        assert error["code"] == "not_found"
        assert "international format" in error["next_step"]


@pytest.mark.parametrize(
    ("code", "expected"), [(463, "reachout_timelock"), (429, "rate_limited"), (479, "whatsapp_refused")]
)
async def test_refusals_of_whatsapp(shared: SharedAccount, code: int, expected: str) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        simulator.faults.reject_messages(code)
        error = await host.refused("sendMessage", phone=ana.number, message="x")
        assert error["code"] == expected
        assert error["next_step"]
        if code == 429:
            assert error["details"]["retry_after_seconds"] > 0
        assert await chats_with(host, ana) == [], "what was not sent is not stored"


async def _eventually(read: object, wanted: str) -> None:
    import anyio

    assert callable(read)
    value = ""
    with anyio.move_on_after(120):
        while (value := await read()) != wanted:
            await anyio.sleep(0.02)
    assert value == wanted

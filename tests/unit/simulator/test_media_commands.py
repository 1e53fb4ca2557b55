"""The control commands for media, polls, calls, pictures, history and newsletters."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.control.commands import Commands
from whatsapp_mcp.wire.node import Node


@pytest.fixture
async def commands() -> Commands:
    simulator = Simulator()
    await simulator.add_contact("Ana")
    await simulator.add_contact("Bea")
    return Commands(simulator)


@pytest.mark.parametrize("kind", ["image", "video", "voice", "audio", "document", "sticker"])
async def test_files_are_sent_and_saved(commands: Commands, tmp_path: Path, kind: str) -> None:
    simulator = commands._simulator
    original, saved = tmp_path / "file.pdf", tmp_path / "saved"
    original.write_bytes(b"content")
    await commands.run("send_file", {"contact": "Ana", "kind": kind, "path": str(original), "caption": "look"})
    received = await simulator.phone.received.wait_for()
    assert received.kind == kind
    assert await received.download() == b"content"
    sent = simulator.phone.send_document(b"answer", name="a.txt", to=simulator.contact("Ana").account)
    await simulator.contact("Ana").wait_for_message(lambda m: m.id == sent.id)
    told = await commands.run("save_file", {"contact": "Ana", "message_id": sent.id, "path": str(saved)})
    assert (saved.read_bytes(), told["bytes"]) == (b"answer", 6)
    with pytest.raises(LookupError):
        await commands.run("save_file", {"contact": "Ana", "message_id": "none", "path": str(saved)})


async def test_polls_votes_and_edits(commands: Commands) -> None:
    phone = commands._simulator.phone
    poll = await commands.run("send_poll", {"contact": "Ana", "question": "When?", "options": ["Fri", "Sat"]})
    await commands.run("vote", {"contact": "Ana", "message_id": poll["id"], "options": ["Sat"]})
    assert (await phone.received.wait_for(lambda m: m.kind == "vote")).summary.options == ("Sat",)
    said = await commands.run("say", {"contact": "Ana", "text": "frist"})
    await commands.run("edit_secretly", {"contact": "Ana", "message_id": said["id"], "text": "first"})
    assert (await phone.received.wait_for(lambda m: m.kind == "edit")).text == "first"
    with pytest.raises(LookupError):
        await commands.run("edit_secretly", {"contact": "Ana", "message_id": "none", "text": "x"})


async def test_places_cards_links_and_timers(commands: Commands) -> None:
    phone = commands._simulator.phone
    for command, arguments, kind in (
        ("send_location", {"latitude": 1.0, "longitude": 2.0, "name": "here"}, "location"),
        ("send_location", {"latitude": 1.0, "longitude": 2.0, "live": True}, "live_location"),
        ("send_card", {"name": "Dr. Who", "number": "12025550190"}, "contact"),
        ("send_link", {"text": "https://a.example", "url": "https://a.example", "title": "A"}, "text"),
        ("set_disappearing", {"seconds": 60}, "disappearing"),
        ("post_status", {"text": "sunset"}, "text"),
    ):
        sent = await commands.run(command, {"contact": "Ana", **arguments})
        received = await phone.received.wait_for(lambda m, message_id=sent["id"]: m.id == message_id)  # type: ignore[misc]
        assert received.kind == kind


async def test_calls_and_pictures(commands: Commands, tmp_path: Path) -> None:
    call = await commands.run("call", {"contact": "Ana"})
    with pytest.raises(TimeoutError):
        await commands.run("wait_call", {"contact": "Ana", "call_id": call["call_id"], "timeout": 0.01})
    await commands.run("end_call", {"contact": "Ana", "call_id": call["call_id"]})
    ana, bea = commands._simulator.contact("Ana"), commands._simulator.contact("Bea")
    rung = bea.call(to=ana.account, video=True)
    await ana.call_signals.wait_for()
    (offered,) = await commands.run("calls", {"contact": "Ana"})
    told = {"call_id": rung.id, "what": "offer", "by": bea.number, "reason": "", "video": True}
    assert offered == told
    await commands.run("take_call", {"contact": "Ana", "call_id": rung.id})
    await rung.wait_for("accept")
    refused = bea.call(to=ana.account)
    await ana.call_signals.wait_for(start=1)
    await commands.run("reject_call", {"contact": "Ana", "call_id": refused.id})
    await refused.wait_for("reject")
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"\xff\xd8jpeg")
    for person, account in (
        ("Ana", commands._simulator.contact("Ana").account),
        ("me", commands._simulator.phone.account),
    ):
        assert (await commands.run("set_picture", {"person": person, "path": str(picture)}))["id"]
        assert account.picture is not None
        await commands.run("set_picture", {"person": person})
        assert account.picture is None


async def test_history(commands: Commands) -> None:
    history = commands._simulator.phone.history
    messages = [{"text": "long ago", "author": "Ana", "time": 1000, "id": "OLD"}, {"text": "yes", "starred": True}]
    chat = {"chat": "Ana", "messages": messages, "unread": 1, "pinned": True}
    await commands.run("remember_history", {"chats": [chat]})
    (known,) = history.chats
    assert [(m.id, m.seconds, m.starred) for m in known.messages[:1]] == [("OLD", 1000, False)]
    assert (known.unread, known.pinned, known.account) == (1, True, commands._simulator.contact("Ana").account)
    assert await commands.run("share_history", {"chats": [chat], "kind": "recent"}) == []  # nobody is linked
    await commands.run("history_after_pairing", {"on": True})
    assert history.automatic
    with pytest.raises(ValidationError):
        await commands.run("remember_history", {"chats": [{"chat": "Ana", "colour": "red"}]})
    with pytest.raises(LookupError):
        await commands.run("remember_history", {"chats": [{"chat": "Zoe"}]})


async def test_newsletters(commands: Commands) -> None:
    made = await commands.run("add_newsletter", {"name": "News", "posts": ["one"], "subscribers": 3, "owner": "Ana"})
    assert (made["subscribers"], made["posts"], made["role"]) == (4, 1, None)
    await commands.run("newsletter_follow", {"newsletter": "News"})
    post = await commands.run("newsletter_post", {"newsletter": "News", "text": "two"})
    reaction = {"newsletter": "News", "server_id": post["server_id"], "contact": "Bea", "emoji": "👍"}
    await commands.run("newsletter_react", reaction)
    posts = await commands.run("newsletter_posts", {"newsletter": made["jid"]})
    assert [(one["text"], one["reactions"]) for one in posts] == [("one", {}), ("two", {"👍": 1})]
    assert [news["role"] for news in await commands.run("newsletters", {})] == ["subscriber"]
    with pytest.raises(LookupError):
        await commands.run("newsletter_react", {**reaction, "server_id": 7})
    as_admin = {"newsletter": "News", "contact": "Bea"}
    with pytest.raises(LookupError):
        await commands.run("newsletter_admin", as_admin)
    news, bea = commands._simulator.newsletter("News"), commands._simulator.contact("Bea").account
    news.invited[bea] = int(commands._simulator.world.clock()) + 60
    await commands.run("newsletter_admin", as_admin)
    assert news.followers[bea].role == "admin"


async def test_the_email_address_is_told(commands: Commands) -> None:
    assert await commands.run("email", {}) is None
    device = commands._simulator.phone.device
    given = Node("email", {}, [Node("email_address", {}, b"robin@example.com")])
    commands._simulator.router.dispatch(
        device, Node("iq", {"id": "1", "type": "set", "xmlns": "urn:xmpp:whatsapp:account"}, [given]), lambda node: None
    )
    told = await commands.run("email", {})
    assert told == {"address": "robin@example.com", "code": "", "verified": False, "confirmed": False}


async def test_faults_of_the_media_hosts(commands: Commands) -> None:
    faults = commands._simulator.faults.media
    await commands.run("fail_uploads", {"status": 500})
    await commands.run("fail_downloads", {"status": 503, "retry_after": 0, "times": 2})
    await commands.run("slow_media", {"seconds": 0.5})
    for command in ("cut_uploads", "cut_downloads", "corrupt_downloads"):
        await commands.run(command, {})
    refusal = faults.upload_refusal.take()
    assert refusal is not None
    assert refusal.status == 500
    assert faults.upload_refusal.take() is None
    assert (faults.slowness.take(), faults.cut_upload.take(), faults.cut_upload.take()) == (0.5, True, None)
    assert (faults.cut_download.take(), faults.corruption.take()) == (True, True)
    await commands.run("clear_faults", {})
    assert (faults.download_refusal.take(), faults.slowness.take()) == (None, None)


async def test_what_the_owner_does_on_the_phone(commands: Commands) -> None:
    simulator = commands._simulator
    ana = simulator.contact("Ana").account
    for command, arguments in (
        ("phone_pin", {}),
        ("phone_archive", {}),
        ("phone_mute", {}),
        ("phone_mark_read", {"read": False}),
        ("phone_star", {"message_id": "M1"}),
        ("phone_delete_message", {"message_id": "M2"}),
        ("phone_delete_chat", {}),
    ):
        await commands.run(command, {"chat": "Ana", **arguments})
    entries = {index for name in ("regular_low", "regular_high") for index in simulator.phone._collection(name).entries}
    assert {(index[0], index[1]) for index in entries} == {
        (kind, str(ana.lid))
        for kind in ("pin_v1", "archive", "mute", "markChatAsRead", "star", "deleteMessageForMe", "deleteChat")
    }
    await commands.run("phone_pin", {"chat": str(ana.pn)})
    assert ("pin_v1", str(ana.pn)) in simulator.phone._collection("regular_low").entries
    with pytest.raises(LookupError):
        await commands.run("phone_pin", {"chat": "Nobody"})


async def test_posts_are_edited_and_deleted(commands: Commands) -> None:
    commands._simulator.add_newsletter("News", posts=["one", "two"])
    await commands.run("newsletter_edit", {"newsletter": "News", "server_id": 100, "text": "one, mended"})
    await commands.run("newsletter_delete", {"newsletter": "News", "server_id": 101})
    posts = await commands.run("newsletter_posts", {"newsletter": "News"})
    assert [(post["text"], post["deleted"]) for post in posts] == [("one, mended", False), ("", True)]
    with pytest.raises(LookupError):
        await commands.run("newsletter_delete", {"newsletter": "News", "server_id": 999})


async def test_a_contact_takes_another_number(commands: Commands) -> None:
    simulator = commands._simulator
    ana = simulator.contact("Ana").account
    lid = ana.lid
    await commands.run("change_number", {"contact": "Ana", "number": "12025550999"})
    assert (ana.number, ana.lid) == ("12025550999", lid)
    assert simulator.world.account(ana.pn) is ana
    with pytest.raises(ValueError, match="already"):
        await commands.run("change_number", {"contact": "Ana", "number": simulator.contact("Bea").number})

"""Everything that simulated people can send each other, without a client: 1:1, in groups, to the phone."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from whatsapp_mcp.jid import STATUS_BROADCAST
from whatsapp_mcp.simulator import ReceivedMessage, SentMessage, Simulator, VirtualContact
from whatsapp_mcp.simulator.content import compose
from whatsapp_mcp.simulator.content.attachments import Attachment, link_thumbnail_of
from whatsapp_mcp.simulator.content.compose import unwrap
from whatsapp_mcp.wire.media import MediaError, MediaKind
from whatsapp_mcp.wire.protos import e2e

CONTENT = os.urandom(3000)


async def to_phone(simulator: Simulator, sent: SentMessage) -> ReceivedMessage:
    return await simulator.phone.received.wait_for(lambda m: m.id == sent.id)


SENDERS: list[tuple[str, Callable[[VirtualContact], SentMessage]]] = [
    ("image", lambda ana: ana.send_image(CONTENT, caption="x")),
    ("image", lambda ana: ana.send_image(CONTENT, caption="x", view_once=True, ephemeral=60)),
    ("video", lambda ana: ana.send_video(CONTENT, caption="x", note=True)),
    ("voice", lambda ana: ana.send_voice(CONTENT)),
    ("audio", lambda ana: ana.send_audio(CONTENT)),
    ("document", lambda ana: ana.send_document(CONTENT, name="a.txt", caption="x")),
    ("sticker", lambda ana: ana.send_sticker(CONTENT)),
]


@pytest.mark.parametrize(("kind", "send"), SENDERS)
async def test_media_arrive_unchanged(kind: str, send: Callable[[VirtualContact], SentMessage]) -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    received = await to_phone(simulator, send(ana))
    assert received.kind == kind
    assert await received.download() == CONTENT
    assert received.text == ("x" if kind in ("image", "video", "document") else "")


async def test_what_files_and_messages_say_of_themselves() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    sent = ana.send_video(CONTENT, mimetype="video/3gpp", size=(320, 240), thumbnail=b"jpeg", gif=True)
    video = sent.message.videoMessage
    assert (video.mimetype, video.width, video.height, video.JPEGThumbnail) == ("video/3gpp", 320, 240, b"jpeg")
    assert video.gifPlayback
    document = ana.send_document(CONTENT, name="a.pdf", pages=3, thumbnail=b"jpeg").message.documentMessage
    assert (document.pageCount, document.JPEGThumbnail) == (3, b"jpeg")
    sticker = ana.send_sticker(CONTENT, animated=True, size=(96, 64)).message.stickerMessage
    assert (sticker.isAnimated, sticker.width, sticker.height) == (True, 96, 64)
    assert ana.send_audio(CONTENT, mimetype="audio/mp4").message.audioMessage.mimetype == "audio/mp4"
    assert ana.send_live_location(1, 2, sequence=7).message.liveLocationMessage.sequenceNumber == 7
    link = ana.send_link("https://a.example", "https://a.example", title="A", thumbnail=b"jpeg")
    assert link.message.extendedTextMessage.JPEGThumbnail == b"jpeg"
    odd = ana.send_message(simulator.phone.account, e2e.Message(conversation="x"), kind="poll", message_id="ODD")
    assert odd.id == "ODD"
    assert (await to_phone(simulator, odd)).text == "x"


async def test_envelopes_are_seen() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    received = await to_phone(simulator, ana.send_image(CONTENT, view_once=True, ephemeral=86400, forwarded=True))
    summary = received.summary
    assert (summary.view_once, summary.expiration, summary.forwarded) == (True, 86400, True)
    assert received.message.HasField("ephemeralMessage")
    assert received.message.messageContextInfo.messageSecret


async def test_a_file_that_is_gone_or_another_one() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    received = await to_phone(simulator, ana.send_image(CONTENT))
    media = received.media
    assert isinstance(media, Attachment)
    with pytest.raises(MediaError, match="content has 3000"):
        shorter = replace(media, reference=replace(media.reference, length=2999))
        await shorter.download(simulator.world.media)
    with pytest.raises(MediaError, match="uploaded as image"):
        video = replace(media, reference=replace(media.reference, kind=MediaKind.VIDEO))
        await video.download(simulator.world.media)
    simulator.world.media.expire(media.direct_path)
    with pytest.raises(MediaError, match="410"):
        await received.download()
    text = await to_phone(simulator, ana.say("no file"))
    with pytest.raises(LookupError, match="no file"):
        await text.download()
    with pytest.raises(ValueError, match="not as image"):
        ana.send_image(await ana.upload(MediaKind.VIDEO, CONTENT))


async def test_link_previews() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    sent = ana.send_link("see https://a.example", "https://a.example", title="A", description="B", picture=CONTENT)
    received = await to_phone(simulator, sent)
    assert (received.kind, received.summary.url) == ("text", "https://a.example")
    thumbnail = link_thumbnail_of(received.message)
    assert thumbnail is not None
    assert await thumbnail.download(simulator.world.media) == CONTENT


async def test_places_and_people() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    live = await to_phone(simulator, ana.send_live_location(1.0, 2.0, caption="walking"))
    assert (live.kind, live.text, live.summary.latitude) == ("live_location", "walking", 1.0)
    cards = await to_phone(simulator, ana.send_contacts(("A", "12025550190"), ("B", "12025550191")))
    assert cards.kind == "contacts"
    assert (cards.summary.vcard or "").count("BEGIN:VCARD") == 2
    album, first, _ = ana.send_album([CONTENT, CONTENT])
    assert (await to_phone(simulator, album)).kind == "album"
    association = unwrap((await to_phone(simulator, first)).message).messageContextInfo.messageAssociation
    assert (association.parentMessageKey.ID, association.parentMessageKey.fromMe) == (album.id, True)


async def test_replies_and_mentions_with_media() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    question = await to_phone(simulator, ana.say("where?"))
    answer = simulator.phone.send_image(
        CONTENT, to=ana.account, caption="here", reply_to=question, mentions=[ana.account]
    )
    received = await ana.wait_for_message(lambda m: m.id == answer.id)
    assert (received.summary.reply_to, received.summary.quoted_text) == (question.id, "where?")
    assert received.summary.mentions == (str(ana.account.pn),)
    assert not received.message.imageMessage.contextInfo.quotedMessage.HasField("messageContextInfo")


async def test_the_phone_must_be_told_whom_to_write_to() -> None:
    simulator = Simulator()
    with pytest.raises(ValueError, match="whom"):
        simulator.phone.send_image(CONTENT)


# --- votes and edits ---


async def test_votes_replace_each_other_and_can_be_taken_back() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    poll = simulator.phone.send_poll("When?", ["Fri", "Sat"], selectable=0, to=ana.account)
    received = await ana.wait_for_message()
    for choice in (["Fri"], ["Fri", "Sat"], []):
        vote = await to_phone(simulator, ana.vote(received, choice))
        assert (vote.kind, vote.summary.target, list(vote.summary.options)) == ("vote", poll.id, choice)
    with pytest.raises(LookupError):
        ana.vote(ana.say("no poll"), [])


@pytest.mark.parametrize("mode", ["lid", "pn"])
async def test_votes_in_groups_are_seen_by_everybody(mode: str) -> None:
    simulator = Simulator()
    ana, bea = await simulator.add_contact("Ana"), await simulator.add_contact("Bea")
    group = await simulator.add_group("Trip", [ana, bea], owner=simulator.phone)
    group.addressing_mode = "lid" if mode == "lid" else "pn"
    ana.send_poll("Where?", ["sea", "hills"], to=group)
    poll = await bea.wait_for_message(lambda m: m.kind == "poll")
    bea.vote(poll, ["sea"])
    for record in (ana.inbox, simulator.phone.received):
        vote = await record.wait_for(lambda m: m.kind == "vote")
        assert (vote.summary.options, vote.group) == (("sea",), group.jid)


async def test_a_vote_that_somebody_else_sealed_stays_closed() -> None:
    simulator = Simulator()
    ana, bea = await simulator.add_contact("Ana"), await simulator.add_contact("Bea")
    group = await simulator.add_group("Trip", [ana, bea], owner=simulator.phone)
    sent = ana.send_poll("Where?", ["sea", "hills"], to=group)
    await bea.wait_for_message(lambda m: m.kind == "poll")
    forged = bea.vote(sent, ["sea"]).message
    copy = e2e.Message()
    copy.CopyFrom(forged)
    simulator.phone.send_content(copy, to=group)  # Bea's vote, sent on by somebody else
    votes = ana.inbox
    await votes.wait_for(lambda m: m.kind == "vote" and m.sender.bare == bea.account.lid)
    stolen = await votes.wait_for(lambda m: m.kind == "vote" and m.sender.bare == simulator.phone.account.lid)
    assert stolen.summary.options == ()


@pytest.mark.parametrize("wrapped", [True, False])
async def test_edits_of_the_newer_form_are_opened(wrapped: bool) -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    sent = ana.say("frist")
    await to_phone(simulator, sent)
    edit = await to_phone(simulator, ana.edit_secretly(sent, "first", wrapped=wrapped))
    assert (edit.kind, edit.text, edit.summary.target) == ("edit", "first", sent.id)


async def test_the_timer_of_a_chat() -> None:
    simulator = Simulator()
    ana = await simulator.add_contact("Ana")
    received = await to_phone(simulator, ana.set_disappearing(3600))
    assert (received.kind, received.summary.expiration) == ("disappearing", 3600)


# --- status posts, calls ---


async def test_status_posts_reach_their_audience_only() -> None:
    simulator = Simulator()
    ana, bea, chen = [await simulator.add_contact(name) for name in ("Ana", "Bea", "Chen")]
    for text in ("one", "two"):
        ana.post_status(text, audience=[simulator.phone.account, bea.account])
    for record in (bea.inbox, simulator.phone.received):
        post = await record.wait_for(lambda m: m.text == "two")
        assert (post.chat, post.sender.bare, post.group) == (STATUS_BROADCAST, ana.account.lid, None)
    assert [m.text for m in bea.inbox] == ["one", "two"]
    assert len(chen.inbox) == 0
    seen = await ana.receipts.wait_for(lambda r: r.kind == "read")
    assert seen.sender.bare in (STATUS_BROADCAST, bea.account.lid)


async def test_calls_between_people() -> None:
    simulator = Simulator()
    ana, bea = await simulator.add_contact("Ana"), await simulator.add_contact("Bea")
    call = ana.call(to=bea.account)
    signal = await bea.call_signals.wait_for()
    assert (signal.what, signal.call_id, signal.by) == ("offer", call.id, ana.account)
    call.end("busy")
    signal = await bea.call_signals.wait_for(start=1)
    assert (signal.what, signal.reason) == ("terminate", "busy")
    assert not call.rejected
    again = ana.call(to=bea.account, video=True)
    signal = await bea.call_signals.wait_for(start=2)
    assert (signal.what, signal.video, signal.creator) == ("offer", True, ana.device.lid)
    assert not again.taken
    bea.find_call(again.id).accept()
    assert (await again.wait_for("accept")).by is bea.account
    assert again.taken
    bea.find_call(again.id).end("hangup")
    assert (await again.wait_for("terminate")).reason == "hangup"
    ana.say("never mind", to=bea.account)
    assert (await bea.wait_for_message()).text == "never mind"


def test_a_content_without_context_cannot_be_a_reply() -> None:
    with pytest.raises(ValueError, match="no context"):
        compose.context_of(e2e.Message(reactionMessage=e2e.ReactionMessage(text="x")))

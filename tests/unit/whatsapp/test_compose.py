"""What we send says what was asked for, and reads back as it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import Content, MessageKind, Quote
from whatsapp_mcp.models.outgoing import (
    AudioOut,
    ContactOut,
    DocumentOut,
    ImageOut,
    LinkOut,
    LocationOut,
    MediaOut,
    PollOut,
    SendOptions,
    StickerOut,
    TextOut,
    VideoOut,
)
from whatsapp_mcp.models.views import StoredMessage
from whatsapp_mcp.whatsapp.compose import (
    Uploaded,
    compose,
    compose_edit,
    compose_forward,
    compose_media,
    compose_reaction,
    compose_revoke,
    give_secret,
)
from whatsapp_mcp.whatsapp.content import read_content, unwrap
from whatsapp_mcp.wire.protos import common, e2e, neonize_pb2

ANA = Jid("4915100000001", "s.whatsapp.net")
ANA_LID = Jid("100000000000001", "lid")
BO = Jid("4915100000002", "s.whatsapp.net")
TEAM = Jid("120363000000000001", "g.us")
PLAIN = SendOptions()

FILE = Path("file")
UPLOADED = neonize_pb2.UploadResponse(url="https://mmg.example/x", FileLength=9, FileSHA256=b"S")

WRITABLE = st.text(st.characters(exclude_categories=["Cs"]))
"""Everything that UTF-8 can carry."""

Written = TextOut | LinkOut | LocationOut | ContactOut | PollOut
EVERY_KIND: list[Written] = [
    TextOut(text="hi"),
    LinkOut(link="https://a.example"),
    LocationOut(latitude=1.5, longitude=-2),
    ContactOut(name="Bo", number="4915100000002"),
    PollOut(question="Lunch?", options=("yes", "no"), selectable_count=1),
]


def stored(message_id: str, author: Jid, raw: bytes, text: str) -> StoredMessage:
    return StoredMessage(message_id, ANA, author, from_me=False, text=text, raw=raw, has_media=False)


@given(WRITABLE)
def test_text(text: str) -> None:
    assert read_content(compose(TextOut(text=text), PLAIN, None)) == Content(MessageKind.TEXT, text)


def test_link_with_caption_and_preview() -> None:
    link = LinkOut(link="https://a.example", caption="look", title="A", description="About A")
    assert read_content(compose(link, PLAIN, None)) == Content(
        MessageKind.TEXT,
        "look\nhttps://a.example",
        extra={"link": "https://a.example", "title": "A", "description": "About A"},
    )


def test_bare_link() -> None:
    content = read_content(compose(LinkOut(link="https://a.example"), PLAIN, None))
    assert content == Content(MessageKind.TEXT, "https://a.example", extra={"link": "https://a.example"})


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_location(latitude: float, longitude: float) -> None:
    content = read_content(compose(LocationOut(latitude=latitude, longitude=longitude), PLAIN, None))
    assert content == Content(MessageKind.LOCATION, extra={"latitude": latitude, "longitude": longitude})


@given(st.lists(WRITABLE, min_size=1, max_size=12), st.integers(0, 12))
def test_poll(options: list[str], selectable: int) -> None:
    poll = PollOut(question="Lunch?", options=tuple(options), selectable_count=selectable)
    content = read_content(compose(poll, PLAIN, None))
    assert content == Content(MessageKind.POLL, "Lunch?", extra={"options": options, "selectable_count": selectable})


# ---- files ----------------------------------------------------------------------------------------------------------

FILES: list[tuple[MediaOut, MessageKind]] = [
    (ImageOut(path=FILE, mimetype="a/b", width=3, height=4, thumbnail=b"T", caption="me"), MessageKind.IMAGE),
    (VideoOut(path=FILE, mimetype="a/b", seconds=5, width=3, height=4, thumbnail=b"T"), MessageKind.VIDEO),
    (AudioOut(path=FILE, mimetype="a/b", seconds=7), MessageKind.AUDIO),
    (AudioOut(path=FILE, mimetype="a/b", seconds=7, voice=True, waveform=bytes(64)), MessageKind.VOICE),
    (DocumentOut(path=FILE, mimetype="a/b", file_name="a.pdf"), MessageKind.DOCUMENT),
    (DocumentOut(path=FILE, mimetype="a/b", file_name="a.pdf", caption="me"), MessageKind.DOCUMENT),
    (StickerOut(path=FILE, mimetype="a/b", width=512, height=512), MessageKind.STICKER),
]


@pytest.mark.parametrize(("outgoing", "kind"), FILES)
def test_files(outgoing: MediaOut, kind: MessageKind) -> None:
    options = SendOptions(forwarded=True, expiration=86400)
    content = read_content(compose_media(outgoing, Uploaded(UPLOADED), options, None))
    assert content is not None
    assert content.media is not None
    assert (content.kind, content.text) == (kind, getattr(outgoing, "caption", ""))
    for name in ("mimetype", "width", "height", "seconds", "file_name"):
        assert (getattr(content.media, name) or None) == getattr(outgoing, name, None)
    assert (content.media.file_length, content.forwarded, content.expiration) == (9, True, 86400)


def test_what_only_some_files_say() -> None:
    photo, film, song = FILES[0][0], FILES[1][0], FILES[3][0]
    image = composed(photo).imageMessage
    assert (image.JPEGThumbnail, image.viewOnce) == (b"T", False)
    assert composed(photo.model_copy(update={"view_once": True})).imageMessage.viewOnce
    assert composed(film.model_copy(update={"gif": True})).videoMessage.gifPlayback
    assert composed(song).audioMessage.waveform == bytes(64)
    assert composed(FILES[5][0]).HasField("documentWithCaptionMessage")
    assert composed(FILES[6][0].model_copy(update={"animated": True})).stickerMessage.isAnimated


def composed(outgoing: MediaOut) -> e2e.Message:
    return compose_media(outgoing, Uploaded(UPLOADED), PLAIN, None)


# ---- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outgoing", EVERY_KIND, ids=lambda out: out.kind)
def test_options_apply_to_every_kind(outgoing: Written) -> None:
    options = SendOptions(forwarded=True, expiration=86400, mentions=(ANA, BO))
    quoted = stored("Q1", ANA_LID, e2e.Message(conversation="what?").SerializeToString(), "what?")
    content = read_content(compose(outgoing, options, quoted))
    assert content is not None
    assert content.quote == Quote("Q1", ANA_LID, "what?")
    assert content.mentions == (ANA, BO)
    assert content.forwarded
    assert content.expiration == 86400


@pytest.mark.parametrize("outgoing", EVERY_KIND, ids=lambda out: out.kind)
def test_without_options_there_is_no_context(outgoing: Written) -> None:
    for field, value in compose(outgoing, PLAIN, None).ListFields():
        if field.name != "messageContextInfo":
            assert not value.HasField("contextInfo")


def test_forwarded_has_a_score() -> None:
    message = compose(TextOut(text="hi"), SendOptions(forwarded=True), None)
    assert message.extendedTextMessage.contextInfo.forwardingScore > 0


# ---- replies --------------------------------------------------------------------------------------------------------


def test_reply_to_a_message_whose_protobuf_is_not_stored() -> None:
    content = read_content(compose(TextOut(text="hi"), PLAIN, stored("Q1", ANA, b"", "what?")))
    assert content == Content(MessageKind.TEXT, "hi", quote=Quote("Q1", ANA, "what?"))


def test_reply_to_a_poll_does_not_give_its_secret_away() -> None:
    poll = compose(PollOut(question="Lunch?", options=("yes", "no"), selectable_count=1), PLAIN, None)
    give_secret(poll)
    reply = compose(TextOut(text="hi"), PLAIN, stored("Q1", ANA, poll.SerializeToString(), "Lunch?"))
    assert reply.extendedTextMessage.contextInfo.quotedMessage.HasField("pollCreationMessage")
    assert poll.messageContextInfo.messageSecret not in reply.SerializeToString()


@pytest.mark.parametrize("wrapper", [None, "ephemeralMessage"])
def test_a_chain_of_replies_does_not_grow(wrapper: str | None) -> None:
    """A quote carries the quoted message, but not what that one quoted: no parser would take a long chain."""
    raw, sizes = e2e.Message(conversation="hi").SerializeToString(), []
    for number in range(60):
        quoted = stored(f"Q{number:03}", ANA, raw, "hi")
        raw = compose(TextOut(text="hi"), SendOptions(mentions=(BO,)), quoted).SerializeToString()
        if wrapper:
            outer = e2e.Message()
            getattr(outer, wrapper).message.MergeFromString(raw)
            raw = outer.SerializeToString()
        sizes.append(len(raw))
    content = read_content(e2e.Message.FromString(raw))
    assert content is not None
    assert content.quote == Quote("Q059", ANA, "hi")
    assert sizes[-1] == sizes[2]


@pytest.mark.parametrize(
    "first",
    [
        e2e.Message(conversation="at 5"),
        e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="at 5 https://a.example", title="A")),
        e2e.Message(imageMessage=e2e.ImageMessage(caption="at 5", mimetype="image/jpeg")),
        e2e.Message(
            documentWithCaptionMessage=e2e.FutureProofMessage(
                message=e2e.Message(documentMessage=e2e.DocumentMessage(caption="at 5", fileName="a.pdf"))
            )
        ),
    ],
)
def test_what_was_edited_is_quoted_and_forwarded_as_it_reads_now(first: e2e.Message) -> None:
    raw = first.SerializeToString()
    edited = StoredMessage("Q1", ANA, ANA, False, "at 6", raw, has_media=False, file=raw, is_edited=True)
    quoted = compose(TextOut(text="yes"), PLAIN, edited).extendedTextMessage.contextInfo.quotedMessage
    for message in (quoted, compose_forward(edited, 0)):
        content = read_content(message)
        assert content is not None
        assert (content.text, content.extra) == ("at 6", {})
        assert b"at 5" not in message.SerializeToString()


# ---- contacts -------------------------------------------------------------------------------------------------------


def vcard(name: str, number: str = "4915100000002") -> str:
    return compose(ContactOut(name=name, number=number), PLAIN, None).contactMessage.vcard


def test_vcard() -> None:
    assert vcard("Bo").split("\n") == [
        "BEGIN:VCARD",
        "VERSION:3.0",
        "N:;Bo;;;",
        "FN:Bo",
        "TEL;type=CELL;waid=4915100000002:+4915100000002",
        "END:VCARD",
    ]


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("a,b", r"a\,b"),
        ("a;b", r"a\;b"),
        ("a\\b", r"a\\b"),
        ("a\\,b", r"a\\\,b"),
        ("a\nb", r"a\nb"),
        ("a\r\nb", r"a\nb"),
        ("a\rb", r"a\nb"),
        ("a\u2028b", r"a\nb"),
        ("\r", ""),
        ("日本 🙂", "日本 🙂"),
    ],
)
def test_vcard_escapes_names(name: str, escaped: str) -> None:
    assert f"\nFN:{escaped}\nTEL" in vcard(name)
    assert f"\nN:;{escaped};;;\n" in vcard(name)


@given(WRITABLE)
def test_no_name_can_add_a_line(name: str) -> None:
    lines = vcard(name).splitlines()
    assert len(lines) == 6
    assert [line.partition(":")[0] for line in lines] == [
        "BEGIN",
        "VERSION",
        "N",
        "FN",
        "TEL;type=CELL;waid=4915100000002",
        "END",
    ]


def test_contact_shows_the_name_as_it_was_given() -> None:
    content = read_content(compose(ContactOut(name="Bo, the 2nd\r\nEMAIL:x", number="4915100000002"), PLAIN, None))
    assert content is not None
    assert content.text == "Bo, the 2nd\r\nEMAIL:x"


# ---- about other messages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chat", "from_me", "participant"),
    [(TEAM, False, str(ANA_LID)), (TEAM, True, ""), (ANA_LID, False, ""), (ANA, True, "")],
    ids=["group", "own in a group", "person", "own to a person"],
)
def test_keys_name_the_author_in_groups_only(chat: Jid, participant: str, *, from_me: bool) -> None:
    reaction = compose_reaction(chat=chat, message_id="M1", author=ANA_LID, from_me=from_me, emoji="👍")
    revoke = compose_revoke(chat=chat, message_id="M1", author=ANA_LID, from_me=from_me)
    key = common.MessageKey(remoteJID=str(chat), fromMe=from_me, ID="M1")
    if participant:
        key.participant = participant
    assert reaction.reactionMessage.key == key
    assert revoke.protocolMessage.key == key
    assert revoke.protocolMessage.type == e2e.ProtocolMessage.Type.REVOKE
    assert revoke.protocolMessage.HasField("type"), "REVOKE is the default, but must be on the wire"


@pytest.mark.parametrize("emoji", ["👍", ""])
def test_reaction(emoji: str) -> None:
    message = compose_reaction(chat=ANA, message_id="M1", author=ANA, from_me=False, emoji=emoji)
    assert message.reactionMessage.text == emoji
    assert message.reactionMessage.HasField("text"), "an empty text takes the reaction back"
    assert message.reactionMessage.senderTimestampMS > 1_700_000_000_000


def test_edit() -> None:
    message = compose_edit(chat=ANA, message_id="M1", text="new")
    inner, _ = unwrap(message)
    assert inner.protocolMessage.type == e2e.ProtocolMessage.Type.MESSAGE_EDIT
    assert inner.protocolMessage.key == common.MessageKey(remoteJID=str(ANA), fromMe=True, ID="M1")
    assert read_content(inner.protocolMessage.editedMessage) == Content(MessageKind.TEXT, "new")
    assert inner.protocolMessage.timestampMS > 1_700_000_000_000

"""Every kind of message, in every wrapping, becomes the Content that a person would see."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import Content, MediaInfo, MessageKind, Quote
from whatsapp_mcp.whatsapp.content import read_content, unwrap
from whatsapp_mcp.wire.protos import common, e2e

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

ANA = Jid("4915100000001", "s.whatsapp.net")
POLL = e2e.PollCreationMessage(
    name="Lunch?",
    options=[e2e.PollCreationMessage.Option(optionName="yes"), e2e.PollCreationMessage.Option(optionName="no")],
    selectableOptionsCount=1,
)
POLL_READ = Content(MessageKind.POLL, "Lunch?", extra={"options": ["yes", "no"], "selectable_count": 1})


def media(**more: Any) -> MediaInfo:
    return MediaInfo(
        mimetype="a/b",
        file_length=12,
        url="https://mmg.example/x",
        direct_path="/v/x",
        media_key=b"K",
        file_sha256=b"S",
        file_enc_sha256=b"E",
        **more,
    )


MEDIA: dict[str, Any] = {
    "mimetype": "a/b",
    "fileLength": 12,
    "URL": "https://mmg.example/x",
    "directPath": "/v/x",
    "mediaKey": b"K",
    "fileSHA256": b"S",
    "fileEncSHA256": b"E",
}

KINDS: dict[str, tuple[Message, Content]] = {
    "text": (e2e.Message(conversation="hi"), Content(MessageKind.TEXT, "hi")),
    "extended text": (
        e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="hi")),
        Content(MessageKind.TEXT, "hi"),
    ),
    "link": (
        e2e.Message(
            extendedTextMessage=e2e.ExtendedTextMessage(
                text="see https://a.example", matchedText="https://a.example", title="A", description="About A"
            )
        ),
        Content(
            MessageKind.TEXT,
            "see https://a.example",
            extra={"link": "https://a.example", "title": "A", "description": "About A"},
        ),
    ),
    "image": (
        e2e.Message(imageMessage=e2e.ImageMessage(caption="me", width=3, height=4, **MEDIA)),
        Content(MessageKind.IMAGE, "me", media=media(width=3, height=4)),
    ),
    "video": (
        e2e.Message(videoMessage=e2e.VideoMessage(caption="me", width=3, height=4, seconds=5, **MEDIA)),
        Content(MessageKind.VIDEO, "me", media=media(width=3, height=4, seconds=5)),
    ),
    "gif": (
        e2e.Message(videoMessage=e2e.VideoMessage(gifPlayback=True, **MEDIA)),
        Content(MessageKind.VIDEO, media=media(), extra={"gif": True}),
    ),
    "video note": (
        e2e.Message(ptvMessage=e2e.VideoMessage(seconds=5, **MEDIA)),
        Content(MessageKind.VIDEO, media=media(seconds=5), extra={"video_note": True}),
    ),
    "audio": (
        e2e.Message(audioMessage=e2e.AudioMessage(seconds=7, **MEDIA)),
        Content(MessageKind.AUDIO, media=media(seconds=7)),
    ),
    "voice": (
        e2e.Message(audioMessage=e2e.AudioMessage(seconds=7, PTT=True, **MEDIA)),
        Content(MessageKind.VOICE, media=media(seconds=7)),
    ),
    "document": (
        e2e.Message(documentMessage=e2e.DocumentMessage(fileName="a.pdf", caption="read", pageCount=2, **MEDIA)),
        Content(MessageKind.DOCUMENT, "read", media=media(file_name="a.pdf"), extra={"pages": 2}),
    ),
    "document with a title only": (
        e2e.Message(documentMessage=e2e.DocumentMessage(title="a", **MEDIA)),
        Content(MessageKind.DOCUMENT, media=media(file_name="a")),
    ),
    "sticker": (
        e2e.Message(stickerMessage=e2e.StickerMessage(width=5, height=5, **MEDIA)),
        Content(MessageKind.STICKER, media=media(width=5, height=5)),
    ),
    "location": (
        e2e.Message(
            locationMessage=e2e.LocationMessage(
                degreesLatitude=1.5, degreesLongitude=-2, name="Bar", address="Street 1", URL="https://a.example"
            )
        ),
        Content(
            MessageKind.LOCATION,
            "Bar, Street 1",
            extra={
                "latitude": 1.5,
                "longitude": -2.0,
                "name": "Bar",
                "address": "Street 1",
                "link": "https://a.example",
            },
        ),
    ),
    "live location": (
        e2e.Message(
            liveLocationMessage=e2e.LiveLocationMessage(degreesLatitude=1.5, degreesLongitude=-2, caption="on my way")
        ),
        Content(MessageKind.LOCATION, "on my way", extra={"latitude": 1.5, "longitude": -2.0, "live": True}),
    ),
    "contact": (
        e2e.Message(contactMessage=e2e.ContactMessage(displayName="Bo", vcard="BEGIN:VCARD")),
        Content(MessageKind.CONTACT, "Bo", extra={"vcards": ["BEGIN:VCARD"]}),
    ),
    "contacts": (
        e2e.Message(
            contactsArrayMessage=e2e.ContactsArrayMessage(
                contacts=[
                    e2e.ContactMessage(displayName="Bo", vcard="1"),
                    e2e.ContactMessage(displayName="Cy", vcard="2"),
                ]
            )
        ),
        Content(MessageKind.CONTACT, "Bo, Cy", extra={"vcards": ["1", "2"]}),
    ),
    "poll": (e2e.Message(pollCreationMessage=POLL), POLL_READ),
    "poll V2": (e2e.Message(pollCreationMessageV2=POLL), POLL_READ),
    "poll V3": (e2e.Message(pollCreationMessageV3=POLL), POLL_READ),
    "poll V4": (
        e2e.Message(pollCreationMessageV4=e2e.FutureProofMessage(message=e2e.Message(pollCreationMessage=POLL))),
        POLL_READ,
    ),
    "poll V5": (e2e.Message(pollCreationMessageV5=POLL), POLL_READ),
    "poll V6": (e2e.Message(pollCreationMessageV6=POLL), POLL_READ),
    "event": (
        e2e.Message(eventMessage=e2e.EventMessage(name="Party", description="bring cake", startTime=99)),
        Content(MessageKind.EVENT, "Party", extra={"start_time": 99, "description": "bring cake"}),
    ),
    "album": (
        e2e.Message(albumMessage=e2e.AlbumMessage(expectedImageCount=2, expectedVideoCount=1)),
        Content(MessageKind.ALBUM, extra={"images": 2, "videos": 1}),
    ),
    "group invite": (
        e2e.Message(
            groupInviteMessage=e2e.GroupInviteMessage(
                groupJID="1@g.us", groupName="Team", inviteCode="c", caption="in?"
            )
        ),
        Content(MessageKind.INVITE, "in?", extra={"group_id": "1@g.us", "group_name": "Team", "invite_code": "c"}),
    ),
    "buttons": (
        e2e.Message(buttonsMessage=e2e.ButtonsMessage(contentText="pick")),
        Content(MessageKind.INTERACTIVE, "pick"),
    ),
    "buttons answer": (
        e2e.Message(buttonsResponseMessage=e2e.ButtonsResponseMessage(selectedDisplayText="one")),
        Content(MessageKind.INTERACTIVE, "one"),
    ),
    "list": (
        e2e.Message(listMessage=e2e.ListMessage(title="pick", description="from these")),
        Content(MessageKind.INTERACTIVE, "pick\nfrom these"),
    ),
    "list without title": (
        e2e.Message(listMessage=e2e.ListMessage(description="from these")),
        Content(MessageKind.INTERACTIVE, "from these"),
    ),
    "list answer": (
        e2e.Message(listResponseMessage=e2e.ListResponseMessage(title="one")),
        Content(MessageKind.INTERACTIVE, "one"),
    ),
    "template answer": (
        e2e.Message(templateButtonReplyMessage=e2e.TemplateButtonReplyMessage(selectedDisplayText="one")),
        Content(MessageKind.INTERACTIVE, "one"),
    ),
    "interactive": (
        e2e.Message(interactiveMessage=e2e.InteractiveMessage(body=e2e.InteractiveMessage.Body(text="pick"))),
        Content(MessageKind.INTERACTIVE, "pick"),
    ),
    "interactive answer": (
        e2e.Message(
            interactiveResponseMessage=e2e.InteractiveResponseMessage(
                body=e2e.InteractiveResponseMessage.Body(text="one")
            )
        ),
        Content(MessageKind.INTERACTIVE, "one"),
    ),
    "template": (
        e2e.Message(
            templateMessage=e2e.TemplateMessage(
                hydratedTemplate=e2e.TemplateMessage.HydratedFourRowTemplate(hydratedContentText="Your order")
            )
        ),
        Content(MessageKind.INTERACTIVE, "Your order"),
    ),
    "template of four rows": (
        e2e.Message(
            templateMessage=e2e.TemplateMessage(
                hydratedFourRowTemplate=e2e.TemplateMessage.HydratedFourRowTemplate(hydratedContentText="Your order")
            )
        ),
        Content(MessageKind.INTERACTIVE, "Your order"),
    ),
    "call": (
        e2e.Message(callLogMesssage=e2e.CallLogMessage(isVideo=True, durationSecs=60)),
        Content(MessageKind.CALL, extra={"video": True, "seconds": 60}),
    ),
    "order": (
        e2e.Message(orderMessage=e2e.OrderMessage(orderTitle="2 cakes")),
        Content(MessageKind.OTHER, "2 cakes", extra={"type": "orderMessage"}),
    ),
    "something else": (
        e2e.Message(requestPhoneNumberMessage=e2e.RequestPhoneNumberMessage()),
        Content(
            MessageKind.OTHER,
            extra={"type": "requestPhoneNumberMessage", "note": "Asks for your phone number."},
        ),
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds(name: str) -> None:
    message, content = KINDS[name]
    assert read_content(message) == content


@pytest.mark.parametrize("name", KINDS)
def test_kinds_that_travel_with_keys_of_their_own(name: str) -> None:
    """messageContextInfo and a group's sender key accompany content; they never are it."""
    message = e2e.Message.FromString(KINDS[name][0].SerializeToString())
    message.messageContextInfo.messageSecret = b"s" * 32
    message.senderKeyDistributionMessage.groupID = "1@g.us"
    assert read_content(message) == KINDS[name][1]


def test_a_kind_that_this_version_does_not_know_is_not_lost() -> None:
    """Go hands fields on that are newer than the Python classes."""
    unknown_field = 9999 << 3 | 2
    tag = bytes([unknown_field & 0x7F | 0x80, unknown_field >> 7 & 0x7F | 0x80, unknown_field >> 14])
    message = e2e.Message.FromString(tag + b"\x02hi")
    assert message.ListFields() == []
    assert read_content(message) == Content(MessageKind.OTHER, "hi", extra={"type": "unknown"})


CONTEXT = e2e.ContextInfo(
    stanzaID="Q1",
    participant="4915100000001:7@s.whatsapp.net",
    quotedMessage=e2e.Message(conversation="what?"),
    mentionedJID=["4915100000001@s.whatsapp.net", "not a jid", ""],
    isForwarded=True,
    expiration=86400,
)


@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"text", "call"}))
def test_context_is_read_from_every_kind_that_has_it(name: str) -> None:
    message = e2e.Message.FromString(KINDS[name][0].SerializeToString())
    inner, _ = unwrap(message)
    [(_, value)] = inner.ListFields()
    value.contextInfo.CopyFrom(CONTEXT)
    content = read_content(message)
    assert content is not None
    assert content.quote == Quote("Q1", ANA, "what?")
    assert content.mentions == (ANA,)
    assert content.forwarded
    assert content.expiration == 86400


@pytest.mark.parametrize(("score", "often"), [(1, False), (4, False), (5, True), (127, True)])
def test_what_was_forwarded_many_times_says_so(score: int, often: bool) -> None:
    context = e2e.ContextInfo(isForwarded=True, forwardingScore=score)
    content = read_content(e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="hi", contextInfo=context)))
    assert content is not None
    assert content.forwarded
    assert content.extra == ({"forwarded_often": True} if often else {})


def test_a_quote_without_its_message_or_author() -> None:
    context = e2e.ContextInfo(stanzaID="Q1")
    content = read_content(e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="hi", contextInfo=context)))
    assert content is not None
    assert content.quote == Quote("Q1", None, "")


WRAPPERS = [
    field.name
    for field in e2e.Message.DESCRIPTOR.fields
    if field.message_type is not None and field.message_type.name == "FutureProofMessage"
]


def wrapped(name: str, message: Message) -> Message:
    outer = e2e.Message()
    getattr(outer, name).message.CopyFrom(message)
    return outer


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_wrappers(wrapper: str) -> None:
    content = read_content(wrapped(wrapper, e2e.Message(conversation="hi")))
    assert content == Content(MessageKind.TEXT, "hi", view_once=wrapper.startswith("viewOnce"))


def test_the_wrappers_that_matter_exist() -> None:
    assert {
        "ephemeralMessage",
        "viewOnceMessage",
        "viewOnceMessageV2",
        "viewOnceMessageV2Extension",
        "documentWithCaptionMessage",
        "editedMessage",
    } <= set(WRAPPERS)


def test_own_message_from_another_device() -> None:
    sent = e2e.DeviceSentMessage(destinationJID=str(ANA), message=e2e.Message(conversation="hi"))
    assert read_content(e2e.Message(deviceSentMessage=sent)) == Content(MessageKind.TEXT, "hi")


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_nested_wrappers(depth: int) -> None:
    message = e2e.Message(imageMessage=e2e.ImageMessage(caption="me"))
    for level in range(depth):
        message = wrapped("viewOnceMessageV2" if level == 0 else "ephemeralMessage", message)
    content = read_content(message)
    assert content is not None
    assert (content.kind, content.text, content.view_once) == (MessageKind.IMAGE, "me", True)


def test_what_is_nested_deeper_is_shown_as_strings() -> None:
    message = e2e.Message(conversation="hi")
    for _ in range(6):
        message = wrapped("ephemeralMessage", message)
    assert read_content(message) == Content(MessageKind.OTHER, "hi", extra={"type": "ephemeralMessage"})


def test_view_once_without_a_wrapper() -> None:
    content = read_content(e2e.Message(imageMessage=e2e.ImageMessage(viewOnce=True)))
    assert content is not None
    assert content.view_once


PROTOCOL: dict[str, Message] = {
    "nothing": e2e.Message(),
    "sender key": e2e.Message(
        senderKeyDistributionMessage=e2e.SenderKeyDistributionMessage(groupID="1@g.us"),
        messageContextInfo=e2e.MessageContextInfo(messageSecret=b"s"),
    ),
    "protocol": e2e.Message(protocolMessage=e2e.ProtocolMessage(type=e2e.ProtocolMessage.Type.REVOKE)),
    "reaction": e2e.Message(reactionMessage=e2e.ReactionMessage(key=common.MessageKey(ID="1"), text="👍")),
    "encrypted reaction": e2e.Message(encReactionMessage=e2e.EncReactionMessage()),
    "vote": e2e.Message(pollUpdateMessage=e2e.PollUpdateMessage()),
    "pin": e2e.Message(pinInChatMessage=e2e.PinInChatMessage()),
    "keep": e2e.Message(keepInChatMessage=e2e.KeepInChatMessage()),
    "secret edit": e2e.Message(secretEncryptedMessage=e2e.SecretEncryptedMessage()),
}


@pytest.mark.parametrize("name", PROTOCOL)
def test_protocol_traffic_is_no_content(name: str) -> None:
    assert read_content(PROTOCOL[name]) is None


def test_protocol_traffic_in_a_wrapper_is_no_content() -> None:
    assert read_content(wrapped("ephemeralMessage", PROTOCOL["protocol"])) is None

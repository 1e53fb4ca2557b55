"""Reading a message: from WhatsApp's protobuf to Content.

Field names are those of waE2E.Message. Wrappers (disappearing, view once, document with caption …) are taken off first;
live messages arrive with most of them removed by whatsmeow, messages from history with all of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.unknown_fields import UnknownFieldSet

from whatsapp_mcp.models.changes import Content, MediaInfo, MessageKind, Quote
from whatsapp_mcp.whatsapp.boundary import jid
from whatsapp_mcp.wire.protos import e2e

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import ContextInfo, Message

_MAX_WRAPPERS: Final = 5
_NOT_CONTENT: Final = frozenset({"messageContextInfo", "senderKeyDistributionMessage"})
_WRAPPER: Final = "FutureProofMessage"


def unwrap(message: Message) -> tuple[Message, bool]:
    """The innermost message, and whether a view-once wrapper was taken off.

    Every field of type FutureProofMessage is a wrapper, and so is deviceSentMessage (own message from another device).
    """
    view_once = False
    for _ in range(_MAX_WRAPPERS):
        inner: Message | None = None
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            if field.message_type.name == _WRAPPER or field.name == "deviceSentMessage":
                view_once = view_once or field.name.startswith("viewOnce")
                inner = value.message
                break
        if inner is None:
            break
        message = inner
    return message, view_once


def read_content(message: Message) -> Content | None:
    """What the message says, or None when it is protocol traffic that a person never sees."""
    inner, view_once = unwrap(message)
    for field, value in inner.ListFields():
        if field.name in _NOT_CONTENT:
            continue
        reader = _READERS.get(field.name)
        if reader is None:
            return None if field.name in _PROTOCOL else _other(field.name, value)
        content: Content = reader(value)
        if view_once or getattr(value, "viewOnce", False):
            content = replace(content, view_once=True)
        return content
    if len(UnknownFieldSet(inner)):
        # Go hands on what it received, so a kind of message that is newer than the Python classes shows up here.
        return Content(MessageKind.OTHER, extra={"type": "unknown"})
    return None


_PROTOCOL: Final = frozenset(
    {
        "protocolMessage",
        "reactionMessage",
        "encReactionMessage",
        "pollUpdateMessage",
        "keepInChatMessage",
        "pinInChatMessage",
        "secretEncryptedMessage",
        "call",
        "chat",
        "fastRatchetKeySenderKeyDistributionMessage",
        "placeholderMessage",
        "encCommentMessage",
        "encEventResponseMessage",
        "messageHistoryBundle",
        "messageHistoryNotice",
    }
)


def _context(info: ContextInfo) -> dict[str, Any]:
    """The parts of Content that come from contextInfo, which almost every kind of message has."""
    quote = None
    if info.stanzaID:
        quoted = read_content(info.quotedMessage) if info.HasField("quotedMessage") else None
        quote = Quote(info.stanzaID, jid(info.participant), quoted.text if quoted else "")
    mentions = tuple(person for text in info.mentionedJID if (person := jid(text)))
    return {
        "quote": quote,
        "mentions": mentions,
        "forwarded": info.isForwarded,
        "expiration": info.expiration,
    }


def _media(value: Any, **extra: Any) -> MediaInfo:
    return MediaInfo(
        mimetype=value.mimetype,
        file_length=value.fileLength or None,
        url=value.URL or None,
        direct_path=value.directPath or None,
        media_key=value.mediaKey or None,
        file_sha256=value.fileSHA256 or None,
        file_enc_sha256=value.fileEncSHA256 or None,
        **extra,
    )


def _conversation(text: str) -> Content:
    return Content(MessageKind.TEXT, text)


def _extended_text(value: Any) -> Content:
    extra = {
        name: text
        for name, text in (("link", value.matchedText), ("title", value.title), ("description", value.description))
        if text
    }
    return Content(MessageKind.TEXT, value.text, extra=extra, **_context(value.contextInfo))


def _image(value: Any) -> Content:
    media = _media(value, width=value.width or None, height=value.height or None)
    return Content(MessageKind.IMAGE, value.caption, media=media, **_context(value.contextInfo))


def _video(value: Any) -> Content:
    media = _media(value, width=value.width or None, height=value.height or None, seconds=value.seconds or None)
    extra: dict[str, object] = {"gif": True} if value.gifPlayback else {}
    return Content(MessageKind.VIDEO, value.caption, media=media, extra=extra, **_context(value.contextInfo))


def _audio(value: Any) -> Content:
    kind = MessageKind.VOICE if value.PTT else MessageKind.AUDIO
    return Content(kind, media=_media(value, seconds=value.seconds or None), **_context(value.contextInfo))


def _document(value: Any) -> Content:
    media = _media(value, file_name=value.fileName or value.title or None)
    extra: dict[str, object] = {"pages": value.pageCount} if value.pageCount else {}
    return Content(MessageKind.DOCUMENT, value.caption, media=media, extra=extra, **_context(value.contextInfo))


def _sticker(value: Any) -> Content:
    media = _media(value, width=value.width or None, height=value.height or None)
    return Content(MessageKind.STICKER, media=media, **_context(value.contextInfo))


def _location(value: Any) -> Content:
    extra: dict[str, object] = {"latitude": value.degreesLatitude, "longitude": value.degreesLongitude}
    named = (("name", value.name), ("address", value.address), ("link", value.URL))
    extra |= {name: text for name, text in named if text}
    text = ", ".join(part for part in (value.name, value.address) if part)
    return Content(MessageKind.LOCATION, text, extra=extra, **_context(value.contextInfo))


def _live_location(value: Any) -> Content:
    extra: dict[str, object] = {
        "latitude": value.degreesLatitude,
        "longitude": value.degreesLongitude,
        "live": True,
    }
    return Content(MessageKind.LOCATION, value.caption, extra=extra, **_context(value.contextInfo))


def _contact(value: Any) -> Content:
    extra: dict[str, object] = {"vcards": [value.vcard]}
    return Content(MessageKind.CONTACT, value.displayName, extra=extra, **_context(value.contextInfo))


def _contacts(value: Any) -> Content:
    extra: dict[str, object] = {"vcards": [contact.vcard for contact in value.contacts]}
    text = value.displayName or ", ".join(contact.displayName for contact in value.contacts)
    return Content(MessageKind.CONTACT, text, extra=extra, **_context(value.contextInfo))


def _poll(value: Any) -> Content:
    extra: dict[str, object] = {
        "options": [option.optionName for option in value.options],
        "selectable_count": value.selectableOptionsCount,
    }
    return Content(MessageKind.POLL, value.name, extra=extra, **_context(value.contextInfo))


def _event(value: Any) -> Content:
    extra: dict[str, object] = {"start_time": value.startTime}
    if value.description:
        extra["description"] = value.description
    return Content(MessageKind.EVENT, value.name, extra=extra, **_context(value.contextInfo))


def _album(value: Any) -> Content:
    extra: dict[str, object] = {"images": value.expectedImageCount, "videos": value.expectedVideoCount}
    return Content(MessageKind.ALBUM, extra=extra, **_context(value.contextInfo))


def _group_invite(value: Any) -> Content:
    extra: dict[str, object] = {
        "group_id": value.groupJID,
        "group_name": value.groupName,
        "invite_code": value.inviteCode,
    }
    return Content(MessageKind.INVITE, value.caption or value.groupName, extra=extra, **_context(value.contextInfo))


def _call(value: Any) -> Content:
    return Content(MessageKind.CALL, extra={"video": value.isVideo, "seconds": value.durationSecs})


def _text_at(*paths: str) -> Callable[[Any], Content]:
    """Reader for an interactive message: its visible text lies at the first of ``paths`` that has one."""

    def read(value: Any) -> Content:
        texts = (str(attrgetter(path)(value)) for path in paths)
        return Content(MessageKind.INTERACTIVE, next(filter(None, texts), ""), **_context(value.contextInfo))

    return read


_TITLES: Final = {
    "orderMessage": attrgetter("orderTitle"),
    "productMessage": attrgetter("product.title"),
    "stickerPackMessage": attrgetter("name"),
}
"""What a person reads first in kinds that are not read further."""


def _other(name: str, value: Any) -> Content:
    context = _context(value.contextInfo) if "contextInfo" in value.DESCRIPTOR.fields_by_name else {}
    title = str(_TITLES[name](value)) if name in _TITLES else ""
    return Content(MessageKind.OTHER, title, extra={"type": name}, **context)


_READERS: Final[dict[str, Callable[[Any], Content]]] = {
    "conversation": _conversation,
    "extendedTextMessage": _extended_text,
    "imageMessage": _image,
    "videoMessage": _video,
    "ptvMessage": _video,
    "audioMessage": _audio,
    "documentMessage": _document,
    "stickerMessage": _sticker,
    "locationMessage": _location,
    "liveLocationMessage": _live_location,
    "contactMessage": _contact,
    "contactsArrayMessage": _contacts,
    "pollCreationMessage": _poll,
    "pollCreationMessageV2": _poll,
    "pollCreationMessageV3": _poll,
    "pollCreationMessageV5": _poll,
    "pollCreationMessageV6": _poll,
    "eventMessage": _event,
    "albumMessage": _album,
    "groupInviteMessage": _group_invite,
    "buttonsMessage": _text_at("contentText"),
    "buttonsResponseMessage": _text_at("selectedDisplayText"),
    "listMessage": _text_at("title", "description"),
    "listResponseMessage": _text_at("title"),
    "templateButtonReplyMessage": _text_at("selectedDisplayText"),
    "interactiveMessage": _text_at("body.text"),
    "interactiveResponseMessage": _text_at("body.text"),
    "templateMessage": _text_at("hydratedTemplate.hydratedContentText", "hydratedFourRowTemplate.hydratedContentText"),
    "callLogMesssage": _call,
}

assert not _READERS.keys() - e2e.Message.DESCRIPTOR.fields_by_name.keys(), "a reader for a field that does not exist"

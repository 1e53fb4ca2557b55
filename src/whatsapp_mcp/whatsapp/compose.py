"""Building messages: from our models to WhatsApp's protobuf (waE2E.Message)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.outgoing import (
    AudioOut,
    ContactOut,
    DocumentOut,
    ImageOut,
    LinkOut,
    LocationOut,
    MediaOut,
    MediaType,
    PollOut,
    SendOptions,
    StickerOut,
    TextOut,
    VideoOut,
)
from whatsapp_mcp.models.views import StoredMessage
from whatsapp_mcp.whatsapp.content import unwrap
from whatsapp_mcp.wire.boundary import parse
from whatsapp_mcp.wire.protos import common, e2e

if TYPE_CHECKING:
    from neonize.proto.Neonize_pb2 import UploadResponse
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import ContextInfo, ExtendedTextMessage, Message

FORWARDING_SCORE: Final = 100
"""Phones show "forwarded" from 1 on; the seed's service sends 100."""


def compose(
    outgoing: TextOut | LinkOut | LocationOut | ContactOut | PollOut,
    options: SendOptions,
    quoted: StoredMessage | None,
) -> Message:
    """The protobuf of one new message without media.

    ``quoted``: what it replies to, with the author as this chat addresses people.
    """
    context = _context(options, quoted)
    match outgoing:
        case TextOut():
            return e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text=outgoing.text, contextInfo=context))
        case LinkOut():
            return e2e.Message(extendedTextMessage=_link(outgoing, context))
        case LocationOut():
            return e2e.Message(
                locationMessage=e2e.LocationMessage(
                    degreesLatitude=outgoing.latitude, degreesLongitude=outgoing.longitude, contextInfo=context
                )
            )
        case ContactOut():
            return e2e.Message(
                contactMessage=e2e.ContactMessage(
                    displayName=outgoing.name, vcard=_vcard(outgoing), contextInfo=context
                )
            )
        case PollOut():
            return e2e.Message(
                pollCreationMessage=e2e.PollCreationMessage(
                    name=outgoing.question,
                    options=[e2e.PollCreationMessage.Option(optionName=name) for name in outgoing.options],
                    selectableOptionsCount=outgoing.selectable_count,
                    contextInfo=context,
                )
            )


def _link(link: LinkOut, context: ContextInfo | None) -> ExtendedTextMessage:
    return e2e.ExtendedTextMessage(
        text=f"{link.caption}\n{link.link}" if link.caption else link.link,
        matchedText=link.link,
        title=link.title or None,
        description=link.description or None,
        JPEGThumbnail=link.thumbnail or None,
        contextInfo=context,
    )


_MEDIA_FIELDS: Final[dict[str, MediaType]] = {
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "audioMessage": "audio",
    "documentMessage": "document",
    "stickerMessage": "sticker",
}
"""Fields of a message that point to an upload."""


class Uploaded:
    """Where an uploaded file lies and how it is encrypted (neonize: UploadResponse)."""

    def __init__(self, response: UploadResponse) -> None:
        self.fields: dict[str, Any] = {
            "URL": response.url,
            "directPath": response.DirectPath,
            "mediaKey": response.MediaKey or None,
            "fileEncSHA256": response.FileEncSHA256 or None,
            "fileSHA256": response.FileSHA256,
            "fileLength": response.FileLength,
        }


def compose_media(media: MediaOut, uploaded: Uploaded, options: SendOptions, quoted: StoredMessage | None) -> Message:
    """The protobuf of a message with media that was uploaded."""
    fields = {**uploaded.fields, "mimetype": media.mimetype, "contextInfo": _context(options, quoted)}
    match media:
        case ImageOut() | VideoOut():
            fields |= {"width": media.width, "height": media.height, "JPEGThumbnail": media.thumbnail}
            fields |= {"caption": media.caption or None, "viewOnce": media.view_once or None}
            if isinstance(media, ImageOut):
                return e2e.Message(imageMessage=e2e.ImageMessage(**fields))
            video = e2e.VideoMessage(**fields, seconds=media.seconds, gifPlayback=media.gif or None)
            return e2e.Message(videoMessage=video)
        case AudioOut():
            waveform = media.waveform or None
            audio = e2e.AudioMessage(**fields, seconds=media.seconds, PTT=media.voice, waveform=waveform)
            return e2e.Message(audioMessage=audio)
        case StickerOut():
            fields |= {"width": media.width, "height": media.height}
            return e2e.Message(stickerMessage=e2e.StickerMessage(**fields, isAnimated=media.animated))
        case DocumentOut():
            name, caption = media.file_name, media.caption or None
            document = e2e.DocumentMessage(**fields, fileName=name, title=name, caption=caption)
            return _with_caption(e2e.Message(documentMessage=document))


def give_secret(message: Message) -> None:
    """32 random bytes, which clients put into every message that people write (whatsmeow: msgsecret.go): under them
    members of announcement groups react and comment, people vote, and a message that was sent is recognised."""
    if not message.messageContextInfo.messageSecret:
        message.messageContextInfo.messageSecret = secrets.token_bytes(32)


def load_message(raw: bytes) -> Message:
    """From its serialized form."""
    return parse(e2e.Message, raw)


def _with_caption(message: Message) -> Message:
    """Phones show a document's caption only inside a wrapper."""
    if not message.documentMessage.caption:
        return message
    return e2e.Message(documentWithCaptionMessage=e2e.FutureProofMessage(message=message))


def compose_forward(
    stored: StoredMessage, expiration: int, upload: Callable[[MediaType], Uploaded] | None = None
) -> Message:
    """A stored message once more, as it reads now, marked as forwarded; quotes and mentions stay behind.

    Args:
        upload: Uploads the media of the message again; without it, the copy points to the first upload.
    """
    message, _ = unwrap(parse(e2e.Message, stored.file))
    message.ClearField("messageContextInfo")
    _bring_up_to_date(message, stored)
    if message.HasField("conversation"):
        message = e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text=message.conversation))
    for field, value in message.ListFields():
        if field.message_type is None or "contextInfo" not in field.message_type.fields_by_name:
            continue
        score = value.contextInfo.forwardingScore + 1
        context = e2e.ContextInfo(isForwarded=True, forwardingScore=score, expiration=expiration or None)
        value.contextInfo.CopyFrom(context)
        if upload is not None and field.name in _MEDIA_FIELDS:
            for name, content in upload(_MEDIA_FIELDS[field.name]).fields.items():
                value.ClearField(name)
                if content is not None:
                    setattr(value, name, content)
    return _with_caption(message)


def compose_reaction(*, chat: Jid, message_id: str, author: Jid, from_me: bool, emoji: str) -> Message:
    """A reaction to a message; an empty ``emoji`` takes it back."""
    return e2e.Message(
        reactionMessage=e2e.ReactionMessage(
            key=_key(chat=chat, message_id=message_id, author=author, from_me=from_me),
            text=emoji,
            senderTimestampMS=now_ms(),
        )
    )


def compose_revoke(*, chat: Jid, message_id: str, author: Jid, from_me: bool) -> Message:
    """Delete for everyone: of an own message, or as a group admin of somebody else's."""
    return e2e.Message(
        protocolMessage=e2e.ProtocolMessage(
            type=e2e.ProtocolMessage.Type.REVOKE,
            key=_key(chat=chat, message_id=message_id, author=author, from_me=from_me),
        )
    )


def compose_edit(*, chat: Jid, message_id: str, text: str) -> Message:
    """New text for an own message."""
    return e2e.Message(
        editedMessage=e2e.FutureProofMessage(
            message=e2e.Message(
                protocolMessage=e2e.ProtocolMessage(
                    type=e2e.ProtocolMessage.Type.MESSAGE_EDIT,
                    key=common.MessageKey(remoteJID=str(chat), fromMe=True, ID=message_id),
                    editedMessage=e2e.Message(conversation=text),
                    timestampMS=now_ms(),
                )
            )
        )
    )


def _key(*, chat: Jid, message_id: str, author: Jid, from_me: bool) -> common.MessageKey:
    key = common.MessageKey(remoteJID=str(chat), fromMe=from_me, ID=message_id)
    if chat.is_group and not from_me:
        key.participant = str(author)
    return key


def _bring_up_to_date(message: Message, stored: StoredMessage) -> None:
    """Put the text of its last edit into a message as it was sent first."""
    if not stored.is_edited:
        return
    for field, value in message.ListFields():
        if field.name == "conversation":
            message.conversation = stored.text
        elif field.name == "extendedTextMessage":
            context = value.contextInfo
            value.CopyFrom(
                e2e.ExtendedTextMessage(text=stored.text, contextInfo=context)
            )  # a preview was of the old one
        elif field.name in _MEDIA_FIELDS and "caption" in value.DESCRIPTOR.fields_by_name:
            value.caption = stored.text


def _quoted(stored: StoredMessage) -> Message:
    """What a reply shows of the message; its text alone when the message was not kept as it came."""
    if not stored.raw:
        return e2e.Message(conversation=stored.text)
    quoted = parse(e2e.Message, stored.raw)
    inner, _ = unwrap(quoted)
    for message in (quoted, inner):
        message.ClearField("messageContextInfo")  # the secret of a poll is not for passing on
    _bring_up_to_date(inner, stored)
    for field, value in inner.ListFields():
        if field.message_type is not None and "contextInfo" in field.message_type.fields_by_name:
            # A quote of a quote of a quote … grows until no parser takes it (protobuf: 100 levels).
            value.contextInfo.ClearField("quotedMessage")
    return quoted


def _context(options: SendOptions, quoted: StoredMessage | None) -> ContextInfo | None:
    context = e2e.ContextInfo()
    if quoted is not None:
        context.stanzaID = quoted.id
        context.participant = str(quoted.wire_sender)
        context.quotedMessage.CopyFrom(_quoted(quoted))
    if options.forwarded:
        context.isForwarded = True
        context.forwardingScore = FORWARDING_SCORE
    if options.expiration:
        context.expiration = options.expiration
    context.mentionedJID.extend(str(jid) for jid in options.mentions)
    return context if context.ListFields() else None


def _vcard(contact: ContactOut) -> str:
    """vCard 3.0 as phones write it: ``waid`` makes the number a WhatsApp contact."""
    name = contact.name
    for special in ("\\", ",", ";"):
        name = name.replace(special, "\\" + special)
    name = "\\n".join(name.splitlines())  # whatever some parser takes for the end of a line
    return (
        f"BEGIN:VCARD\nVERSION:3.0\nN:;{name};;;\nFN:{name}\n"
        f"TEL;type=CELL;waid={contact.number}:+{contact.number}\nEND:VCARD"
    )

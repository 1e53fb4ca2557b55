"""Generated messages as neonize hands them over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.unit.whatsapp.received import message_event, source

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.wire.protos import e2e, neonize_pb2

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

__all__ = ["as_event", "as_message"]


def as_message(content: Content) -> Message:
    """What its author's device encrypts."""
    media = content.media
    if media is not None:
        facts: dict[str, Any] = {
            "mimetype": media.mimetype,
            "fileLength": media.file_length,
            "mediaKey": media.media_key,
        }
        facts |= {"fileSHA256": media.file_sha256, "fileEncSHA256": media.file_enc_sha256}
        facts |= {"directPath": "/v/t62.7118-24/1_2_3_n.enc?ccb=11-4"}
        match content.kind:
            case MessageKind.IMAGE:
                return e2e.Message(imageMessage=e2e.ImageMessage(caption=content.text, **facts))
            case MessageKind.VOICE:
                return e2e.Message(audioMessage=e2e.AudioMessage(PTT=True, **facts))
            case _:
                return e2e.Message(documentMessage=e2e.DocumentMessage(fileName=media.file_name, **facts))
    if content.quote is None:
        return e2e.Message(conversation=content.text)
    quote = content.quote
    context = e2e.ContextInfo(
        stanzaID=quote.message_id,
        participant=str(quote.participant or ""),
        quotedMessage=e2e.Message(conversation=quote.text),
    )
    return e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text=content.text, contextInfo=context))


def as_event(made: MessageReceived, *, message_id: str, timestamp: int) -> bytes:
    """As neonize hands it over. ``timestamp``: milliseconds since 1970."""
    where = source(
        made.chat, made.sender, from_me=made.from_me, sender_alt=made.sender_alt, recipient_alt=_recipient_alt(made)
    )
    event = neonize_pb2.Message.FromString(
        message_event(as_message(made.content), where, message_id=message_id, push_name=made.push_name or "")
    )
    event.Info.Timestamp = timestamp
    return event.SerializeToString()


def _recipient_alt(made: MessageReceived) -> Jid | None:
    return made.chat_alt if made.from_me else None

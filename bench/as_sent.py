"""Generated messages in the forms in which they come: an event of neonize's, a history sync of a phone's."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Final

from tests.unit.whatsapp.received import message_event, source

from bench.generate import History
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.wire.protos import e2e, history_sync, neonize_pb2, web

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message
    from neonize.proto.waHistorySync.WAWebProtobufsHistorySync_pb2 import HistorySync

__all__ = ["PART", "as_event", "as_histories", "as_message"]

PART: Final = 10_000
"""Messages of one history sync. A phone sends a long history in many: each is held whole by all whom it passes."""


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


def as_histories(history: History, messages: int, *, last: str, part: int = PART) -> Iterator[bytes]:
    """A whole history in parts, each as the file that a phone puts on the media hosts: compressed, not encrypted.

    ``last``: the text of the last message of the last part.
    """
    made = (change for change in history.changes(messages) if isinstance(change, MessageReceived))
    number = 0
    while batch := list(islice(made, part)):
        number += 1
        if number * part >= messages:
            batch[-1] = replace(batch[-1], content=Content(MessageKind.TEXT, last))
        sync = _sync(batch, number, progress=min(100, 100 * number * part // messages))
        if number == 1:
            for person in history.people:
                sync.phoneNumberToLidMappings.add(pnJID=str(person.number), lidJID=str(person.lid))
                sync.pushnames.add(ID=str(person.number), pushname=person.name.split()[0])
        yield zlib.compress(sync.SerializeToString())


def _sync(batch: Iterable[MessageReceived], number: int, *, progress: int) -> HistorySync:
    full = history_sync.HistorySync.FULL
    sync = history_sync.HistorySync(syncType=full, chunkOrder=number, progress=progress)
    for chat, messages in groupby(batch, lambda message: message.chat):
        conversation = sync.conversations.add(ID=str(chat), notSpam=True)
        for message in messages:
            conversation.messages.add(message=_remembered(message))
            if message.chat_alt is not None:
                conversation.lidJID, conversation.pnJID = str(chat), str(message.chat_alt)
    return sync


def _remembered(made: MessageReceived) -> web.WebMessageInfo:
    info = web.WebMessageInfo(
        message=as_message(made.content), messageTimestamp=made.timestamp // 1000, pushName=made.push_name or ""
    )
    info.key.remoteJID, info.key.fromMe, info.key.ID = str(made.chat), made.from_me, made.id
    info.status = web.WebMessageInfo.READ if made.from_me else web.WebMessageInfo.DELIVERY_ACK
    if made.chat.is_group:
        info.key.participant = str(made.sender)
    return info

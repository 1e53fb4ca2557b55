"""From a history sync to our changes: chats, messages, names and identities from the time before this device.

Pure functions over protobufs. Units (waHistorySync, waWeb): times are seconds since 1970, mute end included. Within a
conversation WhatsApp sends the newest message first; the changes here are oldest first, as the store wants them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError

from whatsapp_mcp.jid import GROUP, LID, USER, Jid
from whatsapp_mcp.models.changes import (
    Change,
    ChatChanged,
    ContactSeen,
    Content,
    DeliveryStatus,
    IdentityLearned,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    MessageStarred,
    PlaceholderRedeemed,
    ReactionChanged,
)
from whatsapp_mcp.whatsapp.boundary import cleanse, jid, parse
from whatsapp_mcp.whatsapp.content import read_content, unwrap
from whatsapp_mcp.whatsapp.message_keys import Sent, author_of
from whatsapp_mcp.wire.protos import e2e, neonize_pb2, web

if TYPE_CHECKING:
    from neonize.proto.waHistorySync.WAWebProtobufsHistorySync_pb2 import Conversation, HistorySync
    from neonize.proto.waWeb.WAWebProtobufsWeb_pb2 import WebMessageInfo

logger = logging.getLogger(__name__)

_STATUS: Final = {
    0: DeliveryStatus.FAILED,
    1: DeliveryStatus.PENDING,
    2: DeliveryStatus.SENT,
    3: DeliveryStatus.DELIVERED,
    4: DeliveryStatus.READ,
    5: DeliveryStatus.PLAYED,
}
"""WebMessageInfo.Status."""


def changes_from_history(payload: bytes, own: Jid | None) -> list[Change]:
    """The changes that one history sync event means.

    Args:
        payload: serialized ``Neonize_pb2.HistorySync``.
        own: own number, the sender of messages from us; without it those messages are left out.
    """
    data: HistorySync = parse(neonize_pb2.HistorySync, payload, apart=web.WebMessageInfo).Data
    return list(_changes(data, own))


def ids_in_history(payload: bytes) -> set[str]:
    """The ids of all messages in a history sync event, also of those that are no row of the store; empty when it cannot
    be read."""
    try:
        data: HistorySync = parse(neonize_pb2.HistorySync, payload).Data
    except DecodeError:
        return set()
    return {entry.message.key.ID for conversation in data.conversations for entry in conversation.messages}


def _changes(data: HistorySync, own: Jid | None) -> Iterator[Change]:
    for mapping in data.phoneNumberToLidMappings:
        number, lid = jid(mapping.pnJID), jid(mapping.lidJID)
        if number and lid:
            yield IdentityLearned(lid=lid, number=number)
    for name in data.pushnames:
        person = jid(name.ID)
        if person and name.pushname:
            yield ContactSeen(person, push_name=name.pushname)
    for conversation in data.conversations:
        chat = jid(conversation.ID)
        if chat is None:
            continue
        try:
            yield from list(_conversation(conversation, chat, own))
        except Exception:
            logger.exception("a chat of a history could not be read; the others are")


def _conversation(conversation: Conversation, chat: Jid, own: Jid | None) -> Iterator[Change]:
    alt = _other_form(conversation, chat)
    if alt is not None:
        pair = {chat.server: chat, alt.server: alt}
        yield IdentityLearned(lid=pair[LID], number=pair[USER])
    name = conversation.name or conversation.displayName or None
    if name and chat.is_person:
        # What is only displayed may be the name that the person chose.
        yield ContactSeen(chat, full_name=conversation.name or None, push_name=None if conversation.name else name)
    for entry in reversed(conversation.messages):
        yield from _readable(entry.message, chat, alt, own)
    yield ChatChanged(
        chat,
        chat_alt=alt,
        name=name if chat.server == GROUP else None,
        ephemeral_expiration=conversation.ephemeralExpiration if conversation.HasField("ephemeralExpiration") else None,
        unread_count=conversation.unreadCount if conversation.HasField("unreadCount") else None,
        counted_until=_newest(conversation),
        archived=conversation.archived if conversation.HasField("archived") else None,
        pinned=conversation.pinned > 0 if conversation.HasField("pinned") else None,
        muted_until=_mute_end(conversation.muteEndTime) if conversation.HasField("muteEndTime") else None,
    )


def _newest(conversation: Conversation) -> int | None:
    """The time of the newest message of which the phone tells, milliseconds."""
    return max((entry.message.messageTimestamp for entry in conversation.messages), default=0) * 1000 or None


def _mute_end(seconds: int) -> int:
    """As ChatChanged has it. The field is unsigned: what is -1 elsewhere, "for ever", comes as a huge number."""
    return seconds * 1000 if seconds < 1 << 40 else -1


def _other_form(conversation: Conversation, chat: Jid) -> Jid | None:
    """The number of a LID chat, or the other way round."""
    other = jid(conversation.pnJID) if chat.is_lid else jid(conversation.lidJID) if chat.is_person else None
    return other if other is not None and {other.server, chat.server} == {LID, USER} else None


def _readable(info: WebMessageInfo, chat: Jid, alt: Jid | None, own: Jid | None) -> list[Change]:
    """What one message means; a message that cannot be read costs nothing but itself, and has its place."""
    cut: list[str] = []
    try:
        cleanse(info, cut)
        changes = list(_message(info, chat, alt, own))
    except Exception:
        logger.exception("a message of a history could not be read; its place says so")
        return _place_of(info, chat, alt, own, "this server does not understand it")
    if not cut:
        return changes
    if not changes:
        return _place_of(info, chat, alt, own, "it is nested too deep")
    return [_noting(cut, one) if isinstance(one, MessageReceived) else one for one in changes]


def _place_of(info: WebMessageInfo, chat: Jid, alt: Jid | None, own: Jid | None, reason: str) -> list[Change]:
    author = _author(info, chat, own)
    if author is None:
        return []
    key = info.key
    return [
        MessageReceived(
            id=key.ID,
            chat=chat,
            sender=author,
            timestamp=info.messageTimestamp * 1000,
            content=Content.unreadable(reason),
            from_me=key.fromMe,
            chat_alt=alt,
            from_history=True,
        )
    ]


def _noting(cut: list[str], message: MessageReceived) -> MessageReceived:
    content = replace(message.content, extra={**message.content.extra, "cut": sorted(set(cut))})
    return replace(message, content=content)


def _author(info: WebMessageInfo, chat: Jid, own: Jid | None) -> Jid | None:
    """Who wrote it; the chat itself where nobody is named, which is how WhatsApp signs for a group."""
    if info.key.fromMe:
        return own
    return jid(info.key.participant or info.participant) or chat


def _message(info: WebMessageInfo, chat: Jid, alt: Jid | None, own: Jid | None) -> Iterator[Change]:
    key = info.key
    author = _author(info, chat, own)
    if author is None or not key.ID:
        return
    timestamp = info.messageTimestamp * 1000
    inner, _ = unwrap(info.message)
    protocol = inner.protocolMessage
    if protocol.type == e2e.ProtocolMessage.Type.MESSAGE_EDIT and inner.HasField("protocolMessage"):
        edited = read_content(protocol.editedMessage)
        if edited is not None:
            yield MessageEdited(chat, protocol.key.ID, author, edited, timestamp, chat_alt=alt)
        return
    if protocol.type == e2e.ProtocolMessage.Type.REVOKE and inner.HasField("protocolMessage"):
        own_addresses = (own,) if own is not None else ()
        target = author_of(protocol.key, Sent(chat, author, key.fromMe), own_addresses)
        yield MessageRevoked(chat, protocol.key.ID, author, timestamp, chat_alt=alt, author=target)
        return
    content = read_content(info.message)
    if content is None:
        if info.message.ListFields():  # no message of its own, but one that could be read: nothing waits for it
            yield PlaceholderRedeemed(chat, key.ID, author, key.fromMe, alt)
        return
    if info.starred:  # before the message: an old one is stored for its star only
        other = author if not (key.fromMe or chat.is_person) else None
        yield MessageStarred(chat, key.ID, starred=True, from_me=key.fromMe, author=other, timestamp=timestamp)
    yield MessageReceived(
        id=key.ID,
        chat=chat,
        sender=author,
        timestamp=timestamp,
        content=content,
        from_me=key.fromMe,
        chat_alt=alt,
        push_name=info.pushName or None,
        raw=info.message.SerializePartialToString(),
        status=_STATUS.get(info.status) if key.fromMe else None,
        from_history=True,
    )
    for reaction in info.reactions:
        by_us = reaction.key.fromMe
        who = own if by_us else jid(reaction.key.participant) or (chat if chat.is_person else None)
        if who is not None:
            yield ReactionChanged(
                chat=chat,
                message_id=key.ID,
                sender=who,
                emoji=reaction.text,
                timestamp=reaction.senderTimestampMS or timestamp,
                from_me=by_us,
                chat_alt=alt,
                author=author,
            )

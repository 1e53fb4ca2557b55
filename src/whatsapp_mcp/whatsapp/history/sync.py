"""From a history sync to our changes: chats, messages, names and identities from the time before this device.

Pure functions over protobufs. Units (waHistorySync, waWeb): times are seconds since 1970, mute end included. Within a
conversation WhatsApp sends the newest message first; the changes here are oldest first, as the store wants them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from whatsapp_mcp.jid import GROUP, LID, STATUS_BROADCAST, USER, Jid
from whatsapp_mcp.models.app_state import ChatChanged, ChatMarkedRead
from whatsapp_mcp.models.changes import Change, ContactSeen, IdentityLearned, NumberChanged
from whatsapp_mcp.whatsapp.history.call_log import call_of_log
from whatsapp_mcp.whatsapp.history.messages import Place, readable
from whatsapp_mcp.wire.boundary import jid, parse
from whatsapp_mcp.wire.protos import neonize_pb2, web

if TYPE_CHECKING:
    from neonize.proto.waHistorySync.WAWebProtobufsHistorySync_pb2 import Conversation, HistorySync, InlineContact

logger = logging.getLogger(__name__)


def changes_from_history(payload: bytes, own: Jid | None = None, own_lid: Jid | None = None) -> Iterator[Change]:
    """The changes that one history sync event means, each made when it is asked for: there may be many thousands.

    Args:
        payload: serialized ``Neonize_pb2.HistorySync``.
        own: own number, the sender of messages from us; without it those messages are left out.
        own_lid: our LID, where it is known.
    """
    data: HistorySync = parse(neonize_pb2.HistorySync, payload, apart=web.WebMessageInfo).Data
    return _changes(data, tuple(one for one in (own, own_lid) if one is not None))


def ids_in_history(payload: bytes) -> set[str]:
    """The ids of all messages in a history sync event, also of those that are no row of the store; empty when it cannot
    be read."""
    try:
        data: HistorySync = parse(neonize_pb2.HistorySync, payload).Data
    except DecodeError:
        return set()
    return {entry.message.key.ID for conversation in data.conversations for entry in conversation.messages}


def _changes(data: HistorySync, own: tuple[Jid, ...]) -> Iterator[Change]:
    for mapping in data.phoneNumberToLidMappings:
        number, lid = jid(mapping.pnJID), jid(mapping.lidJID)
        if number and lid:
            yield IdentityLearned(lid=lid, number=number)
    for name in data.pushnames:
        person = jid(name.ID)
        if person and name.pushname:
            yield ContactSeen(person, push_name=name.pushname)
    for contact in data.inlineContacts:
        yield from _contact(contact)
    for conversation in data.conversations:
        chat = jid(conversation.ID)
        if chat is None:
            continue
        try:
            yield from _conversation(conversation, chat, own)
        except Exception:
            logger.exception("a chat of a history could not be read to its end; the others are")
    for info in reversed(data.statusV3Messages):
        yield from readable(info, Place(STATUS_BROADCAST, None, own))
    for call in data.callLogRecords:
        yield from call_of_log(call, own)


def _contact(contact: InlineContact) -> Iterator[Change]:
    """Somebody in the phone's address book."""
    number, lid = jid(contact.pnJID), jid(contact.lidJID)
    if number and lid and number.server == USER and lid.server == LID:
        yield IdentityLearned(lid=lid, number=number)
    person = number or lid
    if person is not None and person.is_person and (contact.fullName or contact.firstName):
        full_name, first_name = contact.fullName or None, contact.firstName or None
        yield ContactSeen(person, full_name=full_name, first_name=first_name)


def _conversation(conversation: Conversation, chat: Jid, own: tuple[Jid, ...]) -> Iterator[Change]:
    alt = _other_form(conversation, chat)
    if alt is not None:
        pair = {chat.server: chat, alt.server: alt}
        yield IdentityLearned(lid=pair[LID], number=pair[USER])
    name = conversation.name or conversation.displayName or None
    if name and chat.is_person:
        # What is only displayed may be the name that the person chose.
        yield ContactSeen(chat, full_name=conversation.name or None, push_name=None if conversation.name else name)
    place = Place(chat, alt, own, frozenset(entry.message.key.ID for entry in conversation.messages))
    for entry in reversed(conversation.messages):
        yield from readable(entry.message, place)
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
        from_history=True,
    )

    for old, new in ((conversation.oldJID, str(chat)), (str(chat), conversation.newJID)):
        before, now = jid(old), jid(new)
        if before is not None and now is not None and before.is_person and now.is_person:
            yield NumberChanged(before.bare, now.bare)
    if conversation.markedAsUnread:
        yield ChatMarkedRead(chat, read=False, timestamp=conversation.conversationTimestamp * 1000)


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

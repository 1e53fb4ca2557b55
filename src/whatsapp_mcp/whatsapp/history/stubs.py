"""Messages of a history that are stubs (``WebMessageInfo.messageStubType``): the phone keeps no content for them.

Deleted messages, missed calls, what the phone could not read either, what happened to a group, notices of WhatsApp.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.models.changes import Change, MessageReceived, MessageRevoked
from whatsapp_mcp.models.content import CallOutcome, Content, MessageKind
from whatsapp_mcp.whatsapp.calls import call_content
from whatsapp_mcp.whatsapp.notices import stub_notice
from whatsapp_mcp.whatsapp.statements import Carrier
from whatsapp_mcp.wire.boundary import jid, seconds
from whatsapp_mcp.wire.protos import web

if TYPE_CHECKING:
    from neonize.proto.waWeb.WAWebProtobufsWeb_pb2 import WebMessageInfo

Stub = web.WebMessageInfo.StubType

DELETED: Final = frozenset({Stub.REVOKE, Stub.ADMIN_REVOKE})
MISSED_CALLS: Final[Mapping[int, bool]] = {
    Stub.CALL_MISSED_VOICE: False,
    Stub.CALL_MISSED_VIDEO: True,
    Stub.CALL_MISSED_GROUP_VOICE: False,
    Stub.CALL_MISSED_GROUP_VIDEO: True,
    Stub.SILENCED_UNKNOWN_CALLER_AUDIO: False,
    Stub.SILENCED_UNKNOWN_CALLER_VIDEO: True,
}
"""Whether it was a video call."""
UNREAD_BY_THE_PHONE: Final[Mapping[int, str]] = {
    Stub.CIPHERTEXT: "the phone could not decrypt it either",
    Stub.FUTUREPROOF: "it needs a newer WhatsApp than the phone's",
    Stub.OVERSIZED: "it is too large",
    Stub.PAYMENT_CIPHERTEXT: "the phone could not decrypt it either",
    Stub.PAYMENT_FUTUREPROOF: "it needs a newer WhatsApp than the phone's",
}
"""Content that was there and cannot be shown: why."""
TOLD: Final[Mapping[int, str]] = {
    Stub.VIEWED_ONCE: "A photo or video for one look was opened",
    Stub.E2E_IDENTITY_CHANGED: "The security code changed",
    Stub.INDIVIDUAL_CHANGE_NUMBER: "The phone number was changed",
    Stub.BLOCK_CONTACT: "The contact was blocked or unblocked",
    Stub.DISAPPEARING_MODE: "The timer for disappearing messages was changed",
    Stub.BROADCAST_CREATE: "The broadcast list was created",
    Stub.BROADCAST_ADD: "Recipients were added to the broadcast list",
    Stub.BROADCAST_REMOVE: "Recipients were removed from the broadcast list",
    Stub.GROUP_V4_ADD_INVITE_SENT: "An invitation to the group was sent",
    Stub.GROUP_ANNOUNCE_MODE_MESSAGE_BOUNCE: "A message was not sent: only admins may write",
    Stub.GROUP_DEACTIVATED: "The group was closed by WhatsApp",
    Stub.COMMUNITY_CREATE: "The community was created",
    Stub.COMMUNITY_PARENT_GROUP_DELETED: "The community was closed",
    Stub.COMMUNITY_PARENT_GROUP_SUBJECT_CHANGED: "The community was renamed",
    Stub.COMMUNITY_LINK_PARENT_GROUP: "The group was added to a community",
    Stub.COMMUNITY_UNLINK_PARENT_GROUP: "The group was removed from its community",
    Stub.LINKED_GROUP_CALL_START: "A call was started in the group",
    Stub.SCHEDULED_CALL_START_MESSAGE: "A scheduled call began",
    Stub.SCHEDULED_CALL_CANCEL: "A scheduled call was cancelled",
    Stub.PAYMENT_TRANSACTION_STATUS_UPDATE_FAILED: "A payment failed",
    Stub.PAYMENT_TRANSACTION_STATUS_UPDATE_REFUNDED: "A payment was refunded",
    Stub.PAYMENT_TRANSACTION_STATUS_UPDATE_REFUND_FAILED: "The refund of a payment failed",
    Stub.PAYMENT_ACTION_REQUEST_DECLINED: "A request for a payment was declined",
    Stub.PAYMENT_ACTION_REQUEST_EXPIRED: "A request for a payment expired",
    Stub.PAYMENT_ACTION_REQUEST_CANCELLED: "A request for a payment was cancelled",
    Stub.STATUS_MENTION: "Somebody mentioned you in a status update",
    Stub.SYNC_FAILED: "The phone could not load a message",
}
"""Notices of WhatsApp in a chat, in our words."""
_NAMES: Final[Mapping[int, str]] = {number: name for name, number in Stub.items()}


def rows_of_stub(info: WebMessageInfo, message: Carrier, *, shown: bool) -> list[Change]:
    """The rows that a stub means; empty for what is no stub and for notices that say nothing about the chat (its
    encryption, the kinds of business accounts).

    Args:
        message: the same message.
        shown: whether it has content after all, and a row of its own.
    """
    stub, parameters = info.messageStubType, list(info.messageStubParameters)
    if stub in DELETED:
        return [*([] if shown else [_row(message, Content(MessageKind.OTHER))]), _revoked(info, message)]
    if shown:
        return []
    if stub in MISSED_CALLS:
        return [_row(message, _missed_call(info, message))]
    if stub in UNREAD_BY_THE_PHONE:
        return [_row(message, Content.unreadable(UNREAD_BY_THE_PHONE[stub]))]
    by = jid(info.participant or info.key.participant)
    if message.from_me:
        by = message.sender
    if message.chat.is_group:
        notice = stub_notice(stub, parameters, by)
        if notice is not None:
            return [notice.received(message.chat, message.timestamp)]
    return [_told(stub, message)] if stub in TOLD else []


def _row(message: Carrier, content: Content) -> MessageReceived:
    return MessageReceived(
        id=message.id,
        chat=message.chat,
        sender=message.sender,
        timestamp=message.timestamp,
        content=content,
        from_me=message.from_me,
        chat_alt=message.chat_alt,
        from_history=True,
    )


def _revoked(info: WebMessageInfo, message: Carrier) -> MessageRevoked:
    by_admin = info.messageStubType == Stub.ADMIN_REVOKE and not message.chat.is_person
    admin = next((one for one in map(jid, info.messageStubParameters) if one is not None and one.is_person), None)
    at = seconds(info.revokeMessageTimestamp)
    return MessageRevoked(
        chat=message.chat,
        message_id=message.id,
        revoked_by=(admin or message.chat) if by_admin else message.sender,
        timestamp=at * 1000 if at is not None else message.timestamp,
        chat_alt=message.chat_alt,
        author=message.sender,
        by_admin=by_admin,
    )


def _missed_call(info: WebMessageInfo, message: Carrier) -> Content:
    content = call_content(message.id, CallOutcome.MISSED, video=MISSED_CALLS[info.messageStubType])
    if info.duration:
        content.extra["seconds"] = info.duration
    return content


def _told(stub: int, message: Carrier) -> MessageReceived:
    """Like the notices of groups (``models.notices``): the chat's own, under an id that nobody else chooses."""
    name = _NAMES[stub].lower()
    digest = sha256(f"{message.chat}\n{name}\n{message.timestamp}\n{message.id}".encode("utf-8", "replace")).hexdigest()
    return MessageReceived(
        id=digest[:32].upper(),
        chat=message.chat,
        sender=message.chat,
        timestamp=message.timestamp,
        content=Content(MessageKind.NOTICE, TOLD[stub], extra={"event": name}),
        chat_alt=message.chat_alt,
        from_history=True,
    )

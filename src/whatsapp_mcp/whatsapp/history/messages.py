"""One message of a history (waWeb.WebMessageInfo) as changes; which fields are read stands in ``fields``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import MessageStarred
from whatsapp_mcp.models.changes import Change, MessageEdited, MessageReceived, MessageRevoked, PlaceholderRedeemed
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.whatsapp.content import read_content, unwrap
from whatsapp_mcp.whatsapp.content.lines import known, money
from whatsapp_mcp.whatsapp.history.facts import facts_about
from whatsapp_mcp.whatsapp.history.fields import MESSAGE_ITSELF, MESSAGE_READ
from whatsapp_mcp.whatsapp.history.stubs import rows_of_stub
from whatsapp_mcp.whatsapp.message_keys import author_of
from whatsapp_mcp.whatsapp.sealed import comment_on, secret_of
from whatsapp_mcp.whatsapp.statements import Carrier, statement_of
from whatsapp_mcp.wire.boundary import cleanse, jid, message_id, parse, seconds
from whatsapp_mcp.wire.protos import e2e, web

if TYPE_CHECKING:
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
_SECRET_SIZE: Final = 32
_BESIDE: Final = MESSAGE_READ - MESSAGE_ITSELF
"""Fields that say something beside the message."""
_WITH_EDITS: Final = ("protocolMessage", "editedMessage", "ephemeralMessage", "deviceSentMessage")
"""In which an edit comes."""
_EDITABLE_MS: Final = 24 * 60 * 60 * 1000
"""WhatsApp lets messages be edited for a quarter of an hour; what is later than this is not believed."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the messages of a conversation are."""

    chat: Jid
    alt: Jid | None
    """The other form of its address."""
    own: tuple[Jid, ...]
    """Our own addresses, the number first."""
    ids: frozenset[str] = frozenset()
    """Of all the messages that are told of it together."""


def readable(info: WebMessageInfo, place: Place) -> list[Change]:
    """What one message means; a message that cannot be read costs nothing but itself, and has its place."""
    cut: list[str] = []
    try:
        cleanse(info, cut)
        changes = list(changes_of_message(info, place))
    except Exception:
        logger.exception("a message of a history could not be read; its place says so")
        return _unreadable(info, place, "this server does not understand it")
    if not cut:
        return changes
    if all(isinstance(one, PlaceholderRedeemed) for one in changes):
        return _unreadable(info, place, "it is nested too deep")
    return [_noting(cut, one) if isinstance(one, MessageReceived) else one for one in changes]


def _noting(cut: list[str], message: MessageReceived) -> MessageReceived:
    content = replace(message.content, extra={**message.content.extra, "cut": sorted(set(cut))})
    return replace(message, content=content)


def changes_of_message(info: WebMessageInfo, place: Place) -> Iterator[Change]:
    """What one message means, and all that the phone knows about it."""
    author = _author(info, place)
    if author is None or not info.key.ID:
        return
    edited_at = _put_edit_in_place(info, place)
    carrier = _carrier(info, author, place)
    about_another = _about_another(info, carrier, place)
    yield from about_another or ()
    _take_secret(info)
    content = read_content(info.message)  # also beside what is said about another message there may be some
    if edited_at is None and _BESIDE.isdisjoint([field.name for field, _ in info.ListFields()]):
        if content is not None:
            yield _row(info, carrier, content)
        elif about_another is not None or info.message.ListFields():
            yield _redemption(carrier)
        return
    content = _with_beside(info, content)
    if content is None and about_another is not None:
        yield _redemption(carrier)
        return
    deleted = rows_of_stub(info, carrier, shown=content is not None)
    if content is not None:
        yield from _starred(info, author, place)
        yield _row(info, carrier, content)
        if edited_at is not None:
            yield MessageEdited(place.chat, carrier.id, author, content, edited_at, chat_alt=place.alt)
    elif deleted and info.starred:
        yield from _starred(info, author, place)
    elif not deleted and info.message.ListFields():  # it could be read, and is no message: nothing waits for it
        yield _redemption(carrier)
    yield from deleted
    if content is not None or deleted:
        yield from facts_about(info, carrier, place.own)


def _put_edit_in_place(info: WebMessageInfo, place: Place) -> int | None:
    """Make of an edit, which is all that a phone keeps of a message that was edited, that message. None where it is no
    edit, or the message is told as well.

    Returns:
        When it was edited, milliseconds.
    """
    if not any(map(info.message.HasField, _WITH_EDITS)):  # as most
        return None
    inner, _ = unwrap(info.message)
    edit = inner.protocolMessage
    target = edit.key.ID
    if edit.type != e2e.ProtocolMessage.Type.MESSAGE_EDIT or not target or not inner.HasField("protocolMessage"):
        return None
    if (target in place.ids and target != info.key.ID) or read_content(edit.editedMessage) is None:
        return None
    written, edited_at = info.messageTimestamp * 1000, edit.timestampMS
    new = e2e.Message()
    new.CopyFrom(edit.editedMessage)  # which lies in what it takes the place of
    info.key.ID = target
    info.message.CopyFrom(new)
    return edited_at if written <= edited_at < written + _EDITABLE_MS else written


def _redemption(carrier: Carrier) -> PlaceholderRedeemed:
    """For what is about another message, and may not have been decrypted when it came."""
    return PlaceholderRedeemed(carrier.chat, carrier.id, carrier.sender, carrier.from_me, carrier.chat_alt)


def _author(info: WebMessageInfo, place: Place) -> Jid | None:
    """Who wrote it; the chat itself where nobody is named, which is how WhatsApp signs for a group."""
    if info.key.fromMe:
        return next(iter(place.own), None)
    return jid(info.key.participant or info.participant) or place.chat


def _carrier(info: WebMessageInfo, author: Jid, place: Place) -> Carrier:
    return Carrier(
        id=message_id(info.key.ID),
        chat=place.chat,
        sender=author,
        timestamp=info.messageTimestamp * 1000,
        from_me=info.key.fromMe,
        chat_alt=place.alt,
        from_history=True,
    )


def _about_another(info: WebMessageInfo, carrier: Carrier, place: Place) -> list[Change] | None:
    """What a message says about another one; None when it is a message of its own."""
    inner, _ = unwrap(info.message)
    if not inner.HasField("protocolMessage"):
        return statement_of(inner, carrier, place.own)
    protocol = inner.protocolMessage
    if protocol.type == e2e.ProtocolMessage.Type.MESSAGE_EDIT:
        edited = read_content(protocol.editedMessage)
        target = message_id(protocol.key.ID)
        if edited is None:
            return []
        return [
            MessageEdited(carrier.chat, target, carrier.sender, edited, carrier.timestamp, chat_alt=carrier.chat_alt)
        ]
    if protocol.type == e2e.ProtocolMessage.Type.REVOKE and inner.HasField("protocolMessage"):
        return [
            MessageRevoked(
                carrier.chat,
                message_id(protocol.key.ID),
                carrier.sender,
                carrier.timestamp,
                chat_alt=carrier.chat_alt,
                author=author_of(protocol.key, carrier, place.own),
            )
        ]
    return None


def _take_secret(info: WebMessageInfo) -> None:
    """A phone keeps a message's secret beside it; what people say about the message later is opened with it."""
    if len(info.messageSecret) == _SECRET_SIZE and info.message.ListFields() and not secret_of(info.message):
        info.message.messageContextInfo.messageSecret = info.messageSecret


def _starred(info: WebMessageInfo, author: Jid, place: Place) -> Iterator[Change]:
    if info.starred:  # before the message: an old one is stored for its star only
        key, timestamp = info.key, info.messageTimestamp * 1000
        other = author if not (key.fromMe or place.chat.is_person) else None
        yield MessageStarred(
            place.chat, message_id(key.ID), starred=True, from_me=key.fromMe, author=other, timestamp=timestamp
        )


def _unreadable(info: WebMessageInfo, place: Place, why: str) -> list[Change]:
    author = _author(info, place)
    return [] if author is None else [_row(info, _carrier(info, author, place), Content.unreadable(why))]


def _row(info: WebMessageInfo, carrier: Carrier, content: Content) -> MessageReceived:
    is_readable = content.kind is not MessageKind.UNDECRYPTABLE
    return MessageReceived(
        id=carrier.id,
        chat=carrier.chat,
        sender=carrier.sender,
        timestamp=carrier.timestamp,
        content=content,
        from_me=carrier.from_me,
        chat_alt=carrier.chat_alt,
        push_name=(info.pushName or None) if is_readable else None,
        raw=info.message.SerializeToString() if is_readable else b"",
        status=_status(info, carrier.chat),
        from_history=True,
    )


def _status(info: WebMessageInfo, chat: Jid) -> DeliveryStatus | None:
    """How far a message of ours got; None: not told. In a group it says who got it only when everybody read it, or with
    the receipts."""
    if not info.key.fromMe or not info.HasField("status"):
        return None
    status = _STATUS.get(info.status)
    everybody = status in (DeliveryStatus.READ, DeliveryStatus.PLAYED, DeliveryStatus.FAILED, DeliveryStatus.PENDING)
    return status if chat.is_person or info.userReceipt or everybody else None


# -- what it says ------------------------------------------------------------------------------------------------------


def _with_beside(info: WebMessageInfo, content: Content | None) -> Content | None:
    if content is None:
        content = _hidden_from_the_phone(info)
    if content is None:
        return None
    mentioned = tuple(person for text in info.statusMentions if (person := jid(text)))
    parent = info.commentMetadata.commentParentKey
    if parent.ID:
        content = comment_on(content, message_id(parent.ID), jid(parent.participant))
    return replace(
        content,
        mentions=content.mentions or mentioned,
        expiration=content.expiration or info.ephemeralDuration,
        extra=content.extra | _beside(info),
    )


def _hidden_from_the_phone(info: WebMessageInfo) -> Content | None:
    """What the phone has and did not show: newer than the phone, or put aside."""
    if info.quarantinedMessage.extractedText:
        return Content(MessageKind.OTHER, info.quarantinedMessage.extractedText, extra={"type": "quarantinedMessage"})
    if not info.futureproofData:
        return None
    try:
        return read_content(parse(e2e.Message, info.futureproofData))
    except DecodeError:
        return None


def _beside(info: WebMessageInfo) -> dict[str, object]:
    """Facts that stand beside the message."""
    facts = known(
        comments=info.commentMetadata.replyCount,
        invalid=info.pollAdditionalMetadata.pollInvalidated,
        mentions_all=info.nonJIDMentions > 0,
        payment=_payment(info.paymentInfo) if info.HasField("paymentInfo") else None,
    )
    last = info.finalLiveLocation
    if last.HasField("degreesLatitude") and last.HasField("degreesLongitude"):
        position = read_content(e2e.Message(liveLocationMessage=last))
        if position is not None and "latitude" in position.extra:
            facts["last_position"] = {name: position.extra[name] for name in ("latitude", "longitude")}
    return facts


def _payment(info: Any) -> dict[str, object]:
    amount = money(info.primaryAmount.value, info.primaryAmount.offset or 1000, info.primaryAmount.currencyCode)
    return known(
        amount=amount or money(info.amount1000, 1000, info.currency),
        status=web.PaymentInfo.Status.Name(info.status).lower() if info.status else "",
        paid_at=seconds(info.transactionTimestamp),
        expires=seconds(info.expiryTimestamp),
    )

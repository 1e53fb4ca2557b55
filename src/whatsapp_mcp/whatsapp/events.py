"""From neonize's events to our changes: what the WhatsApp side learned, for the store.

Pure functions over protobufs; no I/O. Units in neonize 0.5.2: MessageInfo.Timestamp is milliseconds, Receipt.Timestamp
seconds, GroupInfo event timestamps seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.jid import LID, USER, Jid
from whatsapp_mcp.models.changes import (
    Change,
    ChatChanged,
    ContactSeen,
    Content,
    DeliveryStatus,
    IdentityLearned,
    MessageEdited,
    MessageKind,
    MessageReceived,
    MessageRevoked,
    PlaceholderRedeemed,
    ReactionChanged,
    ReceiptKind,
    ReceiptReceived,
)
from whatsapp_mcp.whatsapp.addresses import from_proto, optional
from whatsapp_mcp.whatsapp.boundary import parse
from whatsapp_mcp.whatsapp.calls import changes_of_end, changes_of_offer
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.content import read_content, unwrap
from whatsapp_mcp.whatsapp.notices import changes_of_group, changes_of_joined_group
from whatsapp_mcp.wire.protos import e2e, neonize_pb2

if TYPE_CHECKING:
    from neonize.proto.Neonize_pb2 import MessageInfo
    from neonize.proto.Neonize_pb2 import MessageSource as Source
    from neonize.proto.waCommon.WACommon_pb2 import MessageKey
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

_AHEAD_OF_CONTENT: Final = {"senderKeyDistributionMessage", "messageContextInfo"}
"""Parts of a message to a group that come in an event of their own, under the id of the message."""


def changes_from_event(code: int, payload: bytes, own: Sequence[Jid] = ()) -> list[Change]:
    """The changes that one event means; empty for events that change nothing in the store.

    Args:
        code: neonize's event number.
        payload: the event's serialized protobuf (``Neonize_pb2``).
        own: our own addresses, number and LID.
    """
    match code:
        case EventCode.MESSAGE:
            return MessageEvent(payload).changes()
        case EventCode.RECEIPT:
            return list(_receipt(payload))
        case EventCode.CALL_OFFER:
            return list(changes_of_offer(payload))
        case EventCode.CALL_TERMINATE:
            return list(changes_of_end(payload, own))
        case EventCode.UNDECRYPTABLE:
            return list(_undecryptable(payload))
        case EventCode.JOINED_GROUP:
            return list(changes_of_joined_group(payload, own))
        case EventCode.GROUP_INFO:
            return list(changes_of_group(payload, own))
        case _:
            return []


class MessageOrigin:
    """Chat and author of an event, with the other address form where WhatsApp told it."""

    def __init__(self, source: Source) -> None:
        self.from_me = source.IsFromMe
        self.chat = from_proto(source.Chat).bare
        self.sender = from_proto(source.Sender).bare
        sender_alt, recipient_alt = optional(source.SenderAlt), optional(source.RecipientAlt)
        self.sender_alt = sender_alt.bare if sender_alt else None
        other = recipient_alt if source.IsFromMe else sender_alt
        self.chat_alt = other.bare if other and self.chat.is_person else None

    def identities(self) -> Iterator[IdentityLearned]:
        known: set[IdentityLearned] = set()
        for one, other in ((self.sender, self.sender_alt), (self.chat, self.chat_alt)):
            pair = {jid.server: jid for jid in (one, other) if jid is not None}
            if LID in pair and USER in pair:
                known.add(IdentityLearned(lid=pair[LID], number=pair[USER]))
        yield from known


class MessageEvent:
    """A message event, parsed once."""

    def __init__(self, payload: bytes) -> None:
        """Raises DecodeError, or ValueError when who wrote it where cannot be read.

        ``payload``: serialized ``Neonize_pb2.Message``.
        """
        self._cut: list[str] = []
        self._event = parse(neonize_pb2.Message, payload, self._cut)
        self.where = MessageOrigin(self._event.Info.MessageSource)
        self.timestamp = self._event.Info.Timestamp
        """Milliseconds since 1970."""
        self.message, _ = unwrap(self._event.Message)
        """What is inside all wrappers."""

    @property
    def content_id(self) -> str | None:
        """The id of the message; None when there is no content."""
        has_content = any(field.name not in _AHEAD_OF_CONTENT for field, _ in self._event.Message.ListFields())
        return self._event.Info.ID if has_content else None

    def redemption(self) -> PlaceholderRedeemed:
        """For an event that is no message of its own, but could not be decrypted at first."""
        where = self.where
        return PlaceholderRedeemed(
            where.chat, self._event.Info.ID, where.sender, where.from_me, where.chat_alt, where.sender_alt
        )

    def changes(self) -> list[Change]:
        """What can be read as it is; see ``open_sealed`` for the rest."""
        return list(self._changes())

    def unreadable(self, reason: str) -> MessageReceived:
        """The message with nothing but the reason why it cannot be shown."""
        return self._received(Content.unreadable(reason))

    def _changes(self) -> Iterator[Change]:
        event, info, where = self._event, self._event.Info, self.where
        yield from where.identities()
        if info.Pushname and not where.from_me:
            yield ContactSeen(where.sender, push_name=info.Pushname)
        if self.message.HasField("protocolMessage"):
            yield from _protocol(self.message, info, where)
        if self.message.HasField("reactionMessage"):
            if self.message.reactionMessage.key.ID:
                yield _reaction(self.message, info, where)
            return
        content = read_content(event.Message)
        if content is None:
            if self._cut:
                yield self.unreadable("it is nested too deep")
            return
        if self._cut:
            content = replace(content, extra={**content.extra, "cut": sorted(set(self._cut))})
        if event.IsEdit:
            # whatsmeow hands an edit over as the new message, under the id of the message that is edited.
            yield MessageEdited(where.chat, info.ID, where.sender, content, info.Timestamp, chat_alt=where.chat_alt)
            return
        yield self._received(_with_flags(content, view_once=event.IsViewOnce or event.IsViewOnceV2))

    def _received(self, content: Content) -> MessageReceived:
        info, where = self._event.Info, self.where
        return MessageReceived(
            id=info.ID,
            chat=where.chat,
            sender=where.sender,
            timestamp=info.Timestamp,
            content=content,
            from_me=where.from_me,
            chat_alt=where.chat_alt,
            sender_alt=where.sender_alt,
            push_name=info.Pushname or None,
            raw=self._event.Message.SerializeToString(),
            status=DeliveryStatus.SENT if where.from_me else None,
        )


def _with_flags(content: Content, *, view_once: bool) -> Content:
    if not view_once or content.view_once:
        return content
    return replace(content, view_once=True)


def _protocol(message: Message, info: MessageInfo, where: MessageOrigin) -> Iterator[Change]:
    protocol = message.protocolMessage
    kind = protocol.type
    if kind == e2e.ProtocolMessage.Type.EPHEMERAL_SETTING:
        yield ChatChanged(where.chat, where.chat_alt, ephemeral_expiration=protocol.ephemeralExpiration)
    elif not protocol.key.ID:
        return
    elif kind == e2e.ProtocolMessage.Type.REVOKE:
        yield MessageRevoked(where.chat, protocol.key.ID, where.sender, info.Timestamp, chat_alt=where.chat_alt)
    elif kind == e2e.ProtocolMessage.Type.MESSAGE_EDIT:
        content = read_content(protocol.editedMessage)
        if content is not None:
            yield MessageEdited(
                where.chat, protocol.key.ID, where.sender, content, info.Timestamp, chat_alt=where.chat_alt
            )


def _reaction(message: Message, info: MessageInfo, where: MessageOrigin) -> ReactionChanged:
    key: MessageKey = message.reactionMessage.key
    return ReactionChanged(
        chat=where.chat,
        message_id=key.ID,
        sender=where.sender,
        emoji=message.reactionMessage.text,
        timestamp=info.Timestamp,
        from_me=where.from_me,
        chat_alt=where.chat_alt,
        sender_alt=where.sender_alt,
    )


_RECEIPTS: Final = {
    "DELIVERED": (ReceiptKind.DELIVERED, False),
    "READ": (ReceiptKind.READ, False),
    "PLAYED": (ReceiptKind.PLAYED, False),
    "READ_SELF": (ReceiptKind.READ, True),
    "PLAYED_SELF": (ReceiptKind.PLAYED, True),
}
"""Receipt type -> what it says, and whether it is about our own reading on another device."""


def _receipt(payload: bytes) -> Iterator[Change]:
    event = parse(neonize_pb2.Receipt, payload)
    # A type that the enum does not have is left out by the parser; the field's default would read as "delivered".
    known = _RECEIPTS.get(neonize_pb2.Receipt.ReceiptType.Name(event.Type)) if event.HasField("Type") else None
    where = MessageOrigin(event.MessageSource)
    yield from where.identities()
    if known is None:
        return
    kind, by_us = known
    yield ReceiptReceived(
        chat=where.chat,
        sender=where.sender,
        message_ids=tuple(event.MessageIDs),
        kind=kind,
        timestamp=event.Timestamp * 1000,
        from_me=by_us or where.from_me,
        chat_alt=where.chat_alt,
        sender_alt=where.sender_alt,
    )


def _undecryptable(payload: bytes) -> Iterator[Change]:
    info = parse(neonize_pb2.UndecryptableMessage, payload).Info
    where = MessageOrigin(info.MessageSource)
    yield from where.identities()
    yield MessageReceived(
        id=info.ID,
        chat=where.chat,
        sender=where.sender,
        timestamp=info.Timestamp,
        content=Content(MessageKind.UNDECRYPTABLE),
        from_me=where.from_me,
        chat_alt=where.chat_alt,
        sender_alt=where.sender_alt,
        push_name=info.Pushname or None,
    )

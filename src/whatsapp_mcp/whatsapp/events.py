"""From neonize's events to our changes: what the WhatsApp side learned, for the store.

Pure functions over protobufs; no I/O. Units in neonize 0.5.2: MessageInfo.Timestamp is milliseconds, Receipt.Timestamp
seconds, GroupInfo event timestamps seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import (
    Change,
    ContactSeen,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    PlaceholderRedeemed,
    ReactionChanged,
    ReceiptReceived,
)
from whatsapp_mcp.models.content import BROADCAST_LIST, SERVER_ID, UNAVAILABLE, VIEW_ONCE, Content, MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind
from whatsapp_mcp.whatsapp.addresses import from_proto
from whatsapp_mcp.whatsapp.calls import changes_of_end, changes_of_offer
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.content import read_content, unwrap
from whatsapp_mcp.whatsapp.message_keys import author_of
from whatsapp_mcp.whatsapp.notices import changes_of_group, changes_of_joined_group
from whatsapp_mcp.whatsapp.origin import MessageOrigin
from whatsapp_mcp.whatsapp.statements import Carrier, statement_of
from whatsapp_mcp.wire.boundary import parse, without
from whatsapp_mcp.wire.protos import e2e, neonize_pb2

if TYPE_CHECKING:
    from neonize.proto.Neonize_pb2 import MessageInfo
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import HistorySyncNotification, Message

_NOTHING_TOLD: Final[Mapping[str, str]] = MappingProxyType({})
_BETWEEN_OWN_DEVICES: Final = "peer"
"""Category of the messages in which the phone hands its linked devices keys, history and settings."""
_AHEAD_OF_CONTENT: Final = {"senderKeyDistributionMessage", "messageContextInfo"}
"""Parts of a message to a group that come in an event of their own, under the id of the message."""

_FIELDS: Final = neonize_pb2.Message.DESCRIPTOR.fields_by_name
_SAID: Final = frozenset({_FIELDS["Message"].number})
_REPEATED: Final = frozenset({_FIELDS["Raw"].number, _FIELDS["SourceWebMsg"].number})
"""The message once more, in its wrappers."""
LARGEST: Final = 1024 * 1024
"""Bytes of a message that is read. A text of WhatsApp's clients has 65,536 characters; what is much larger is made of
entries that take a hundred times as much memory as bytes."""

_ADMIN_REVOKE: Final = "8"
"""``edit`` of a stanza that revokes somebody else's message; WhatsApp's server lets only admins of the group send it
(whatsmeow: types/message.go, EditAttributeAdminRevoke)."""
_POST_EDIT: Final = "3"
"""``edit`` of a post of a channel that comes in place of the one with its id, which we may not have (the same,
EditAttributeAdminEdit)."""


def changes_from_event(
    code: int, payload: bytes, own: tuple[Jid, ...] = (), unavailable: Mapping[str, str] = _NOTHING_TOLD
) -> list[Change]:
    """The changes that one event means; empty for events that change nothing in the store.

    Args:
        code: neonize's event number.
        payload: the event's serialized protobuf (``Neonize_pb2``).
        own: our own addresses, the number first.
        unavailable: why WhatsApp sent nothing of a message that could be decrypted, by the id of the message.
    """
    match code:
        case EventCode.MESSAGE:
            return MessageEvent(payload).changes(own)
        case EventCode.RECEIPT:
            return list(_receipt(payload))
        case EventCode.CALL_OFFER:
            return list(changes_of_offer(payload))
        case EventCode.CALL_TERMINATE:
            return list(changes_of_end(payload, own))
        case EventCode.UNDECRYPTABLE:
            return list(_undecryptable(payload, unavailable))
        case EventCode.JOINED_GROUP:
            return list(changes_of_joined_group(payload, own))
        case EventCode.GROUP_INFO:
            return list(changes_of_group(payload, own))
        case EventCode.NEWSLETTER_JOIN:
            followed = parse(neonize_pb2.NewsletterJoin, payload).NewsletterMetadata
            return [ChatChanged(from_proto(followed.ID).bare, name=followed.ThreadMeta.Name.Text, is_member=True)]
        case EventCode.NEWSLETTER_LEAVE:
            return [ChatChanged(from_proto(parse(neonize_pb2.NewsletterLeave, payload).ID).bare, is_member=False)]
        case _:
            return []


class MessageEvent:
    """A message event, parsed once."""

    def __init__(self, payload: bytes) -> None:
        """Raises DecodeError, or WhatsAppRefused when who wrote it where cannot be read.

        ``payload``: serialized ``Neonize_pb2.Message``.
        """
        self._cut: list[str] = []
        self._is_too_large = False
        if len(payload) > LARGEST:
            payload = without(payload, _REPEATED)
            self._is_too_large = len(payload) > LARGEST
        self._event = parse(neonize_pb2.Message, without(payload, _SAID) if self._is_too_large else payload, self._cut)
        self.where = MessageOrigin(self._event.Info.MessageSource)
        self.timestamp = self._event.Info.Timestamp
        """Milliseconds since 1970."""
        self.message, _ = unwrap(self._event.Message)
        """What is inside all wrappers."""

    @property
    def content_id(self) -> str | None:
        """The id of the message; None when this is only what comes ahead of its content."""
        fields = {field.name for field, _ in self._event.Message.ListFields()}
        return None if fields and fields <= _AHEAD_OF_CONTENT else self._event.Info.ID

    @property
    def announced_history(self) -> HistorySyncNotification | None:
        """The part of a history that our phone announces with it."""
        protocol = self.message.protocolMessage
        told = self.where.from_me and protocol.HasField("historySyncNotification")
        return protocol.historySyncNotification if told else None

    def redemption(self) -> PlaceholderRedeemed:
        """For an event that is no message of its own, but could not be decrypted at first."""
        where = self.where
        return PlaceholderRedeemed(
            where.chat, self._event.Info.ID, where.sender, where.from_me, where.chat_alt, where.sender_alt
        )

    def changes(self, own: tuple[Jid, ...]) -> list[Change]:
        """What it says; what is sealed is opened later. ``own``: our addresses, the number first."""
        found = list(self._changes(own))
        return [*found, *self._copies(found)]

    def _copies(self, changes: Sequence[Change]) -> Iterator[Change]:
        """What a message to a broadcast list of ours is in the chats with its people."""
        for chat, *other in filter(None, self.where.recipients):
            for one in changes:
                if isinstance(one, MessageReceived | MessageEdited | MessageRevoked | ReactionChanged):
                    copy = replace(one, chat=chat, chat_alt=other[0] if other else None)
                    yield _by_list(copy, self.where.chat) if isinstance(copy, MessageReceived) else copy

    def unreadable(self, reason: str) -> MessageReceived:
        """The message with nothing but the reason why it cannot be shown."""
        return self._received(Content.unreadable(reason))

    def _changes(self, own: tuple[Jid, ...]) -> Iterator[Change]:
        event, info, where = self._event, self._event.Info, self.where
        yield from where.identities()
        if self._is_too_large:
            yield self.unreadable("it is too large")
            return
        if info.Pushname and not where.from_me:
            yield ContactSeen(where.sender, push_name=info.Pushname)
        if self.message.HasField("protocolMessage"):
            yield from _protocol(self.message, info, where, own)
        said = statement_of(self.message, self._carrier(), own)
        yield from said or ()
        content = read_content(event.Message)  # beside what is said about another message there may be some
        if content is None:
            if self._cut and said is None:
                yield self.unreadable("it is nested too deep")
            return
        if self._cut:
            content = replace(content, extra={**content.extra, "cut": sorted(set(self._cut))})
        if where.chat.is_newsletter and info.ServerID:
            content = replace(content, extra={**content.extra, SERVER_ID: info.ServerID})
        is_edited_post = where.chat.is_newsletter and info.Edit == _POST_EDIT
        if not event.IsEdit:
            yield self._received(_with_flags(content, view_once=event.IsViewOnce or event.IsViewOnceV2))
        if event.IsEdit or is_edited_post:
            # whatsmeow hands an edit over as the new message, under the id of the message that is edited.
            yield MessageEdited(where.chat, info.ID, where.sender, content, info.Timestamp, chat_alt=where.chat_alt)

    def _carrier(self) -> Carrier:
        where = self.where
        return Carrier(
            id=self._event.Info.ID,
            chat=where.chat,
            sender=where.sender,
            timestamp=self._event.Info.Timestamp,
            from_me=where.from_me,
            chat_alt=where.chat_alt,
            sender_alt=where.sender_alt,
        )

    def _received(self, content: Content) -> MessageReceived:
        info, where = self._event.Info, self.where
        received = MessageReceived(
            id=info.ID,
            chat=where.chat,
            sender=where.sender,
            timestamp=info.Timestamp,
            content=content,
            from_me=where.from_me,
            chat_alt=where.chat_alt,
            sender_alt=where.sender_alt,
            push_name=info.Pushname or None,
            raw=self._event.Message.SerializePartialToString(),
            status=DeliveryStatus.SENT if where.from_me else None,
        )
        return received if where.broadcast_list is None else _by_list(received, where.broadcast_list)


def _by_list(message: MessageReceived, broadcast_list: Jid) -> MessageReceived:
    content = message.content
    return replace(message, content=replace(content, extra={**content.extra, BROADCAST_LIST: str(broadcast_list)}))


def _with_flags(content: Content, *, view_once: bool) -> Content:
    if not view_once or content.view_once:
        return content
    return replace(content, view_once=True)


def _protocol(message: Message, info: MessageInfo, where: MessageOrigin, own: tuple[Jid, ...]) -> Iterator[Change]:
    protocol = message.protocolMessage
    kind = protocol.type
    if kind == e2e.ProtocolMessage.Type.EPHEMERAL_SETTING:
        if where.chat.is_person:  # the timer of a group is a matter of its server, which says so in a notification
            yield ChatChanged(where.chat, where.chat_alt, ephemeral_expiration=protocol.ephemeralExpiration)
    elif not protocol.key.ID:
        return
    elif kind == e2e.ProtocolMessage.Type.REVOKE:
        yield MessageRevoked(
            where.chat,
            protocol.key.ID,
            where.sender,
            info.Timestamp,
            chat_alt=where.chat_alt,
            author=author_of(protocol.key, where, own),
            by_admin=where.chat.is_group and info.Edit == _ADMIN_REVOKE,
        )
    elif kind == e2e.ProtocolMessage.Type.MESSAGE_EDIT:
        content = read_content(protocol.editedMessage)
        if content is not None:
            yield MessageEdited(
                where.chat, protocol.key.ID, where.sender, content, info.Timestamp, chat_alt=where.chat_alt
            )


_RECEIPTS: Final = {
    "DELIVERED": (ReceiptKind.DELIVERED, False),
    "READ": (ReceiptKind.READ, False),
    "PLAYED": (ReceiptKind.PLAYED, False),
    "READ_SELF": (ReceiptKind.READ, True),
    "PLAYED_SELF": (ReceiptKind.PLAYED, True),
}
"""Receipt type -> what it says, and whether it is about our own reading on another device."""


CONFIRMED_AT_ONCE: Final = 4_096
"""Messages of one receipt that are taken: whoever writes it can name any, and each is kept, be it here or not."""


def _receipt(payload: bytes) -> Iterator[Change]:
    event = parse(neonize_pb2.Receipt, payload)
    # A type that the enum does not have is left out by the parser; the field's default would read as "delivered".
    known = _RECEIPTS.get(neonize_pb2.Receipt.ReceiptType.Name(event.Type)) if event.HasField("Type") else None
    where = MessageOrigin(event.MessageSource)
    yield from where.identities()
    if known is None:
        return
    kind, by_us = known
    received = ReceiptReceived(
        chat=where.chat,
        sender=where.sender,
        message_ids=tuple(event.MessageIDs[:CONFIRMED_AT_ONCE]),
        kind=kind,
        timestamp=event.Timestamp * 1000,
        from_me=by_us or where.from_me,
        chat_alt=where.chat_alt,
        sender_alt=where.sender_alt,
    )
    yield received
    if where.broadcast_list is not None and not received.from_me:  # of a message of ours, which is in the list's chat
        yield replace(received, chat=where.broadcast_list, chat_alt=None)


def _undecryptable(payload: bytes, unavailable: Mapping[str, str]) -> Iterator[Change]:
    """A placeholder, unless it cannot be a message of its own: reactions, votes, edits and the like say so, and what
    our own devices tell each other is no message at all. Should it be one all the same, it comes again as one."""
    event = parse(neonize_pb2.UndecryptableMessage, payload)
    info = event.Info
    where = MessageOrigin(info.MessageSource)
    yield from where.identities()
    hidden = event.HasField("DecryptFailMode") and event.DecryptFailMode == event.DECRYPT_FAIL_HIDE
    if hidden or info.Category == _BETWEEN_OWN_DEVICES:
        yield PlaceholderRedeemed(where.chat, info.ID, where.sender, where.from_me, where.chat_alt, where.sender_alt)
        return
    why = unavailable.get(info.ID) if event.IsUnavailable else None
    extra: dict[str, object] = {UNAVAILABLE: why or True} if event.IsUnavailable else {}
    yield MessageReceived(
        id=info.ID,
        chat=where.chat,
        sender=where.sender,
        timestamp=info.Timestamp,
        content=Content(MessageKind.UNDECRYPTABLE, extra=extra, view_once=why == VIEW_ONCE),
        from_me=where.from_me,
        chat_alt=where.chat_alt,
        sender_alt=where.sender_alt,
        push_name=info.Pushname or None,
    )

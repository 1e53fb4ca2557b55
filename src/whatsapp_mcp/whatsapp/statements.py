"""Messages that say something about another message: reactions, pins, keeps, options of polls; and what is sealed.

They come live, in a history as messages of their own, and opened from what was sealed; each way gives a ``Carrier``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import (
    Change,
    EventAnswered,
    MessageKept,
    MessagePinned,
    PollOptionAdded,
    ReactionChanged,
    SealedReceived,
)
from whatsapp_mcp.models.content import EventAnswer
from whatsapp_mcp.whatsapp.message_keys import author_of
from whatsapp_mcp.wire.boundary import message_id
from whatsapp_mcp.wire.protos import e2e

if TYPE_CHECKING:
    from neonize.proto.waCommon.WACommon_pb2 import MessageKey
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import EventResponseMessage, Message


@dataclass(frozen=True, slots=True)
class Carrier:
    """The message that says something about another one: where it came from."""

    id: str
    chat: Jid
    sender: Jid
    timestamp: int
    """Milliseconds since 1970."""
    from_me: bool = False
    chat_alt: Jid | None = None
    sender_alt: Jid | None = None
    from_history: bool = False
    author: Jid | None = None
    """Of the message that it is about, where that is proven."""

    def about(self, key: MessageKey, own: tuple[Jid, ...]) -> dict[str, Any]:
        """The fields that every statement about a message has. ``own``: our addresses, the number first."""
        return {
            "chat": self.chat,
            "message_id": message_id(key.ID),
            "sender": self.sender,
            "from_me": self.from_me,
            "chat_alt": self.chat_alt,
            "sender_alt": self.sender_alt,
            "author": self.author or author_of(key, self, own),
        }


def statement_of(message: Message, carrier: Carrier, own: tuple[Jid, ...]) -> list[Change] | None:
    """What a message without wrappers says about another one; None when it is no such message.

    Args:
        own: our own addresses, the number first.
    """
    told = {field.name for field, _ in message.ListFields()}
    for name, read in _READERS.items():
        if name in told:
            return read(message, carrier, own)
    key = sealed_key(message) if not told.isdisjoint(_SEALED) else None
    if key is None:
        return None
    if not key.ID:
        return []
    fields = carrier.about(key, own)
    raw = message.SerializePartialToString()
    sealed = SealedReceived(
        id=carrier.id, timestamp=carrier.timestamp, raw=raw, from_history=carrier.from_history, **fields
    )
    return [sealed]


def sealed_key(message: Message) -> MessageKey | None:
    """Which message the secret belongs to that a message is encrypted with; None when it is not."""
    for name, field in _SEALED.items():
        if message.HasField(name):  # type: ignore[arg-type]
            key: MessageKey = getattr(getattr(message, name), field)
            return key
    return None


_SEALED: Final = {
    "pollUpdateMessage": "pollCreationMessageKey",
    "encReactionMessage": "targetMessageKey",
    "encCommentMessage": "targetMessageKey",
    "encEventResponseMessage": "eventCreationMessageKey",
    "secretEncryptedMessage": "targetMessageKey",
}
"""What is encrypted under the secret of another message -> the field that names that message."""


def reaction(emoji: str, key: MessageKey, carrier: Carrier, own: tuple[Jid, ...]) -> list[Change]:
    if not key.ID:
        return []
    return [ReactionChanged(emoji=emoji, timestamp=carrier.timestamp, **carrier.about(key, own))]


def added_option(option: str, key: MessageKey, carrier: Carrier, own: tuple[Jid, ...]) -> list[Change]:
    if not (key.ID and option):
        return []
    return [PollOptionAdded(option=option, timestamp=carrier.timestamp, **carrier.about(key, own))]


def event_answer(said: EventResponseMessage, key: MessageKey, carrier: Carrier, own: tuple[Jid, ...]) -> list[Change]:
    if not key.ID:
        return []
    return [
        EventAnswered(
            answer=_ANSWERS.get(said.response),
            guests=max(said.extraGuestCount, 0),
            timestamp=carrier.timestamp,
            **carrier.about(key, own),
        )
    ]


_ANSWERS: Final[dict[int, EventAnswer]] = {
    e2e.EventResponseMessage.GOING: EventAnswer.GOING,
    e2e.EventResponseMessage.MAYBE: EventAnswer.MAYBE,
    e2e.EventResponseMessage.NOT_GOING: EventAnswer.NOT_GOING,
}


def pin(*, on: bool, seconds: int, key: MessageKey, carrier: Carrier, own: tuple[Jid, ...]) -> list[Change]:
    """``seconds``: how long it stays pinned; 0: not told."""
    if not key.ID:
        return []
    until = carrier.timestamp + seconds * 1000 if on and seconds else None
    return [MessagePinned(pinned=on, until=until, timestamp=carrier.timestamp, **carrier.about(key, own))]


def keep(*, on: bool, key: MessageKey, carrier: Carrier, own: tuple[Jid, ...]) -> list[Change]:
    if not key.ID:
        return []
    return [MessageKept(kept=on, timestamp=carrier.timestamp, **carrier.about(key, own))]


def _reaction(message: Message, carrier: Carrier, own: tuple[Jid, ...]) -> list[Change]:
    said = message.reactionMessage
    return reaction(said.text, said.key, carrier, own)


def _pin(message: Message, carrier: Carrier, own: tuple[Jid, ...]) -> list[Change]:
    said = message.pinInChatMessage
    if said.type == said.UNKNOWN_TYPE:
        return []
    seconds = message.messageContextInfo.messageAddOnDurationInSecs
    return pin(on=said.type == said.PIN_FOR_ALL, seconds=seconds, key=said.key, carrier=carrier, own=own)


def _keep(message: Message, carrier: Carrier, own: tuple[Jid, ...]) -> list[Change]:
    said = message.keepInChatMessage
    if said.keepType == e2e.UNKNOWN_KEEP_TYPE:
        return []
    return keep(on=said.keepType == e2e.KEEP_FOR_ALL, key=said.key, carrier=carrier, own=own)


def _added_option(message: Message, carrier: Carrier, own: tuple[Jid, ...]) -> list[Change]:
    said = message.pollAddOptionMessage
    return added_option(said.addOption.optionName, said.pollCreationMessageKey, carrier, own)


_READERS: Final[dict[str, Callable[[Message, Carrier, tuple[Jid, ...]], list[Change]]]] = {
    "reactionMessage": _reaction,
    "pinInChatMessage": _pin,
    "keepInChatMessage": _keep,
    "pollAddOptionMessage": _added_option,
}

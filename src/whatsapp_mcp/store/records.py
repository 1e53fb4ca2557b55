"""What the store hands out beside the views of ``whatsapp_mcp.models``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Content, DeliveryStatus, MediaInfo, MessageKind
from whatsapp_mcp.models.views import Chat, Message

__all__ = [
    "Applied",
    "ChatPage",
    "KeyedSend",
    "MessagePage",
    "NamedTarget",
    "StoreStats",
    "StoredMessage",
    "Surroundings",
]


@dataclass(frozen=True, slots=True)
class Applied:
    """What one transaction did."""

    arrivals: tuple[int, ...]
    """Arrival numbers of messages stored now: new ones, and placeholders replaced by what they stood for."""
    newest_arrival: int
    """The highest number given so far, 0 in an empty store."""
    touched_chats: frozenset[Jid]
    """Canonical."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as the session needs it: to quote it, react to it, edit, revoke, mark read or forward it."""

    id: str
    chat: Jid
    """Canonical."""
    sender: Jid
    """Canonical."""
    wire_chat: Jid
    """As WhatsApp addresses it."""
    wire_sender: Jid
    """As WhatsApp addresses the author."""
    from_me: bool
    timestamp: int
    """Milliseconds since 1970."""
    content: Content
    """With the text of the last edit; of a revoked message what it said before."""
    raw: bytes
    """Serialized waE2E.Message as it came; empty when there was none."""
    status: DeliveryStatus | None = None
    edited_at: int | None = None
    revoked_at: int | None = None

    @property
    def kind(self) -> MessageKind:
        return self.content.kind

    @property
    def text(self) -> str:
        return self.content.text

    @property
    def media(self) -> MediaInfo | None:
        return self.content.media


@dataclass(frozen=True, slots=True)
class ChatPage:
    rows: tuple[Chat, ...]
    total: int
    """How many chats fit the filters, on all pages."""
    more: bool = False
    """Whether others follow."""
    cursors: tuple[str, ...] = ()
    """For each row, where the rest after it begins."""


@dataclass(frozen=True, slots=True)
class MessagePage:
    rows: tuple[Message, ...]
    total: int
    """How many messages fit the filters, on all pages."""
    total_is_more: bool = False
    """There are more than ``total``: a search does not count them all."""
    more: bool = False
    """Whether others follow."""
    cursors: tuple[str, ...] = ()
    """For each row, where the rest after it begins; empty where rows are not sorted by time."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was said in a chat around a message, oldest first."""

    before: tuple[Message, ...]
    after: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class KeyedSend:
    """A send under a key that the caller chose."""

    fingerprint: str
    """Of the tool and its arguments."""
    result: str | None
    """What the session answered, as JSON; None while it is not known whether the message was sent."""
    message: bytes | None
    """Serialized waE2E.Message, as long as there is no result."""
    started_at: int
    """Milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class NamedTarget:
    """Somebody or something with a name that can be written to."""

    jid: Jid
    name: str
    kind: Literal["person", "group", "newsletter", "broadcast"]


@dataclass(frozen=True, slots=True)
class StoreStats:
    schema_version: int
    messages: int
    chats: int
    bytes: int
    """Size of the file and its log."""
    newest_message: datetime | None

"""Changes of the app state, as values: what to star, pin, archive, mute, label, mark or delete.

A chat is named by its JID as WhatsApp addresses it on the wire. How a change is written stands in `encoding`: who only
names one needs neither protobuf nor crypto.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from whatsapp_mcp.jid import Jid

FOR_EVER: Final = -1
"""``MuteChat.until_ms`` for a mute without end."""


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The newest message of a chat: up to it, the chat is archived, read or deleted."""

    message_id: str
    from_me: bool
    timestamp_ms: int
    """Milliseconds since 1970."""
    author: Jid | None = None
    """Of somebody else's message in a group."""


class Action:
    """One change; `encoding.entries` says how it is written."""

    collection: ClassVar[str]
    """What it is part of; all of one collection go into one patch."""


@dataclass(frozen=True, slots=True)
class Star(Action):
    """Star a message, or take the star away."""

    collection: ClassVar[str] = "regular_high"

    chat: Jid
    message_id: str
    from_me: bool
    starred: bool
    author: Jid | None = None


@dataclass(frozen=True, slots=True)
class DeleteForMe(Action):
    """Delete a message on the account's own devices."""

    collection: ClassVar[str] = "regular_high"

    chat: Jid
    message_id: str
    from_me: bool
    sent_ms: int
    """When the message was sent, milliseconds since 1970."""
    author: Jid | None = None
    delete_media: bool = True


@dataclass(frozen=True, slots=True)
class PinChat(Action):
    """Pin a chat to the top of the list, or unpin it."""

    collection: ClassVar[str] = "regular_low"

    chat: Jid
    pinned: bool


@dataclass(frozen=True, slots=True)
class ArchiveChat(Action):
    """Move a chat into the archive or out of it. Archiving unpins, as on the phone."""

    collection: ClassVar[str] = "regular_low"

    chat: Jid
    archived: bool
    last: LastMessage | None = None


@dataclass(frozen=True, slots=True)
class MuteChat(Action):
    """Silence a chat until ``until_ms``: milliseconds since 1970, ``FOR_EVER``, or 0 to end it."""

    collection: ClassVar[str] = "regular_high"

    chat: Jid
    until_ms: int


@dataclass(frozen=True, slots=True)
class MarkChatRead(Action):
    """Mark a chat as read on the account's devices, or as unread. Senders are not told: that is what receipts do."""

    collection: ClassVar[str] = "regular_low"

    chat: Jid
    read: bool
    last: LastMessage | None = None


@dataclass(frozen=True, slots=True)
class DeleteChat(Action):
    """Delete a chat with its messages on the account's own devices."""

    collection: ClassVar[str] = "regular_high"

    chat: Jid
    last: LastMessage | None = None
    delete_media: bool = True


@dataclass(frozen=True, slots=True)
class LabelEdit(Action):
    """Create, rename, recolour or delete a label. ``label_id`` is a decimal number of ours or the phone's."""

    collection: ClassVar[str] = "regular"

    label_id: str
    name: str
    color: int
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class LabelChat(Action):
    """Put a label on a chat, or take it off."""

    collection: ClassVar[str] = "regular"

    label_id: str
    chat: Jid
    labelled: bool


@dataclass(frozen=True, slots=True)
class LabelMessage(Action):
    """Put a label on a message, or take it off."""

    collection: ClassVar[str] = "regular"

    label_id: str
    chat: Jid
    message_id: str
    labelled: bool

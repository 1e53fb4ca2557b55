"""Changes of the app state, as values: what to star, pin, archive, mute, label, mark or delete.

Indexes, collections and format versions: whatsmeow appstate/{encode,keys}.go. A chat is named by its JID as WhatsApp
addresses it on the wire; an author is named in groups only, for messages of others, else by ``0``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.wire.app_state import Entry
from whatsapp_mcp.wire.protos import sync_action

__all__ = [
    "FOR_EVER",
    "Action",
    "ArchiveChat",
    "DeleteChat",
    "DeleteForMe",
    "LabelChat",
    "LabelEdit",
    "LabelMessage",
    "LastMessage",
    "MarkChatRead",
    "MuteChat",
    "PinChat",
    "Star",
]

FOR_EVER: Final = -1
"""``MuteChat.until_ms`` for a mute without end."""

_NOBODY: Final = "0"


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The newest message of a chat: up to it, the chat is archived, read or deleted."""

    message_id: str
    from_me: bool
    timestamp_ms: int
    """Milliseconds since 1970."""
    author: Jid | None = None
    """Of somebody else's message in a group."""


class Action(ABC):
    """One change; ``entries`` go together into one patch of ``collection``."""

    collection: ClassVar[str]

    @abstractmethod
    def entries(self, now_ms: int) -> Sequence[Entry]:
        """What to set, stamped with ``now_ms`` (milliseconds since 1970): made anew for every attempt."""


@dataclass(frozen=True, slots=True)
class Star(Action):
    """Star a message, or take the star away."""

    collection: ClassVar[str] = "regular_high"

    chat: Jid
    message_id: str
    from_me: bool
    starred: bool
    author: Jid | None = None

    def entries(self, now_ms: int) -> Sequence[Entry]:
        index = ("star", str(self.chat), self.message_id, _flag(self.from_me), _author(self))
        action = sync_action.StarAction(starred=self.starred)
        return (Entry(index, 2, sync_action.SyncActionValue(timestamp=now_ms, starAction=action)),)


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

    def entries(self, now_ms: int) -> Sequence[Entry]:
        index = ("deleteMessageForMe", str(self.chat), self.message_id, _flag(self.from_me), _author(self))
        action = sync_action.DeleteMessageForMeAction(
            deleteMedia=self.delete_media, messageTimestamp=self.sent_ms // 1000
        )
        return (Entry(index, 3, sync_action.SyncActionValue(timestamp=now_ms, deleteMessageForMeAction=action)),)


@dataclass(frozen=True, slots=True)
class PinChat(Action):
    """Pin a chat to the top of the list, or unpin it."""

    collection: ClassVar[str] = "regular_low"

    chat: Jid
    pinned: bool

    def entries(self, now_ms: int) -> Sequence[Entry]:
        action = sync_action.PinAction(pinned=self.pinned)
        value = sync_action.SyncActionValue(timestamp=now_ms, pinAction=action)
        return (Entry(("pin_v1", str(self.chat)), 5, value),)


@dataclass(frozen=True, slots=True)
class ArchiveChat(Action):
    """Move a chat into the archive or out of it. Archiving unpins, as on the phone."""

    collection: ClassVar[str] = "regular_low"

    chat: Jid
    archived: bool
    last: LastMessage | None = None

    def entries(self, now_ms: int) -> Sequence[Entry]:
        action = sync_action.ArchiveChatAction(
            archived=self.archived, messageRange=_message_range(self.chat, self.last, now_ms)
        )
        value = sync_action.SyncActionValue(timestamp=now_ms, archiveChatAction=action)
        archive = Entry(("archive", str(self.chat)), 3, value)
        return (archive, *PinChat(self.chat, pinned=False).entries(now_ms)) if self.archived else (archive,)


@dataclass(frozen=True, slots=True)
class MuteChat(Action):
    """Silence a chat until ``until_ms``: milliseconds since 1970, ``FOR_EVER``, or 0 to end it."""

    collection: ClassVar[str] = "regular_high"

    chat: Jid
    until_ms: int

    def entries(self, now_ms: int) -> Sequence[Entry]:
        action = sync_action.MuteAction(muted=self.until_ms != 0)
        if self.until_ms:
            action.muteEndTimestamp = self.until_ms
        value = sync_action.SyncActionValue(timestamp=now_ms, muteAction=action)
        return (Entry(("mute", str(self.chat)), 2, value),)


@dataclass(frozen=True, slots=True)
class MarkChatRead(Action):
    """Mark a chat as read on the account's devices, or as unread. Senders are not told: that is what receipts do."""

    collection: ClassVar[str] = "regular_low"

    chat: Jid
    read: bool
    last: LastMessage | None = None

    def entries(self, now_ms: int) -> Sequence[Entry]:
        action = sync_action.MarkChatAsReadAction(
            read=self.read, messageRange=_message_range(self.chat, self.last, now_ms)
        )
        value = sync_action.SyncActionValue(timestamp=now_ms, markChatAsReadAction=action)
        return (Entry(("markChatAsRead", str(self.chat)), 3, value),)


@dataclass(frozen=True, slots=True)
class DeleteChat(Action):
    """Delete a chat with its messages on the account's own devices."""

    collection: ClassVar[str] = "regular_high"

    chat: Jid
    last: LastMessage | None = None
    delete_media: bool = True

    def entries(self, now_ms: int) -> Sequence[Entry]:
        action = sync_action.DeleteChatAction(messageRange=_message_range(self.chat, self.last, now_ms))
        value = sync_action.SyncActionValue(timestamp=now_ms, deleteChatAction=action)
        return (Entry(("deleteChat", str(self.chat), _flag(self.delete_media)), 6, value),)


@dataclass(frozen=True, slots=True)
class LabelEdit(Action):
    """Create, rename, recolour or delete a label. ``label_id`` is a decimal number of ours or the phone's."""

    collection: ClassVar[str] = "regular"

    label_id: str
    name: str
    color: int
    deleted: bool = False

    def entries(self, now_ms: int) -> Sequence[Entry]:
        action = sync_action.LabelEditAction(name=self.name, color=self.color, deleted=self.deleted)
        value = sync_action.SyncActionValue(timestamp=now_ms, labelEditAction=action)
        return (Entry(("label_edit", self.label_id), 3, value),)


@dataclass(frozen=True, slots=True)
class LabelChat(Action):
    """Put a label on a chat, or take it off."""

    collection: ClassVar[str] = "regular"

    label_id: str
    chat: Jid
    labelled: bool

    def entries(self, now_ms: int) -> Sequence[Entry]:
        return (Entry(("label_jid", self.label_id, str(self.chat)), 3, _labelled(now_ms, self.labelled)),)


@dataclass(frozen=True, slots=True)
class LabelMessage(Action):
    """Put a label on a message, or take it off."""

    collection: ClassVar[str] = "regular"

    label_id: str
    chat: Jid
    message_id: str
    labelled: bool

    def entries(self, now_ms: int) -> Sequence[Entry]:
        index = ("label_message", self.label_id, str(self.chat), self.message_id, _NOBODY, _NOBODY)
        return (Entry(index, 3, _labelled(now_ms, self.labelled)),)


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _author(action: Star | DeleteForMe) -> str:
    author = action.author
    return str(author.bare) if author is not None and not action.from_me and not action.chat.is_person else _NOBODY


def _labelled(now_ms: int, labelled: bool) -> sync_action.SyncActionValue:
    action = sync_action.LabelAssociationAction(labeled=labelled)
    return sync_action.SyncActionValue(timestamp=now_ms, labelAssociationAction=action)


def _message_range(chat: Jid, last: LastMessage | None, now_ms: int) -> sync_action.SyncActionMessageRange:
    """Up to ``last``; without it up to now (whatsmeow appstate/encode.go: newMessageRange)."""
    if last is None:
        return sync_action.SyncActionMessageRange(lastMessageTimestamp=now_ms // 1000)
    seconds = last.timestamp_ms // 1000
    message = sync_action.SyncActionMessage(timestamp=seconds)
    message.key.remoteJID, message.key.fromMe, message.key.ID = str(chat), last.from_me, last.message_id
    if last.author is not None and not last.from_me and not chat.is_person:
        message.key.participant = str(last.author.bare)
    return sync_action.SyncActionMessageRange(lastMessageTimestamp=seconds, messages=[message])

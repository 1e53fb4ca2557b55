"""How changes of the app state are written: indexes, format versions, values (whatsmeow appstate/{encode,keys}.go).

An author is named in groups only, for messages of others, else by ``0``.
"""

from __future__ import annotations

from functools import singledispatch
from typing import Any, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.side_login.actions import (
    Action,
    ArchiveChat,
    DeleteChat,
    DeleteForMe,
    LabelChat,
    LabelEdit,
    LabelMessage,
    LastMessage,
    MarkChatRead,
    MuteChat,
    PinChat,
    Star,
)
from whatsapp_mcp.wire.app_state import Entry
from whatsapp_mcp.wire.protos import sync_action

_NOBODY: Final = "0"

Entries = tuple[Entry, ...]


@singledispatch
def entries(action: Action, now_ms: int) -> Entries:
    """What to set, stamped with ``now_ms`` (milliseconds since 1970): made anew for every attempt."""
    raise TypeError(f"{type(action).__name__} cannot be written")


def _entry(now_ms: int, version: int, index: tuple[str, ...], **value: Any) -> Entry:
    return Entry(index, version, sync_action.SyncActionValue(timestamp=now_ms, **value))


@entries.register
def _star(action: Star, now_ms: int) -> Entries:
    index = ("star", str(action.chat), action.message_id, _flag(action.from_me), _author(action))
    return (_entry(now_ms, 2, index, starAction=sync_action.StarAction(starred=action.starred)),)


@entries.register
def _delete_for_me(action: DeleteForMe, now_ms: int) -> Entries:
    index = ("deleteMessageForMe", str(action.chat), action.message_id, _flag(action.from_me), _author(action))
    value = sync_action.DeleteMessageForMeAction(
        deleteMedia=action.delete_media, messageTimestamp=action.sent_ms // 1000
    )
    return (_entry(now_ms, 3, index, deleteMessageForMeAction=value),)


@entries.register
def _pin_chat(action: PinChat, now_ms: int) -> Entries:
    value = sync_action.PinAction(pinned=action.pinned)
    return (_entry(now_ms, 5, ("pin_v1", str(action.chat)), pinAction=value),)


@entries.register
def _archive_chat(action: ArchiveChat, now_ms: int) -> Entries:
    reach = _message_range(action.chat, action.last, now_ms)
    value = sync_action.ArchiveChatAction(archived=action.archived, messageRange=reach)
    archive = _entry(now_ms, 3, ("archive", str(action.chat)), archiveChatAction=value)
    return (archive, *entries(PinChat(action.chat, pinned=False), now_ms)) if action.archived else (archive,)


@entries.register
def _mute_chat(action: MuteChat, now_ms: int) -> Entries:
    value = sync_action.MuteAction(muted=action.until_ms != 0)
    if action.until_ms:
        value.muteEndTimestamp = action.until_ms
    return (_entry(now_ms, 2, ("mute", str(action.chat)), muteAction=value),)


@entries.register
def _mark_chat_read(action: MarkChatRead, now_ms: int) -> Entries:
    reach = _message_range(action.chat, action.last, now_ms)
    value = sync_action.MarkChatAsReadAction(read=action.read, messageRange=reach)
    return (_entry(now_ms, 3, ("markChatAsRead", str(action.chat)), markChatAsReadAction=value),)


@entries.register
def _delete_chat(action: DeleteChat, now_ms: int) -> Entries:
    value = sync_action.DeleteChatAction(messageRange=_message_range(action.chat, action.last, now_ms))
    index = ("deleteChat", str(action.chat), _flag(action.delete_media))
    return (_entry(now_ms, 6, index, deleteChatAction=value),)


@entries.register
def _label_edit(action: LabelEdit, now_ms: int) -> Entries:
    value = sync_action.LabelEditAction(name=action.name, color=action.color, deleted=action.deleted)
    return (_entry(now_ms, 3, ("label_edit", action.label_id), labelEditAction=value),)


@entries.register
def _label_chat(action: LabelChat, now_ms: int) -> Entries:
    value = sync_action.LabelAssociationAction(labeled=action.labelled)
    return (_entry(now_ms, 3, ("label_jid", action.label_id, str(action.chat)), labelAssociationAction=value),)


@entries.register
def _label_message(action: LabelMessage, now_ms: int) -> Entries:
    index = ("label_message", action.label_id, str(action.chat), action.message_id, _NOBODY, _NOBODY)
    value = sync_action.LabelAssociationAction(labeled=action.labelled)
    return (_entry(now_ms, 3, index, labelAssociationAction=value),)


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _author(action: Star | DeleteForMe) -> str:
    author = action.author
    return str(author.bare) if author is not None and not action.from_me and not action.chat.is_person else _NOBODY


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

"""How changes of the app state are written: indexes, format versions, values (whatsmeow appstate/{encode,keys}.go).

An author is named in groups only, for messages of others, else by ``0``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import singledispatch
from typing import Any, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import (
    AppStateChange,
    ChatChanged,
    ChatDeleted,
    ChatLabelled,
    ChatMarkedRead,
    LabelChanged,
    LastMessage,
    MessageDeletedForMe,
    MessageLabelled,
    MessageStarred,
)
from whatsapp_mcp.wire.app_state import Mutation
from whatsapp_mcp.wire.protos import sync_action

_NOBODY: Final = "0"

_KINDS: Final = {
    "star": ("regular_high", 2),
    "deleteMessageForMe": ("regular_high", 3),
    "pin_v1": ("regular_low", 5),
    "archive": ("regular_low", 3),
    "mute": ("regular_high", 2),
    "markChatAsRead": ("regular_low", 3),
    "deleteChat": ("regular_high", 6),
    "label_edit": ("regular", 3),
    "label_jid": ("regular", 3),
    "label_message": ("regular", 3),
}
"""First part of the index -> collection that it is part of, version of the format."""

Written = Iterator[tuple[tuple[str, ...], dict[str, Any]]]
"""Indexes, and what the value of each has beside its time."""


def mutations(change: AppStateChange, now_ms: int) -> dict[str, list[Mutation]]:
    """What to set in which collections, stamped with ``now_ms`` (milliseconds since 1970): made anew for every attempt.
    Empty: we do not write changes of this kind."""
    found: dict[str, list[Mutation]] = {}
    for index, value in _written(change, now_ms):
        collection, version = _KINDS[index[0]]
        stamped = sync_action.SyncActionValue(timestamp=now_ms, **value)
        found.setdefault(collection, []).append(Mutation(index, version, stamped))
    return found


@singledispatch
def _written(_change: AppStateChange, _now_ms: int) -> Written:
    return iter(())


@_written.register
def _(change: MessageStarred, _now_ms: int) -> Written:
    index = ("star", str(change.chat), change.message_id, _flag(change.from_me), _author(change))
    yield index, {"starAction": sync_action.StarAction(starred=change.starred)}


@_written.register
def _(change: MessageDeletedForMe, _now_ms: int) -> Written:
    index = ("deleteMessageForMe", str(change.chat), change.message_id, _flag(change.from_me), _author(change))
    value = sync_action.DeleteMessageForMeAction(deleteMedia=True, messageTimestamp=change.sent // 1000)
    yield index, {"deleteMessageForMeAction": value}


@_written.register
def _(change: ChatChanged, now_ms: int) -> Written:
    chat, pinned = str(change.chat), change.pinned
    if change.archived is not None:
        reach = _message_range(change.chat, change.last, now_ms)
        value = sync_action.ArchiveChatAction(archived=change.archived, messageRange=reach)
        yield ("archive", chat), {"archiveChatAction": value}
        pinned = False if change.archived else pinned  # as on the phone
    if pinned is not None:
        yield ("pin_v1", chat), {"pinAction": sync_action.PinAction(pinned=pinned)}
    if change.muted_until is not None:
        mute = sync_action.MuteAction(muted=change.muted_until != 0)
        if change.muted_until:
            mute.muteEndTimestamp = change.muted_until
        yield ("mute", chat), {"muteAction": mute}


@_written.register
def _(change: ChatMarkedRead, now_ms: int) -> Written:
    reach = _message_range(change.chat, change.last, now_ms)
    value = sync_action.MarkChatAsReadAction(read=change.read, messageRange=reach)
    yield ("markChatAsRead", str(change.chat)), {"markChatAsReadAction": value}


@_written.register
def _(change: ChatDeleted, now_ms: int) -> Written:
    value = sync_action.DeleteChatAction(messageRange=_message_range(change.chat, change.last, now_ms))
    yield ("deleteChat", str(change.chat), _flag(True)), {"deleteChatAction": value}  # with its media


@_written.register
def _(change: LabelChanged, _now_ms: int) -> Written:
    value = sync_action.LabelEditAction(name=change.name, color=change.color, deleted=change.deleted)
    yield ("label_edit", change.label_id), {"labelEditAction": value}


@_written.register
def _(change: ChatLabelled, _now_ms: int) -> Written:
    value = sync_action.LabelAssociationAction(labeled=change.labelled)
    yield ("label_jid", change.label_id, str(change.chat)), {"labelAssociationAction": value}


@_written.register
def _(change: MessageLabelled, _now_ms: int) -> Written:
    index = ("label_message", change.label_id, str(change.chat), change.message_id, _NOBODY, _NOBODY)
    yield index, {"labelAssociationAction": sync_action.LabelAssociationAction(labeled=change.labelled)}


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _author(change: MessageStarred | MessageDeletedForMe) -> str:
    author = change.author
    return str(author.bare) if author is not None and not change.from_me and not change.chat.is_person else _NOBODY


def _message_range(chat: Jid, last: LastMessage | None, now_ms: int) -> sync_action.SyncActionMessageRange:
    """Up to ``last``; without it up to now (whatsmeow appstate/encode.go: newMessageRange)."""
    if last is None:
        return sync_action.SyncActionMessageRange(lastMessageTimestamp=now_ms // 1000)
    seconds = last.timestamp // 1000
    message = sync_action.SyncActionMessage(timestamp=seconds)
    message.key.remoteJID, message.key.fromMe, message.key.ID = str(chat), last.from_me, last.message_id
    if last.author is not None and not last.from_me and not chat.is_person:
        message.key.participant = str(last.author.bare)
    return sync_action.SyncActionMessageRange(lastMessageTimestamp=seconds, messages=[message])

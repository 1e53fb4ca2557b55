"""What decoded mutations mean for our store. Source of the indexes: whatsmeow appstate.go (dispatchAppState)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import (
    AppStateChange,
    ChatChanged,
    ChatCleared,
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

_MILLISECONDS_FROM: Final = 100_000_000_000
"""A time above this is in milliseconds: in seconds it would be the year 5138. Phones write either."""

Index = Sequence[str]
Value = sync_action.SyncActionValue


def changes_of(mutations: Iterable[Mutation]) -> list[AppStateChange]:
    """The changes that are of interest here, in order; settings of the phone's own and unknown kinds are left out."""
    found = (_change(mutation) for mutation in mutations)
    return [change for change in found if change is not None]


def _change(mutation: Mutation) -> AppStateChange | None:
    # A removal takes back nothing: it tidies up an entry whose meaning is over (whatsmeow ignores it as well).
    if mutation.operation != "set" or not mutation.index:
        return None
    reader = _READERS.get(mutation.index[0])
    if reader is None:
        return None
    length, field, read = reader
    if len(mutation.index) < length or not mutation.value.HasField(field):  # type: ignore[arg-type]  # the stubs want literals
        return None
    try:
        return read(mutation.index, mutation.value)
    except ValueError:
        return None  # a chat that is no JID


def _author(text: str) -> Jid | None:
    return None if text in ("", "0") else Jid.parse(text)


def _last(reach: sync_action.SyncActionMessageRange) -> LastMessage | None:
    """The newest message that a change of a whole chat knew of; all that have its time where there are several."""
    newest = max((one.timestamp for one in reach.messages if one.key.ID), default=0)
    named = [one for one in reach.messages if one.key.ID and one.timestamp == newest]
    if not named:
        return None
    return LastMessage(
        named[0].key.ID,
        named[0].key.fromMe,
        newest * 1000 if newest < _MILLISECONDS_FROM else newest,
        _author(named[0].key.participant),
        others=tuple(one.key.ID for one in named[1:]),
    )


def _until(reach: sync_action.SyncActionMessageRange, timestamp: int) -> int:
    """Until when messages are deleted: what came after the last one that the deleting device knew of is not."""
    last = max(reach.lastMessageTimestamp, reach.lastSystemMessageTimestamp)
    last = last if last > _MILLISECONDS_FROM else last * 1000 + 999
    return min(last, timestamp) if reach.lastMessageTimestamp else timestamp


def _starred(index: Index, value: Value) -> AppStateChange:
    return MessageStarred(
        chat=Jid.parse(index[1]),
        message_id=index[2],
        starred=value.starAction.starred,
        from_me=index[3] == "1",
        author=_author(index[4]),
        timestamp=value.timestamp,
    )


def _deleted_for_me(index: Index, value: Value) -> AppStateChange:
    return MessageDeletedForMe(
        chat=Jid.parse(index[1]),
        message_id=index[2],
        from_me=index[3] == "1",
        author=_author(index[4]),
        timestamp=value.timestamp,
    )


def _pinned(index: Index, value: Value) -> AppStateChange:
    return ChatChanged(chat=Jid.parse(index[1]), pinned=value.pinAction.pinned)


def _archived(index: Index, value: Value) -> AppStateChange:
    # Archiving reads nothing: the phone shows the number of unread messages beside an archived chat as well.
    return ChatChanged(chat=Jid.parse(index[1]), archived=value.archiveChatAction.archived)


def _muted(index: Index, value: Value) -> AppStateChange:
    until = (value.muteAction.muteEndTimestamp or -1) if value.muteAction.muted else 0
    return ChatChanged(chat=Jid.parse(index[1]), muted_until=until)


def _marked_read(index: Index, value: Value) -> AppStateChange:
    action = value.markChatAsReadAction
    return ChatMarkedRead(
        chat=Jid.parse(index[1]), read=action.read, timestamp=value.timestamp, last=_last(action.messageRange)
    )


def _chat_deleted(index: Index, value: Value) -> AppStateChange:
    until = _until(value.deleteChatAction.messageRange, value.timestamp)
    return ChatDeleted(chat=Jid.parse(index[1]), timestamp=until)


def _chat_cleared(index: Index, value: Value) -> AppStateChange:
    until = _until(value.clearChatAction.messageRange, value.timestamp)
    return ChatCleared(chat=Jid.parse(index[1]), keeps_starred=index[2] == "0", timestamp=until)


def _label_edited(index: Index, value: Value) -> AppStateChange:
    action = value.labelEditAction
    return LabelChanged(index[1], action.name, action.color, deleted=action.deleted, timestamp=value.timestamp)


def _chat_labelled(index: Index, value: Value) -> AppStateChange:
    labelled = value.labelAssociationAction.labeled
    return ChatLabelled(index[1], Jid.parse(index[2]), labelled=labelled, timestamp=value.timestamp)


def _message_labelled(index: Index, value: Value) -> AppStateChange:
    labelled = value.labelAssociationAction.labeled
    return MessageLabelled(index[1], Jid.parse(index[2]), index[3], labelled=labelled, timestamp=value.timestamp)


_READERS: Final[dict[str, tuple[int, str, Callable[[Index, Value], AppStateChange]]]] = {
    "star": (5, "starAction", _starred),
    "deleteMessageForMe": (5, "deleteMessageForMeAction", _deleted_for_me),
    "pin_v1": (2, "pinAction", _pinned),
    "archive": (2, "archiveChatAction", _archived),
    "mute": (2, "muteAction", _muted),
    "markChatAsRead": (2, "markChatAsReadAction", _marked_read),
    "deleteChat": (2, "deleteChatAction", _chat_deleted),
    "clearChat": (3, "clearChatAction", _chat_cleared),
    "label_edit": (2, "labelEditAction", _label_edited),
    "label_jid": (3, "labelAssociationAction", _chat_labelled),
    "label_message": (4, "labelAssociationAction", _message_labelled),
}
"""First part of the index -> parts an index has at least, field of the value, reader."""

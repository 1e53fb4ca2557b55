"""What a person does on the phone to chats and messages that only the account's own devices learn: app state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.wire.protos import sync_action

if TYPE_CHECKING:
    from whatsapp_mcp.simulator.people.phone import SimulatedPhone

Value = sync_action.SyncActionValue


class ChatSettings:
    """``ChatSettings(simulator.phone).star(chat, message_id)`` … Linked devices are told of each change.

    Indexes and versions: whatsmeow appstate/{encode,keys}.go. ``author`` names the writer of somebody else's message in
    a group.
    """

    def __init__(self, phone: SimulatedPhone) -> None:
        self._phone = phone

    def star(
        self, chat: Jid, message_id: str, *, from_me: bool = False, author: Jid | None = None, starred: bool = True
    ) -> None:
        index = ["star", str(chat), message_id, "1" if from_me else "0", str(author or 0)]
        self._set("regular_high", index, 2, Value(starAction=sync_action.StarAction(starred=starred)))

    def delete_for_me(self, chat: Jid, message_id: str, *, from_me: bool = False, author: Jid | None = None) -> None:
        index = ["deleteMessageForMe", str(chat), message_id, "1" if from_me else "0", str(author or 0)]
        action = sync_action.DeleteMessageForMeAction(deleteMedia=True)
        self._set("regular_high", index, 3, Value(deleteMessageForMeAction=action))

    def mute(self, chat: Jid, *, until_ms: int = -1) -> None:
        """``until_ms``: milliseconds since 1970, -1 for ever, 0 to end it."""
        action = sync_action.MuteAction(muted=until_ms != 0, muteEndTimestamp=until_ms or None)
        self._set("regular_high", ["mute", str(chat)], 2, Value(muteAction=action))

    def pin(self, chat: Jid, *, pinned: bool = True) -> None:
        self._set("regular_low", ["pin_v1", str(chat)], 5, Value(pinAction=sync_action.PinAction(pinned=pinned)))

    def archive(self, chat: Jid, *, archived: bool = True) -> None:
        action = sync_action.ArchiveChatAction(archived=archived)
        action.messageRange.lastMessageTimestamp = int(self._phone.world.clock())
        self._set("regular_low", ["archive", str(chat)], 3, Value(archiveChatAction=action))

    def mark_read(self, chat: Jid, *, read: bool = True) -> None:
        action = sync_action.MarkChatAsReadAction(read=read)
        action.messageRange.lastMessageTimestamp = int(self._phone.world.clock())
        self._set("regular_low", ["markChatAsRead", str(chat)], 3, Value(markChatAsReadAction=action))

    def delete_chat(self, chat: Jid) -> None:
        action = sync_action.DeleteChatAction()
        action.messageRange.lastMessageTimestamp = int(self._phone.world.clock())
        self._set("regular_high", ["deleteChat", str(chat), "1"], 6, Value(deleteChatAction=action))

    def edit_label(self, label_id: str, name: str, *, color: int = 0, deleted: bool = False) -> None:
        action = sync_action.LabelEditAction(name=name, color=color, deleted=deleted)
        self._set("regular", ["label_edit", label_id], 3, Value(labelEditAction=action))

    def label_chat(self, label_id: str, chat: Jid, *, labelled: bool = True) -> None:
        action = sync_action.LabelAssociationAction(labeled=labelled)
        self._set("regular", ["label_jid", label_id, str(chat)], 3, Value(labelAssociationAction=action))

    def _set(self, collection: str, index: list[str], version: int, value: Value) -> None:
        self._phone.change_app_state(collection, index, version, value)

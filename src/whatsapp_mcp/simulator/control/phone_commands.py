"""The commands of the control socket about what the owner does with chats on the phone. A chat is named as a contact,
by number, or by its address; linked devices learn of it through the app state."""

from __future__ import annotations

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.people.chat_settings import ChatSettings
from whatsapp_mcp.simulator.server import Simulator
from whatsapp_mcp.simulator.state.accounts import account_of


class PhoneCommands:
    """Part of :class:`whatsapp_mcp.simulator.control.commands.Commands`."""

    _simulator: Simulator

    def do_phone_pin(self, chat: str, pinned: bool = True) -> None:
        """Pin a chat, or take it off, on the phone."""
        self._settings.pin(self._chat(chat), pinned=pinned)

    def do_phone_archive(self, chat: str, archived: bool = True) -> None:
        """Put a chat into the archive, or take it out, on the phone."""
        self._settings.archive(self._chat(chat), archived=archived)

    def do_phone_mute(self, chat: str, until_ms: int = -1) -> None:
        """Mute a chat on the phone: until a time in milliseconds since 1970, -1 for ever, 0 to end it."""
        self._settings.mute(self._chat(chat), until_ms=until_ms)

    def do_phone_mark_read(self, chat: str, read: bool = True) -> None:
        """Mark a chat as read or unread on the phone."""
        self._settings.mark_read(self._chat(chat), read=read)

    def do_phone_delete_chat(self, chat: str) -> None:
        """Delete a chat on the phone."""
        self._settings.delete_chat(self._chat(chat))

    def do_phone_star(self, chat: str, message_id: str, starred: bool = True) -> None:
        """Star a message that a contact wrote, or take the star off, on the phone."""
        self._settings.star(self._chat(chat), message_id, starred=starred)

    def do_phone_delete_message(self, chat: str, message_id: str) -> None:
        """Delete a message that a contact wrote, on the account's own devices only."""
        self._settings.delete_for_me(self._chat(chat), message_id)

    @property
    def _settings(self) -> ChatSettings:
        return ChatSettings(self._simulator.phone)

    def _chat(self, named: str) -> Jid:
        return Jid.parse(named) if "@" in named else account_of(self._simulator.contact(named)).lid

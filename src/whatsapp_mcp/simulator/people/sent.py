"""What a simulated device sent, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.state.groups import Chat, address
from whatsapp_mcp.wire.protos import e2e


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message as it was sent: ``id`` is what replies, reactions, edits and receipts refer to."""

    id: str
    time: datetime
    chat: Chat
    message: e2e.Message

    @property
    def address(self) -> Jid:
        """Of the chat: a person's LID or a group's address."""
        return address(self.chat)

    def own_copy(self) -> e2e.Message:
        """How the own other devices get it."""
        copy = e2e.Message()
        copy.deviceSentMessage.destinationJID = str(self.address)
        copy.deviceSentMessage.message.CopyFrom(self.message)
        copy.messageContextInfo.CopyFrom(self.message.messageContextInfo)
        return copy


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """A message that the server did not take: ``code`` 403 not allowed to write there, 404 nobody there …"""

    id: str
    code: int


@dataclass(frozen=True, slots=True)
class ReceivedReceipt:
    """What somebody's device says about messages of ours."""

    kind: str
    """Empty: delivered; else ``read``, ``played``, ``inactive`` (delivered to a client that is not in front),
    ``retry`` …"""
    ids: tuple[str, ...]
    sender: Jid
    time: datetime
    group: Jid | None = None
    """For messages to a group."""

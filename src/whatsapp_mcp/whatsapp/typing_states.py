"""Who is typing: told of the moment, and nothing for the store (whatsmeow: presence.go)."""

from __future__ import annotations

from whatsapp_mcp.models.typing_state import TypingState
from whatsapp_mcp.whatsapp.origin import MessageOrigin
from whatsapp_mcp.wire.boundary import parse
from whatsapp_mcp.wire.protos import neonize_pb2


def typing_state(payload: bytes) -> TypingState:
    """Of a serialized ``Neonize_pb2.ChatPresence``. Raises DecodeError, ValueError."""
    event = parse(neonize_pb2.ChatPresence, payload)
    where = MessageOrigin(event.MessageSource)
    if event.State != event.COMPOSING:
        return TypingState(where.chat, where.sender, "paused")
    return TypingState(where.chat, where.sender, "recording" if event.Media == event.AUDIO else "composing")

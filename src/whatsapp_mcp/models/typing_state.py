"""Who is typing at the moment: never stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from whatsapp_mcp.jid import Jid

TypingWord = Literal["composing", "recording", "paused"]


@dataclass(frozen=True, slots=True)
class TypingState:
    chat: Jid
    sender: Jid
    state: TypingWord

"""What a conversation has read: whose words can have told a model what to do, and whose secrets it can give away."""

from __future__ import annotations

from collections.abc import Iterable

from whatsapp_mcp.jid import Jid


class Conversation:
    """An MCP session, from the first call of a host to the last. Chats are canonical."""

    def __init__(self) -> None:
        self._read: dict[Jid, float] = {}
        """Chats of which text was read, and when last, by the monotonic clock."""
        self._listed = False

    def has_read(self, chats: Iterable[Jid], now: float) -> None:
        self._read.update(dict.fromkeys(chats, now))

    def has_listed(self) -> None:
        """Names that other people chose, in a list."""
        self._listed = True

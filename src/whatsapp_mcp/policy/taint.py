"""What a conversation has read: whose words can have told a model what to do, and whose secrets it can give away."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from typing import Final

from whatsapp_mcp.jid import Jid

ANYBODY: Final = Jid("", "")
"""Stands for the chat of words of which it is not known from whom they come: it is another one than every chat."""
_HOUR: Final = 3_600.0


class Conversation:
    """An MCP session, from the first call of a host to the last. Chats are canonical."""

    def __init__(self, number: int = 1, mark: str = "") -> None:
        self.number = number
        """In this process."""
        self.mark = mark
        """By which it can be told from others, also by another server of the account; see `server/callers`."""
        self._read: dict[Jid, float] = {}
        """Chats of which others' texts were read, and when last, by the monotonic clock."""
        self._listed: float | None = None

    def has_read(self, chats: Iterable[Jid]) -> None:
        self._read.update(dict.fromkeys(chats, time.monotonic()))

    def has_listed(self) -> None:
        """Names that other people chose were in a result: too short for more than a few words of instruction."""
        self._listed = time.monotonic()

    def read_within(self, hours: float) -> frozenset[Jid]:
        """Chats whose texts count still."""
        since = time.monotonic() - hours * _HOUR
        return frozenset(chat for chat, when in self._read.items() if when >= since)

    def listed_within(self, hours: float) -> bool:
        """Whether it has seen any words of others."""
        since = time.monotonic() - hours * _HOUR
        return (self._listed is not None and self._listed >= since) or bool(self.read_within(hours))


class Conversations:
    """Those of one server; the one that was used least recently is forgotten when there are too many."""

    _MOST: Final = 4_096

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Conversation] = {}
        self._numbers = itertools.count(1)

    def of(self, grant: str, session: str, mark: str = "") -> Conversation:
        """The conversation of an MCP session; where the protocol has none (2026-07-28), that of the token.

        Args:
            mark: what it gets when it is new.
        """
        found = self._open.pop((grant, session), None) or Conversation(next(self._numbers), mark)
        self._open[grant, session] = found  # the one that was used last stands last
        if len(self._open) > self._MOST:
            del self._open[next(iter(self._open))]
        return found

"""What a conversation has read: whose words can have told a model what to do, and whose secrets it can give away."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Final, TypeVar

from whatsapp_mcp.jid import Jid

ANYBODY: Final = Jid("", "")
"""Stands for the chat of words of which it is not known from whom they come: it is another one than every chat."""
_HOUR: Final = 3_600.0
_Key = TypeVar("_Key", bound=Hashable)


_MOST: Final = 4_096
"""Conversations of one server, and parts of one conversation, that are remembered."""


class Conversation:
    """An MCP session, from the first call of a host to the last. Chats are canonical.

    A program that answers many chats says of a call from which chat alone it follows: :meth:`within`. A model cannot
    say so: it gives arguments of tools, and this comes beside them, from the code that makes the call.
    """

    def __init__(
        self, number: int = 1, mark: str = "", *, chat: Jid | None = None, whole: Conversation | None = None
    ) -> None:
        self.number = number
        """In this process."""
        self.mark = mark
        """By which it can be told from others, also by another server of the account; see `server/callers`."""
        self.chat = chat
        """All that is done in this part of a conversation follows from what was read in this chat."""
        self._whole = whole
        self._parts: dict[Jid, Conversation] = {}
        self._read: dict[Jid, float] = {}
        """Chats of which others' texts were read, and when last, by the monotonic clock."""
        self._listed: float | None = None

    def within(self, chat: Jid) -> Conversation:
        """The part that follows from this chat alone.

        What was read elsewhere in the conversation does not count in it; what is read in it counts in both.
        """
        return _latest(self._parts, chat, lambda: Conversation(self.number, self.mark, chat=chat, whole=self))

    def has_read(self, chats: Iterable[Jid]) -> None:
        chats = tuple(chats)
        self._read.update(dict.fromkeys(chats, time.monotonic()))
        if self._whole is not None:
            self._whole.has_read(chats)

    def has_listed(self) -> None:
        """Names that other people chose were in a result: too short for more than a few words of instruction."""
        self._listed = time.monotonic()
        if self._whole is not None:
            self._whole.has_listed()

    def read_within(self, hours: float) -> frozenset[Jid]:
        """Chats whose texts count still."""
        since = time.monotonic() - hours * _HOUR
        read = frozenset(chat for chat, when in self._read.items() if when >= since)
        return read if self.chat is None else read | {self.chat}

    def listed_within(self, hours: float) -> bool:
        """Whether it has seen any words of others."""
        since = time.monotonic() - hours * _HOUR
        return (self._listed is not None and self._listed >= since) or bool(self.read_within(hours))


class Conversations:
    """Those of one server; the one that was used least recently is forgotten when there are too many."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], Conversation] = {}
        self._numbers = itertools.count(1)

    def of(self, grant: str, session: str, mark: str = "") -> Conversation:
        """The conversation of an MCP session; where the protocol has none (2026-07-28), that of the token.

        Args:
            mark: what it gets when it is new.
        """
        return _latest(self._open, (grant, session), lambda: Conversation(next(self._numbers), mark))


def _latest(kept: dict[_Key, Conversation], key: _Key, new: Callable[[], Conversation]) -> Conversation:
    """The conversation under this key, which stands last now; the first ones are forgotten."""
    found = kept.pop(key, None) or new()
    kept[key] = found
    if len(kept) > _MOST:
        del kept[next(iter(kept))]
    return found

"""Lists of chats as policy.toml and tokens write them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from whatsapp_mcp.catalog.near_miss import near_miss
from whatsapp_mcp.errors import InvalidArgument, SetupError
from whatsapp_mcp.jid import BROADCAST, GROUP, LID, NEWSLETTER, STATUS_BROADCAST, USER, Jid
from whatsapp_mcp.phone_number import SEPARATORS, parse_number
from whatsapp_mcp.store.records import ChatFacts

_WORDS: Final[Mapping[str, Callable[[ChatFacts], bool]]] = {
    "*": lambda _: True,
    "saved": lambda chat: chat.saved or chat.own,
    "wrote_first": lambda chat: chat.jid.is_person and chat.wrote_first,
    "known": lambda chat: chat.known,
    "people": lambda chat: chat.jid.is_person,
    "groups": lambda chat: chat.jid.is_group,
    "channels": lambda chat: chat.jid.is_newsletter,
}
_SERVERS: Final = (USER, LID, GROUP, NEWSLETTER, BROADCAST)
_LONGEST_BEGINNING: Final = 15


@dataclass(frozen=True, slots=True)
class ChatList:
    """Chats that are allowed: those of ``allow`` that ``deny`` does not name."""

    allow: tuple[_Pattern, ...]
    deny: tuple[_Pattern, ...] = ()
    also: ChatList | None = None
    """Has to allow them as well."""

    @classmethod
    @lru_cache(maxsize=64)
    def parse(cls, allow: tuple[str, ...], deny: tuple[str, ...] = ()) -> ChatList:
        """Raises SetupError: names the entry and what is possible."""
        return cls(tuple(map(_pattern, allow)), tuple(map(_pattern, deny)))

    @property
    def is_everything(self) -> bool:
        """No chat is left out."""
        return _Word("*") in self.allow and not self.deny and (self.also is None or self.also.is_everything)

    def allows(self, chat: ChatFacts) -> bool:
        """Whether this chat is among them; who may be one of those that are denied is none of them.

        The status updates of all people are one chat. No list of people can say whose may be seen in it, so it is
        allowed where everything is, or by its own address.
        """
        if self.also is not None and not self.also.allows(chat):
            return False
        everything = _Word("*") in self.allow and not self.deny
        if chat.jid == STATUS_BROADCAST and not everything and _Address(STATUS_BROADCAST) not in self.allow:
            return False
        return _any(self.allow, chat) and not (_any(self.deny, chat) or any(one.may_fit(chat) for one in self.deny))

    def __and__(self, other: ChatList) -> ChatList:
        return ChatList(self.allow, self.deny, other if self.also is None else self.also & other)


class _Pattern(ABC):
    """One entry of a list."""

    __slots__ = ()

    @abstractmethod
    def fits(self, chat: ChatFacts) -> bool: ...

    def may_fit(self, _chat: ChatFacts) -> bool:
        """It cannot be said that this is not meant: of who has a number and a LID, only one is known."""
        return False


def _any(patterns: Iterable[_Pattern], chat: ChatFacts) -> bool:
    return any(pattern.fits(chat) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class _Word(_Pattern):
    word: str

    def fits(self, chat: ChatFacts) -> bool:
        return _WORDS[self.word](chat)


@dataclass(frozen=True, slots=True)
class _Numbers(_Pattern):
    """People whose number is this one, or begins so."""

    digits: str
    begins: bool = False

    def fits(self, chat: ChatFacts) -> bool:
        numbers = [jid.user for jid in (chat.jid, *chat.others) if jid.server == USER]
        return any(user.startswith(self.digits) if self.begins else user == self.digits for user in numbers)

    def may_fit(self, chat: ChatFacts) -> bool:
        return chat.jid.is_lid


@dataclass(frozen=True, slots=True)
class _Address(_Pattern):
    jid: Jid

    def fits(self, chat: ChatFacts) -> bool:
        return self.jid in (chat.jid, chat.lid, *chat.others)

    def may_fit(self, chat: ChatFacts) -> bool:
        return self.jid.is_lid and chat.jid.server == USER and chat.lid is None and not chat.own


def _pattern(entry: str) -> _Pattern:
    text = entry.strip()
    if text in _WORDS:
        return _Word(text)
    if "@" in text:
        return _address(text, entry)
    digits = SEPARATORS.sub("", text)
    if digits.endswith("*"):
        beginning = digits[:-1].removeprefix("+")
        if not (beginning.isascii() and beginning.isdigit()) or beginning.startswith("0"):
            raise _unknown(entry)
        if len(beginning) > _LONGEST_BEGINNING:
            raise _unknown(entry)
        return _Numbers(beginning, begins=True)
    try:
        return _Numbers(parse_number(text, "chats"))
    except InvalidArgument:
        raise _unknown(entry) from None


def _address(text: str, entry: str) -> _Pattern:
    try:
        jid = Jid.parse(text).bare
    except ValueError:
        raise _unknown(entry) from None
    if jid.server not in _SERVERS or not jid.user:
        raise _unknown(entry)
    return _Numbers(jid.user) if jid.server == USER else _Address(jid)


def _unknown(entry: str) -> SetupError:
    meant = near_miss(entry.strip(), [word for word in _WORDS if word != "*"])
    return SetupError(
        f"{entry!r} is no chat" + (f" (did you mean {meant}?)" if meant else ""),
        next_step=f"Possible are {', '.join(_WORDS)}, a number (+49 151 12345678), a beginning of numbers (+49*), or a "
        "JID as listChats shows it.",
    )

"""Lists of chats as policy.toml and tokens write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from whatsapp_mcp.errors import InvalidArgument, SetupError
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.phone_number import SEPARATORS, parse_number
from whatsapp_mcp.store.records import ChatFacts

_Test = Callable[[ChatFacts], bool]

_WORDS: Final[Mapping[str, _Test]] = {
    "*": lambda _: True,
    "saved": lambda chat: chat.saved or chat.own,
    "wrote_first": lambda chat: chat.wrote_first,
    "known": lambda chat: chat.known,
    "people": lambda chat: chat.jid.is_person,
    "groups": lambda chat: chat.jid.is_group,
    "channels": lambda chat: chat.jid.is_newsletter,
}


@dataclass(frozen=True, slots=True)
class ChatList:
    """Chats that are allowed: those of ``allow`` that ``deny`` does not name."""

    allow: tuple[_Test, ...]
    deny: tuple[_Test, ...] = ()
    also: ChatList | None = None
    """Has to allow them as well."""

    @classmethod
    @lru_cache(maxsize=64)
    def parse(cls, allow: tuple[str, ...], deny: tuple[str, ...] = ()) -> ChatList:
        """Raises SetupError: names the entry and what is possible."""
        return cls(tuple(map(_test, allow)), tuple(map(_test, deny)))

    def allows(self, chat: ChatFacts) -> bool:
        """Whether this chat is among them. Somebody whose number is not known is in no list of numbers: not allowed by
        one, and, because it can be one of them, denied by one."""
        if self.also is not None and not self.also.allows(chat):
            return False
        return _any(self.allow, chat) and not _any(self.deny, chat, nameless=True)

    def __and__(self, other: ChatList) -> ChatList:
        return ChatList(self.allow, self.deny, other if self.also is None else self.also & other)


def _any(tests: Iterable[_Test], chat: ChatFacts, *, nameless: bool = False) -> bool:
    return any(test(chat) or (nameless and chat.jid.is_lid and isinstance(test, _Numbers)) for test in tests)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """People whose number is this one, or begins so."""

    digits: str
    begins: bool = False

    def __call__(self, chat: ChatFacts) -> bool:
        if chat.jid.server != USER:
            return False
        return chat.jid.user.startswith(self.digits) if self.begins else chat.jid.user == self.digits


def _test(entry: str) -> _Test:
    text = entry.strip()
    if text in _WORDS:
        return _WORDS[text]
    if "@" in text:
        try:
            jid = Jid.parse(text).bare
        except ValueError:
            raise _unknown(entry) from None
        if jid.server == USER:
            return _Numbers(jid.user)
        return lambda chat: jid in (chat.jid, chat.lid)
    digits = SEPARATORS.sub("", text)
    if digits.endswith("*") and digits.startswith("+") and digits[1:-1].isdigit() and digits.isascii():
        return _Numbers(digits[1:-1], begins=True)
    try:
        return _Numbers(parse_number(text, "chats"))
    except InvalidArgument:
        raise _unknown(entry) from None


def _unknown(entry: str) -> SetupError:
    return SetupError(
        f"{entry!r} is no chat",
        next_step=f"Possible are {', '.join(_WORDS)}, a number (+49 151 12345678), a beginning of numbers (+49*), or a "
        "JID as listChats shows it.",
    )

"""Whose words a result brings into a conversation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, NamedTuple

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import TRANSCRIPT, MessageKind
from whatsapp_mcp.models.view import View
from whatsapp_mcp.models.views import Line, Message
from whatsapp_mcp.operations.outcome import Rows
from whatsapp_mcp.policy.taint import ANYBODY

_WORDS: Final = 5
_LENGTH: Final = 50
_PARTS: Final = 6
"""Words that may stand in a name when they are joined with signs, as in a double name."""
_LONG_WORD: Final = 20
"""Characters; without spaces, a sentence is longer."""
_BETWEEN: Final = re.compile(
    "(?<=[a-z])(?=[A-Z])"
    "|(?:[^\\w\u0300-\u036f\u064b-\u065f\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]|[\\d_])+"
)
"""What divides words, written with spaces or without; of many scripts, marks are part of a word."""
_DENSE: Final = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
"""Chinese and Japanese characters, of which two make a word."""
_UNSPACED: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")
"""Thai, Lao, Burmese and Khmer letters: four, and there are no spaces."""
_ADDRESS: Final = re.compile(r"\d[\d\s().-]{3,}\d|@|://|www\.|\.[a-z]{2,6}(/|\b)|\n", re.IGNORECASE)
_NAME_KEYS: Final = frozenset(
    {
        "name",
        "title",
        "subject",
        "topic",
        "description",
        "push_name",
        "verified_name",
        "display_name",
        "about",
        "sender_name",
        "chat_name",
        "owner_name",
        "text",
        "whatsapp_said",
    }
)
_NAMELESS: Final = frozenset({type(None), bool, int, float, str, bytes, datetime, Jid, Line, Message})
"""Holds no name beneath it."""
_PREVIEW: Final = frozenset({"title", "description"})
"""What the page of a link says of itself, in a message of the owner's."""
_SAVED: Final = "saved"
DEEP: Final = 6
"""So many lists and objects in each other hold names."""


class Heard(NamedTuple):
    """What a result holds of other people's words."""

    chats: frozenset[Jid] = frozenset()
    """Whose texts stand in it."""
    names: bool = False
    """Names that other people chose stand in it."""


def authors(messages: Iterable[Line]) -> frozenset[Jid]:
    """The chats whose people speak in these messages. What the owner wrote is the owner's word, unless others' words
    stand in it or beside it."""
    return frozenset(message.chat for message in messages if not message.from_me or _others_speak(message))


def _others_speak(line: Line) -> bool:
    """Whether more than the owner's words are shown with a message of the owner's."""
    return (
        line.forwarded
        or TRANSCRIPT in line.extra  # whoever speaks there
        or not _PREVIEW.isdisjoint(line.extra)
        or any(not one.from_me for one in line.reactions)
        or (isinstance(line, Message) and _others_speak_beside(line))
        or not all(is_mere_name(name) for name in _names_beside(line))
    )


def _others_speak_beside(message: Message) -> bool:
    """In what it answers, and where others vote, come, and can add options."""
    quoted = message.quoted
    others_are_quoted = quoted is not None and (quoted.is_claim or not quoted.from_me)
    return others_are_quoted or bool(message.votes or message.answers)


def _names_beside(line: Line) -> Iterator[str]:
    """Names that others may have chosen, shown with a message of the owner's."""
    names = [line.chat_name, *(person.name for person in line.mentions)]
    if line.kind is MessageKind.NOTICE:
        names += _names_in_notice(line.extra)
    if isinstance(line, Message):
        marks = (line.pinned, line.kept)
        names += (person.name for person in line.cards)
        names += (mark.by_name for mark in marks if mark is not None)
    for name in names:
        # Somebody without a name is shown by the number.
        if name and not name.lstrip("+").isdigit():
            yield name


def _names_in_notice(facts: Mapping[str, object]) -> list[str]:
    """Of people to whom something happened in a group."""
    people = facts.get("people")
    named = [one.get("name") for one in people if isinstance(one, dict)] if isinstance(people, list) else []
    return [name for name in (facts.get("by_name"), *named) if isinstance(name, str)]


def names_in(results: Any, of: Jid | None = None) -> Heard:
    """Of a result with names, or what an error tells. A name that is more than a name (long, or with a number, an
    address or a link in it) can hold an instruction, and counts as a text of its bearer; ``of``: of whom it is where
    that is not told. What stands in and beside a message is for `authors` to judge."""
    found: list[tuple[Jid | None, str]] = []
    _collect(results, of, DEEP, found)
    speaking = frozenset(jid or ANYBODY for jid, name in found if not is_mere_name(name))
    return Heard(speaking, bool(found))


@lru_cache(1_024)
def is_mere_name(text: str) -> bool:
    """Whether a text is so short and plain that it can hardly say what to do to whom."""
    if len(text) > _LENGTH or len(text.split()) > _WORDS or _ADDRESS.search(text) is not None:
        return False
    words = [word for word in _BETWEEN.split(text) if word]
    dense = len(_DENSE.findall(text)) // 2 + len(_UNSPACED.findall(text)) // 4
    return len(words) + dense <= _PARTS and max(map(len, words), default=0) <= _LONG_WORD


def _collect(value: Any, of: Jid | None, deep: int, found: list[tuple[Jid | None, str]]) -> None:
    """Names that others chose, and whose they are. Of every result that others' words are in, row by row: what can hold
    none is passed over without a call."""
    if deep == 0 or isinstance(value, Line):
        return
    if isinstance(value, Rows):
        value = tuple(value.views)
    if isinstance(value, list | tuple):
        for item in value:
            if type(item) not in _NAMELESS:
                _collect(item, of, deep - 1, found)
        return
    known = _fields(value)
    if not known or known.get("name_source") == _SAVED:
        return
    of = _jid(known) or of
    for key, item in known.items():
        if isinstance(item, str):
            if key in _NAME_KEYS and item.strip() and not _is_number_of(item, of):
                found.append((of, item))
        elif type(item) not in _NAMELESS:
            _collect(item, of, deep - 1, found)


def _fields(value: Any) -> dict[str, Any]:
    """Of an object of any make, by name."""
    if isinstance(value, dict):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value.__dict__ if isinstance(value, View) else {}


def _jid(known: dict[str, Any]) -> Jid | None:
    found = known.get("jid") or known.get("chat_jid") or known.get("group_id") or known.get("participant")
    if isinstance(found, Jid):
        return found
    return _parsed(found) if isinstance(found, str) else None


@lru_cache(1_024)
def _parsed(text: str) -> Jid | None:
    try:
        return Jid.parse(text).bare
    except ValueError:
        return None


def _is_number_of(name: str, jid: Jid | None) -> bool:
    """Somebody without a name is shown by the number."""
    return jid is not None and name.lstrip("+") == jid.user

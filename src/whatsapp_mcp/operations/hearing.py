"""Whose words a result brings into a conversation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.outcome import Outcome, Rows
from whatsapp_mcp.policy.taint import ANYBODY

_WORDS: Final = 5
_LENGTH: Final = 50
_ADDRESS: Final = re.compile(r"\d[\d\s().-]{3,}\d|@|://|www\.|\.[a-z]{2,6}(/|\b)|\n", re.IGNORECASE)
_NAME_KEYS: Final = frozenset(
    {
        "name",
        "title",
        "subject",
        "topic",
        "description",
        "status",
        "push_name",
        "verified_name",
        "display_name",
        "about",
    }
)
_SAVED: Final = "saved"
_DEEP: Final = 6


class Heard(NamedTuple):
    """What a result holds of other people's words."""

    chats: frozenset[Jid] = frozenset()
    """Whose texts stand in it."""
    names: bool = False
    """Names that other people chose stand in it."""


def authors(messages: Iterable[Message]) -> frozenset[Jid]:
    """The chats whose people speak in these messages. What the owner wrote is the owner's word, unless it is forwarded
    or quotes somebody."""
    return frozenset(
        message.chat
        for message in messages
        if not message.from_me or message.forwarded or message.quoted is not None or message.reactions
    )


def names_in(outcome: Outcome) -> Heard:
    """Of a result with names. A name that is more than a name (long, or with a number, an address or a link in it) can
    hold an instruction, and counts as a text of its bearer."""
    speaking: set[Jid] = set()
    any_name = False
    for jid, name in _names(outcome.results, None, _DEEP):
        any_name = True
        if not is_mere_name(name):
            speaking.add(jid or ANYBODY)
    return Heard(frozenset(speaking), any_name)


def is_mere_name(text: str) -> bool:
    """Whether a text is so short and plain that it can hardly say what to do to whom."""
    return len(text) <= _LENGTH and len(text.split()) <= _WORDS and _ADDRESS.search(text) is None


def _names(value: Any, of: Jid | None, deep: int) -> Iterator[tuple[Jid | None, str]]:
    """Names that others chose, and whose they are."""
    if deep == 0 or value is None:
        return
    if isinstance(value, Rows):
        value = list(value.views)
    if isinstance(value, list | tuple):
        for item in value:
            yield from _names(item, of, deep - 1)
    fields = value if isinstance(value, dict) else getattr(value, "__dict__", None)
    if not isinstance(fields, dict):
        return
    of = _jid(fields) or of
    if fields.get("name_source") == _SAVED:
        return
    for key, item in fields.items():
        if isinstance(item, str):
            if key in _NAME_KEYS and item.strip() and not _is_number_of(item, of):
                yield of, item
        else:
            yield from _names(item, of, deep - 1)


def _jid(fields: dict[str, Any]) -> Jid | None:
    found = fields.get("jid") or fields.get("chat_jid") or fields.get("group_id")
    if isinstance(found, Jid):
        return found
    try:
        return Jid.parse(found).bare if isinstance(found, str) else None
    except ValueError:
        return None


def _is_number_of(name: str, jid: Jid | None) -> bool:
    """Somebody without a name is shown by the number."""
    return jid is not None and name.lstrip("+") == jid.user

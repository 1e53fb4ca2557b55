"""Phrases that are asked for, as an expression of FTS5."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whatsapp_mcp.store.search.index import TAG_SIGN
from whatsapp_mcp.store.search.query import Phrase, Sought

_LONG: Final = 4
"""Words of a phrase, as of one in a script without blanks: each character with the next one is a word."""
_NEVER: Final = f'"{TAG_SIGN}never"'
"""What no document has."""


def fts5(asked: Sought) -> str:
    """For ``message_search MATCH``."""
    found = _all_of(asked.wanted)
    return f"({found}) NOT {_one_of(asked.unwanted)}" if asked.unwanted else found


def _all_of(wanted: Sequence[Sequence[Phrase]]) -> str:
    """FTS5 goes through the lists of all words of a phrase to find the next one, whatever else is wanted.

    Beside something else, a word from the middle of a long one is looked for before the whole. ``NOT`` is what keeps
    FTS5 from making one list of both steps.
    """
    long = [phrases for phrases in wanted if _is_long(phrases)] if len(wanted) > 1 else []
    if not long:
        return " AND ".join(map(_one_of, wanted))
    first = " AND ".join(_one_of(_middle(phrases) if _is_long(phrases) else phrases) for phrases in wanted)
    return " AND ".join([f"(({first}) NOT {_NEVER})", *map(_one_of, long)])


def _is_long(phrases: Sequence[Phrase]) -> bool:
    """Of a choice of phrases: that it is none, but one long one."""
    return len(phrases) == 1 and not phrases[0].is_beginning and phrases[0].words.count(" ") >= _LONG - 1


def _middle(phrases: Sequence[Phrase]) -> tuple[Phrase]:
    words = phrases[0].words.split()
    return (Phrase(words[len(words) // 2]),)


def _one_of(phrases: Sequence[Phrase]) -> str:
    # Nothing in a phrase can end the string.
    strings = [f'"{phrase.words}"{"*" if phrase.is_beginning else ""}' for phrase in phrases]
    return strings[0] if len(strings) == 1 else f"({' OR '.join(strings)})"

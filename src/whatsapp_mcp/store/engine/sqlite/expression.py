"""Phrases that are asked for, as an expression of FTS5."""

from __future__ import annotations

from collections.abc import Sequence

from whatsapp_mcp.store.search.query import Phrase, Sought


def fts5(asked: Sought) -> str:
    """For ``message_search MATCH``."""
    found = " AND ".join(map(_one_of, asked.wanted))
    return f"({found}) NOT {_one_of(asked.unwanted)}" if asked.unwanted else found


def _one_of(phrases: Sequence[Phrase]) -> str:
    # Nothing in a phrase can end the string.
    strings = [f'"{phrase.words}"{"*" if phrase.is_beginning else ""}' for phrase in phrases]
    return strings[0] if len(strings) == 1 else f"({' OR '.join(strings)})"

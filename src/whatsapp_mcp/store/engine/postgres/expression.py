"""Phrases that are asked for, as a ``tsquery``, and as a condition on what no ``tsvector`` can tell.

The ``tsquery`` finds every document that is asked for and, of those that are not wholly in their vectors, others too:
the condition looks for the phrases in their text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from whatsapp_mcp.store.engine.postgres.vector import LONG, LONG_TAG, VAST, VAST_TAG, cut, is_overlong, is_tag, quoted
from whatsapp_mcp.store.search.query import Phrase, Sought


@dataclass(frozen=True, slots=True)
class VectorExpression:
    tsquery: str
    condition: str
    """On ``message_search``, with a mark for each of ``values``."""
    values: tuple[str, ...]


def expression(asked: Sought, tags: Sequence[str] = (), *, all_whole: bool) -> VectorExpression:
    """``tags``: one of these is wanted, too. ``all_whole``: there is no document that is not wholly in its vector."""
    wanted = [*asked.wanted, tuple(map(Phrase, tags))] if tags else [*asked.wanted]
    found = [" | ".join(_wanted(phrase, all_whole=all_whole) for phrase in phrases) for phrases in wanted]
    found += map(_unwanted, asked.unwanted)
    if all_whole:
        return VectorExpression(_all_of(found), "", ())
    texts = [group for group in asked.wanted if not all(is_tag(phrase.words) for phrase in group)]
    conditions = [_occurs(group) for group in texts]
    if asked.unwanted:
        conditions.append(f"NOT {_occurs(asked.unwanted)}")
    values = [_text(phrase) for group in (*texts, asked.unwanted) for phrase in group]
    # The words of a long document are all in its vector: only how they stand is not.
    looked_at = LONG if any(map(_is_more_than_words, (p for g in (*texts, asked.unwanted) for p in g))) else VAST
    condition = f"(kept < {looked_at} OR {' AND '.join(conditions)})" if conditions else ""
    return VectorExpression(_all_of(found), condition, tuple(values) if condition else ())


def _all_of(conditions: Sequence[str]) -> str:
    return " & ".join(f"({condition})" for condition in conditions)


def _wanted(phrase: Phrase, *, all_whole: bool) -> str:
    words = _words(phrase)
    if all_whole or is_tag(phrase.words):
        return words
    if " " in phrase.words:
        words = f"{words} | {quoted(LONG_TAG)} & {_words(phrase, ' & ')}"
    return f"{words} | {quoted(VAST_TAG)}"


def _unwanted(phrase: Phrase) -> str:
    lacks = f"!({_words(phrase)})"
    return f"{lacks} | {quoted(LONG_TAG)}" if any(map(is_overlong, phrase.words.split())) else lacks


def _words(phrase: Phrase, joint: str = " <-> ") -> str:
    lexemes = [quoted(cut(word)) for word in phrase.words.split()]
    if phrase.is_beginning:
        lexemes[-1] += ":*"
    return joint.join(lexemes)


def _is_more_than_words(phrase: Phrase) -> bool:
    return " " in phrase.words or is_overlong(phrase.words)


def _occurs(phrases: Sequence[Phrase]) -> str:
    return f"({' OR '.join(['strpos(words, ?) > 0'] * len(phrases))})"


def _text(phrase: Phrase) -> str:
    return f" {phrase.words}" if phrase.is_beginning else f" {phrase.words} "

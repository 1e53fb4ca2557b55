"""What a person types into a search field, as an FTS5 expression.

All words must occur, in any order. ``"several words"`` must stand together, ``-word`` and ``-"several words"`` must not
occur, ``word*`` finds what begins so. When nothing has the words themselves, the reader tries them as beginnings of
words. Words are folded as the messages were, so that case, accents and the like do not matter, and whatever else the
text holds is harmless.
"""

from __future__ import annotations

import re
from typing import Final

from whatsapp_mcp.store.folding import fold
from whatsapp_mcp.store.index import chat_word

__all__ = ["like_words", "match_expression"]

MAX_TERMS: Final = 40
"""More words than a question has; FTS5 limits the depth of an expression."""

_TERM: Final = re.compile(r'(?P<minus>-?)"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+)')
_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟«»", '"'))


def match_expression(
    text: str, *, chat: int | None = None, apart_from: int | None = None, beginnings: bool = False
) -> str | None:
    """The expression for ``message_search MATCH``, within one chat or everywhere.

    Everywhere something must be wanted: what merely lacks a word would be almost all.

    Args:
        chat: the only chat.
        apart_from: a chat that is left out.
        beginnings: take every wanted word as if it had a ``*``.

    Returns:
        None when nothing can match: ``text`` holds no word that could be found.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    for term in list(_TERM.finditer(text.translate(_QUOTES)))[:MAX_TERMS]:
        negative, expression = _term(term, beginnings=beginnings)
        if expression is not None:
            (unwanted if negative else wanted).append(expression)
    if chat is not None and (wanted or unwanted):
        wanted.insert(0, f'tags : "{chat_word(chat)}"')
    if not wanted:
        return None
    if apart_from is not None:
        unwanted.append(f'tags : "{chat_word(apart_from)}"')
    found = " AND ".join(wanted)
    return f"({found}) NOT ({' OR '.join(unwanted)})" if unwanted else found


def _term(term: re.Match[str], *, beginnings: bool) -> tuple[bool, str | None]:
    """Whether the term must not occur, and its expression; None when no word is in it."""
    word = term["word"]
    if word is None:
        return bool(term["minus"]), _phrase(term["phrase"], prefix=False)
    negative = word.startswith("-") and len(word) > 1
    return negative, _phrase(word, prefix=word.endswith("*") or (beginnings and not negative))


def _phrase(text: str, *, prefix: bool) -> str | None:
    # Folded text has no quotes: nothing in it can end the FTS5 string.
    folded = fold(text)
    return f'body : "{folded}"{"*" if prefix else ""}' if folded else None


def like_words(text: str) -> list[str]:
    """LIKE patterns for ``entities.folded``, all of which must match: each word begins a word of a name."""
    return [f"% {fold(word)}%" for word in text.split() if fold(word)]

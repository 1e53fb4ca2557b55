"""What a person types into a search field, and the filters beside it, as an FTS5 expression.

All words must occur, in any order. ``"several words"`` must stand together, ``-word`` and ``-"several words"`` must not
occur, ``word*`` finds what begins so. When nothing has the words themselves, the reader tries them as beginnings of
words. Words are folded as the messages were, so that case, accents and the like do not matter, and whatever else the
text holds is harmless. Filters are tags (``whatsapp_mcp.store.index``).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.store.folding import fold
from whatsapp_mcp.store.index import LINK, MEDIA, OWN, TAG_SIGN, author_tag, chat_tag, kind_tag

__all__ = ["Filters", "like_words", "match_expression"]

MAX_TERMS: Final = 40
"""More words than a question has; FTS5 limits the depth of an expression."""

_TERM: Final = re.compile(r'(?P<minus>-?)"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+)')
_QUOTES: Final = str.maketrans(dict.fromkeys("“”„‟«»", '"'))


@dataclass(frozen=True, slots=True)
class Filters:
    """Where to look. An empty collection fits no message."""

    chat: int | None = None
    apart_from: int | None = None
    """A chat that is left out."""
    authors: Collection[int] | None = None
    """Addresses."""
    kinds: Collection[str] | None = None
    from_me: bool | None = None
    media_only: bool = False
    links_only: bool = False

    @property
    def narrow(self) -> bool:
        """Whether they alone say what is wanted, without any word."""
        return any(True for _ in self._wanted())

    def _wanted(self) -> Iterator[Collection[str]]:
        """Groups of tags, one of each of which must be there."""
        if self.chat is not None:
            yield (chat_tag(self.chat),)
        if self.authors is not None:
            yield [author_tag(author) for author in self.authors]
        if self.kinds is not None:
            yield [kind_tag(kind) for kind in self.kinds]
        if self.from_me:
            yield (OWN,)
        if self.media_only:
            yield (MEDIA,)
        if self.links_only:
            yield (LINK,)

    def wanted(self) -> list[str] | None:
        """Expressions that must hold; None when nothing can fit."""
        groups = list(self._wanted())
        return [_tagged(group) for group in groups] if all(groups) else None

    def unwanted(self) -> list[str]:
        tags = [chat_tag(self.apart_from)] if self.apart_from is not None else []
        if self.from_me is False:
            tags.append(OWN)
        return [_tagged(tags)] if tags else []


def match_expression(text: str, filters: Filters = Filters(), *, beginnings: bool = False) -> str | None:
    """The expression for ``message_search MATCH``.

    Something must be wanted, a word or where to look: what merely lacks a word would be almost all.

    Args:
        text: blank for all messages that ``filters`` want.
        beginnings: take every wanted word as if it had a ``*``.

    Returns:
        None when nothing can match: ``text`` is not blank and holds no word that could be found.
    """
    wanted: list[str] = []
    unwanted: list[str] = []
    for term in list(_TERM.finditer(text.translate(_QUOTES)))[:MAX_TERMS]:
        negative, expression = _term(term, beginnings=beginnings)
        if expression is not None:
            (unwanted if negative else wanted).append(expression)
    places = filters.wanted()
    if places is None or (text.strip() and not wanted and not unwanted):
        return None
    wanted += places
    if not wanted:
        return None
    unwanted += filters.unwanted()
    found = " AND ".join(wanted)
    return f"({found}) NOT ({' OR '.join(unwanted)})" if unwanted else found


def _tagged(tags: Collection[str]) -> str:
    phrases = [f'"{tag}"' for tag in tags]
    return phrases[0] if len(phrases) == 1 else f"({' OR '.join(phrases)})"


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
    if not folded:
        return None
    return f'"{folded}"*' if prefix and not folded.endswith(TAG_SIGN) else f'"{folded}"'


def like_words(text: str) -> list[str]:
    """LIKE patterns for ``entities.folded``, all of which must match: each word begins a word of a name."""
    return [f"% {fold(word)}%" for word in text.split() if fold(word)]

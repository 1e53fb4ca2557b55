"""Who said it, in a transcript: names that cannot be taken for somebody else's, nor for a part of the transcript.

A person chooses the push name; it may be "You", the name of another member, or look like the beginning of a line. Such
a name stands in quotes with the number behind it, which nobody chooses.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.store.search.folding import fold
from whatsapp_mcp.untrusted_text import clean_text

OWNER: Final = "You"
"""What the owner of the account is called; nobody else ever is, without their number."""

_NAME_LIMIT: Final = 60
_PART_OF_A_LINE: Final = re.compile(r"[:;,\[\]<>()\"“”„«»=|]|\d{3}|--")
"""What the transcript itself is made of, and numbers."""
_UNLIKE_LATIN: Final = ("CJK", "HIRAGANA", "KATAKANA", "HANGUL", "HEBREW", "ARABIC", "DEVANAGARI", "BENGALI", "THAI")
"""Scripts, as the names of their letters begin."""
_MARKS: Final = str.maketrans(dict.fromkeys('"“”„«»[]<>:', "'"))


class Speakers:
    """Of the people in one chat."""

    def __init__(self) -> None:
        self._known: dict[str, Jid] = {}
        """Folded name -> who had it first."""

    def of(self, jid: Jid, name: str | None) -> str:
        """``name`` where nobody can be meant but ``jid``, else it with the number."""
        number = f"+{jid.user}" if jid.server == USER else str(jid)
        known = " ".join(clean_text(name or "", _NAME_LIMIT).split())
        if not known or known == number:
            return number
        same = self._known.setdefault(fold(known) or known, jid)
        if same == jid and _PART_OF_A_LINE.search(known) is None and not _like_the_owner(known):
            return known
        return f'"{known.translate(_MARKS)}" ({number})'


def _like_the_owner(name: str) -> bool:
    """Whether its letters, or those of its first word, are those that the owner is called by, or could be drawn so."""
    words = fold(name).split()
    whole, first = "".join(filter(str.isalnum, "".join(words))), words[0] if words else ""
    return any(_could_be_drawn_as(OWNER.lower(), word) for word in (whole, first))


def _could_be_drawn_as(label: str, word: str) -> bool:
    """The same letters; or as many of a script whose letters may look like those (Cyrillic у, Greek ο)."""
    if len(word) != len(label) or any(unicodedata.name(c, "").startswith(_UNLIKE_LATIN) for c in word):
        return False
    return word == label or not (word.isascii() and word.isalpha())

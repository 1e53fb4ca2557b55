"""The one boundary that text written by other people passes before a model sees it.

Messages, names, subjects and file names can carry characters that show nothing but speak to a model (tag characters,
variation selectors used as bytes), that reorder what a person sees (bidi overrides) or that break a log or a terminal
(control characters). They are removed here. What scripts and emoji need stays: ZWJ and ZWNJ, direction marks, one
variation selector after its base, right-to-left text, combining marks, and the three flags made of tag characters.
"""

from __future__ import annotations

import re
from typing import Any, Final

FIELD_LIMIT: Final = 16_000
"""Characters that one string of a result may have; WhatsApp allows messages of 65,536."""

SAID_LIMIT: Final = 300
"""Characters that are told of what WhatsApp or Go said."""

_LOOKED_AT: Final = 4
"""Times as many characters as are shown: of a longer text the rest is not looked at."""

_LINE_ENDS: Final = re.compile("\r\n|[\r\u2028\u2029]")

_REMOVED_CHARACTERS: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters; tab and newline stay
    "\u00ad"  # soft hyphen
    "\u200b"  # zero-width space
    "\u202a-\u202e\u2066-\u2069"  # bidi embeddings, overrides, isolates
    "\u2060-\u2065"  # word joiner, invisible operators
    "\u206a-\u206f"  # deprecated format characters
    "\u3164\uffa0"  # Hangul fillers, the usual way to an empty-looking name
    "\ufdd0-\ufdef\ufff0-\ufffb\ufeff\ufffe\uffff"  # noncharacters, interlinear annotation, byte order mark
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # shorthand and musical format controls
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"  # tag characters and what is reserved around them
)
_FLAGS: Final = "|".join(
    "".join(chr(0xE0000 + ord(letter)) for letter in region) for region in ("gbeng", "gbsct", "gbwls")
)
"""England, Scotland and Wales, the only flags that Unicode recommends to be made of tag characters: anything else in
them could be text that nobody sees."""
_FLAG: Final = f"\U0001f3f4(?:{_FLAGS})\U000e007f"
_REMOVED: Final = re.compile(f"({_FLAG})|[{_REMOVED_CHARACTERS}]")

_IDEOGRAPHS: Final = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_STRAY_SELECTORS: Final = re.compile(
    # Ideographic variation selectors mean something after an ideograph only; the 240 of them make a fine alphabet
    # for hidden text. The small ones are of no use after ASCII but for keycaps (FE0E, FE0F).
    f"(?<![{_IDEOGRAPHS}])[\U000e0100-\U000e01ef]+|(?<=[\x00-\x7f])[\ufe00-\ufe0d]+"
)

_INVISIBLE: Final = "\u034f\u061c\u180b-\u180f\u200c-\u200f\ufe00-\ufe0f\U000e0100-\U000e01ef"
"""Joiners, direction marks and variation selectors."""
# Scripts and emoji need up to three in a row, hidden text more.
_LONG_INVISIBLE_RUN: Final = re.compile(f"([{_INVISIBLE}]{{3}})[{_INVISIBLE}]+")

_SHORTENED: Final = "… [shortened]"
_SUSPECT: Final = re.compile(f"[{_REMOVED_CHARACTERS}{_INVISIBLE}\r\u2028\u2029\ud800-\udfff]")
"""Every character that any rule here looks for: a text without one is left as it is, which is the usual case."""
_BLANK: Final = re.compile(f"[\\s\u2800{_REMOVED_CHARACTERS}{_INVISIBLE}]*")
"""With the pattern of Braille that has no dot, another usual way to an empty-looking name."""


def is_blank(text: str) -> bool:
    """Whether a person sees nothing of it."""
    return _BLANK.fullmatch(text) is not None


def decoded(text: bytes) -> str:
    """Bytes that should be text. As a ``text_factory`` for SQLite, which does not look whether its texts are UTF-8: by
    itself, Python fails the whole query for one that is not, and quotes it in the error.
    """
    return text.decode("utf-8", "replace")


def clean_text(text: str, limit: int = FIELD_LIMIT) -> str:
    """``text`` without hidden or disruptive characters, at most ``limit`` characters long.

    A longer text ends with a remark that it was shortened. Applying it twice changes nothing more.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text  # most of them, names of fields included; no rule below is about such characters
    cut = len(text) > _LOOKED_AT * limit
    if cut:  # what is not shown need not be looked through
        text = text[: _LOOKED_AT * limit]
    if _SUSPECT.search(text) is not None:
        text = _LINE_ENDS.sub("\n", text)
        text = _REMOVED.sub(r"\1", encodable(text))
        text = _STRAY_SELECTORS.sub("", text)
        text = _LONG_INVISIBLE_RUN.sub(r"\1", text)
    if len(text) <= limit and not cut:
        return text
    kept = _REMOVED.sub(r"\1", text[: max(0, limit - len(_SHORTENED))])  # a flag may have been cut in two
    return (kept + _SHORTENED)[:limit]


def said(text: str) -> str:
    """What somebody else's program answered, as a field of its own may quote it: one line, at most ``SAID_LIMIT``
    characters.
    """
    return clean_text(" ".join(clean_text(text, _LOOKED_AT * SAID_LIMIT).split()), SAID_LIMIT)


def escaped(text: str) -> str:
    """``text`` on one line that no terminal obeys: what does not show, reorders or breaks a line is written as in
    Python's source (``\\n``, ``\\x1b``, ``\\u202e``).
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if _shows(c) else c.encode("unicode_escape").decode() for c in text)


def _shows(character: str) -> bool:
    return character.isprintable() and _SUSPECT.match(character) is None


def text_part(text: str, offset: int, length: int) -> tuple[str, int | None]:
    """About ``length`` characters of a clean text, and where to go on; None at its end. What is one character to a
    person (a letter with its accents, a flag) is not taken apart, unless it is made of very many.
    """
    end = offset + length
    longest = end + _LONGEST_CHARACTER
    while end < min(len(text), longest) and _GOES_ON.match(text[end]):
        end += 1
    return text[offset:end], end if end < len(text) else None


_LONGEST_CHARACTER: Final = 30
_GOES_ON: Final = re.compile(f"[{_INVISIBLE}\u0300-\u036f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")
"""Joiners, selectors, accents, skin colours, tags of flags: they belong to what stands before them."""

_PLAIN_ID: Final = re.compile(r"[0-9A-F]{1,64}", re.ASCII)
"""Ids as WhatsApp's own clients make them."""


def is_plain_id(text: str) -> bool:
    """Whether a message's or call's id says nothing but itself. The sender chooses it, and can choose a sentence: only
    a plain one may stand in a message of ours, a log line, or what a parser reads.
    """
    return _PLAIN_ID.fullmatch(text) is not None


def speakable_id(text: str) -> str:
    """The id as a sentence or a log line may have it."""
    return text if is_plain_id(text) else "(an id that WhatsApp's clients do not make)"


def encodable(text: str) -> str:
    """``text`` as it can be written as UTF-8: two halves of a surrogate pair become their character, a lone half a
    replacement character.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def clean(value: Any, limit: int = FIELD_LIMIT) -> Any:
    """A copy of JSON-ready ``value`` with every string in it, keys included, through :func:`clean_text`."""
    if isinstance(value, str):
        return clean_text(value, limit)
    if isinstance(value, dict):
        return {clean_text(str(key), limit): clean(item, limit) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean(item, limit) for item in value]
    return value

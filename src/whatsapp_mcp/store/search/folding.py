"""One form for all spellings of a text: what search and name look-up compare.

``fold`` turns any text into lower-case words separated by single blanks. Case, accents, full-width forms, ligatures,
Arabic and Hebrew points and the invisible characters disappear; marks that make another letter (kana voicing, Indic and
Thai vowels, Cyrillic й) stay. Scripts written without blanks between words become one word per character, so that a
phrase of characters is found anywhere inside. Symbols (``+``, ``#``, ``€``, emoji) are words of their own; all other
punctuation only separates.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

ASCII_SYMBOLS: Final = "+#$<>="
"""ASCII characters that are words of their own: ``C++``, ``C#``, ``<3``. The other ones only separate words."""

FOLD_VERSION: Final = f"2 unicode {unicodedata.unidata_version}"
"""Changes when the same text may fold to something else; the search index is rebuilt then."""

_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x11FF),  # Myanmar, Georgian (excepted below), Hangul jamo
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue, Khmer symbols
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x3005, 0x3007),  # ideographic iteration mark, closing mark, zero
    (0x3040, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x3130, 0x318F),  # Hangul compatibility jamo
    (0x31A0, 0x31FF),  # Bopomofo and Katakana extensions
    (0x3400, 0x9FFF),  # CJK ideographs
    (0xA960, 0xA97F),  # Hangul jamo
    (0xAA60, 0xAADF),  # Myanmar extended, Tai Viet
    (0xAC00, 0xD7FF),  # Hangul syllables and jamo
    (0xF900, 0xFAFF),  # CJK compatibility ideographs
    (0x1AFF0, 0x1B16F),  # Kana supplements
    (0x20000, 0x3FFFF),  # CJK ideographs, supplementary planes
)
_GEORGIAN: Final = range(0x10A0, 0x1100)

_DROPPED_MARKS: Final = (
    (0x0300, 0x036F),  # accents of Latin, Greek, Cyrillic
    (0x0483, 0x0487),
    (0x0591, 0x05BD),  # Hebrew points, between them punctuation
    (0x05BF, 0x05BF),
    (0x05C1, 0x05C2),
    (0x05C4, 0x05C5),
    (0x05C7, 0x05C7),
    (0x0610, 0x061A),  # Arabic signs and points
    (0x064B, 0x065F),
    (0x0670, 0x0670),
    (0x06D6, 0x06ED),
    (0x0711, 0x0711),  # Syriac points
    (0x0730, 0x074A),
    (0x0898, 0x089F),  # more of Arabic
    (0x08CA, 0x08FF),
    (0x1AB0, 0x1AFF),
    (0x1DC0, 0x1DFF),
    (0x20D0, 0x20FF),
    (0x3099, 0x309A),  # voicing marks that NFKC found no kana for
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFE20, 0xFE2F),
    (0xE0100, 0xE01EF),
)
_NUKTA: Final = frozenset("\u093c\u09bc\u0a3c\u0abc\u0b3c\u0cbc")
"""The Indic dot below: as often left out as written."""

_LETTERS: Final = {
    **dict(zip("øđłħŧıĸŋð", "odlhtiknd", strict=True)),
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    "ẞ": "ss",
    # Spellings of one Arabic letter: keyboards of different countries write different ones.
    **dict(zip("ىیېةکڪہھەٱ", "ييي\u0647ككههها", strict=True)),
    "ـ": "",
}
_SEPARATORS: Final = frozenset("ʹʺʻʼʽʾʿ\u200b")
"""Unicode calls them letters or format characters: apostrophes as some languages type them, the zero-width blank."""
_OWN_LETTERS: Final = frozenset("йїў")
"""Letters of their own although Unicode composes them of a letter and a mark (ё is deliberately not among them)."""


def fold(text: str) -> str:
    """Words of ``text`` in comparable form, separated by single blanks; empty when there are none."""
    if text.isascii():
        folded = text.lower().translate(_ASCII)
        if _ASCII_SYMBOL.search(folded):
            folded = _ASCII_SYMBOL.sub(r" \g<0> ", folded)
    else:
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_FOLDED)
    return " ".join(folded.split())


class _UnspacedTable(dict[str, bool]):
    def __missing__(self, word: str) -> bool:
        code = ord(word) if len(word) == 1 else 0
        known = self[word] = _within(code, _UNSPACED) and code not in _GEORGIAN
        return known


unspaced: Final = _UnspacedTable()
"""Whether a folded word is one character of a script without blanks. To be asked of words of one character."""

PHONE_NUMBER: Final = r"\+?\(?\d(?:[ ().\-/\u00a0\u2011]{0,3}\d){6,}"
"""A number of seven digits and more, however it is grouped."""


def digits_of(number: str) -> str:
    return "".join(str(unicodedata.digit(c)) for c in number if c.isdecimal())


_ASCII_SYMBOL: Final = re.compile(f"[{re.escape(ASCII_SYMBOLS)}]")
_ASCII: Final = "".join(c if c.isalnum() or c in ASCII_SYMBOLS else " " for c in map(chr, range(128)))


class _FoldTable(dict[int, str]):
    """What each character becomes, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_character(chr(code))
        return folded


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= code <= high for low, high in ranges)


def _fold_character(c: str) -> str:
    code = ord(c)
    if code < 128:
        return f" {c} " if c in ASCII_SYMBOLS else c.lower() if c.isalnum() else " "
    if c in _SEPARATORS:
        return " "
    category = unicodedata.category(c)
    if category == "Nd":
        return str(unicodedata.digit(c))
    if category == "Cf" or _within(code, _DROPPED_MARKS) or c in _NUKTA:
        return ""
    if category[0] in "ZPC" and category not in ("Cn", "Co"):
        return " "
    if category[0] == "S" or (category == "Cn" and 0x1F000 <= code < 0x20000):
        # Modifiers (skin tones) are left out: a thumb is a thumb. Unassigned: an emoji newer than this Python.
        return " " if category == "Sk" else f" {c} "
    if _within(code, _UNSPACED) and code not in _GEORGIAN:
        return f" {c} "
    return _plain_letter(c)


def _plain_letter(c: str) -> str:
    if c in _OWN_LETTERS:
        return c
    bare = "".join(d for d in unicodedata.normalize("NFKD", c) if not (_within(ord(d), _DROPPED_MARKS) or d in _NUKTA))
    return unicodedata.normalize("NFC", "".join(_LETTERS.get(d, d) for d in bare))


_FOLDED: Final = _FoldTable()

"""Text as it is searched for secrets: what looks like a plain letter or digit is one, what does not show is gone."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Final

_LOOKS_PLAIN: Final = ((0xFF01, 0xFF5F), (0x1D400, 0x1D800), (0x2070, 0x208A), (0x2460, 0x24EA), (0x00B2, 0x00BA))
"""Full-width forms, mathematical letters, small digits, numbers in circles."""
_SCRIPTS: Final = (
    *(range(0x80, 0x3100), range(0xA000, 0xAC00), range(0xF900, 0x12000)),
    *(range(0x13430, 0x13440), range(0x16000, 0x17000), range(0x1BCA0, 0x1BCB0)),
    *(range(0x1D000, 0x1F000), range(0x1FBF0, 0x1FC00)),
)
"""Where digits and signs are; not the ideographs, to look at which would take most of the time."""
_SINGLES: Final = re.compile(r"(?<!\S)(?:\S\s{1,3}){11,}+(?:\S(?!\S))?")
_BLANK: Final = re.compile(r"\s+")


def folded(text: str) -> str:
    return text if text.isascii() else text.translate(_table())


def joined_singles(text: str) -> Iterator[str]:
    """What is written with blanks between all characters, without them."""
    for found in _SINGLES.finditer(text):
        yield _BLANK.sub("", found[0])


@cache
def _table() -> dict[int, str]:
    """Not NFKC of whole texts, which takes very long for rows of accents."""
    table: dict[int, str] = {}
    for code in chain.from_iterable(_SCRIPTS):
        character = chr(code)
        category = unicodedata.category(character)
        if category == "Nd":
            table[code] = str(unicodedata.decimal(character))
        elif category == "Cf" or 0xFE00 <= code <= 0xFE0F or code in (0x034F, 0x3164, 0xFFA0, 0x115F, 0x1160):
            table[code] = ""
        elif category == "Zs":
            table[code] = " "
        elif category == "Pd" or code == 0x2212:
            table[code] = "-"
    for start, end in _LOOKS_PLAIN:
        for code in range(start, end):
            plain = unicodedata.normalize("NFKC", chr(code))
            if plain.isascii():
                table[code] = plain
    table |= dict.fromkeys(range(0xE0000, 0xE0200), "")  # tags and selectors
    return table

"""A document as PostgreSQL keeps it: a ``tsvector`` of exactly its words, with their places in it.

A ``tsvector`` holds words of less than 2 KiB, a megabyte of them, and of each word at most 255 positions up to 16,383.
A message beyond that is kept all the same: with ``LONG``, all its words (overlong ones cut) but no positions; with
``VAST``, its tags alone. Such a document lies beside the vector as a text, in which the search looks for itself. In no
vector a position is missing or wrong.

Who changes what a document's row is changes ``store.search.index.INDEX_VERSION``, so that all are made anew.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from whatsapp_mcp.store.rows import ARRIVAL_BITS
from whatsapp_mcp.store.search.index import TAG_SIGN

WHOLE: Final = 0
LONG: Final = 1
VAST: Final = 2
LONG_TAG: Final = f"{TAG_SIGN}long"
VAST_TAG: Final = f"{TAG_SIGN}vast"

WORD_BYTES: Final = 500
"""Of a longer word so much is in the vector. Hardly anybody looks for such words, and PostgreSQL refuses 2 KiB."""
_POSITIONS: Final = 255
_LAST_POSITION: Final = 16_382
"""PostgreSQL makes 16,383 of whatever is higher."""
_VECTOR_BYTES: Final = 1_000_000

PERIODS: Final = tuple(ARRIVAL_BITS + bits for bits in (15, 18, 20, 22))
"""Bits of a place that the tags of its time leave out: periods of nine hours, three days, twelve days, seven weeks."""


class SearchRow(NamedTuple):
    """Of ``message_search``."""

    place: int
    chat: int
    length: int
    """Words of the document, tags among them."""
    kept: int
    """WHOLE, LONG or VAST."""
    words: str | None
    """The document between two blanks, unless the vector is the whole of it."""
    document: str
    """Literal of a ``tsvector``."""


def search_row(place: int, document: str) -> SearchRow:
    words = document.split()
    positions: dict[str, list[int]] = {}
    for position, word in enumerate(words, 1):
        if word in positions:
            positions[word].append(position)
        else:
            positions[word] = [position]
    tags = [word for word in positions if word[0] == TAG_SIGN and is_tag(word)]
    chat = next(int(tag[2:]) for tag in tags if tag[1] == "c")
    for tag in (*tags, *_time_tags(place)):
        positions[tag] = []
    if (
        len(words) <= _LAST_POSITION
        and (len(words) <= _POSITIONS or max(map(len, positions.values())) <= _POSITIONS)
        and (max(map(len, words)) * 4 <= WORD_BYTES or not any(map(is_overlong, positions)))
    ):
        vector = " ".join([_lexeme(word, at) for word, at in positions.items()])
        return SearchRow(place, chat, len(words), WHOLE, None, vector)
    kept, lexemes = LONG, {*map(cut, positions), LONG_TAG}
    if sum(len(lexeme.encode()) for lexeme in lexemes) > _VECTOR_BYTES:
        kept, lexemes = VAST, {*tags, *_time_tags(place), VAST_TAG}
    return SearchRow(place, chat, len(words), kept, f" {' '.join(words)} ", " ".join(map(quoted, lexemes)))


def is_tag(words: str) -> bool:
    """In a text, the sign is a word of its own."""
    return words[0] == TAG_SIGN and words[1:2] not in ("", " ")


def cut(word: str) -> str:
    """As far as a vector holds it."""
    return word.encode()[:WORD_BYTES].decode(errors="ignore") if is_overlong(word) else word


def is_overlong(word: str) -> bool:
    return len(word) * 4 > WORD_BYTES and len(word.encode()) > WORD_BYTES


def quoted(word: str) -> str:
    """As a vector and a query write it."""
    return "'" + word.replace("\\", "\\\\").replace("'", "''") + "'"


def _time_tags(place: int) -> list[str]:
    return [time_tag(bits, place >> bits) for bits in PERIODS]


def time_tag(bits: int, period: int) -> str:
    # No tag of a document begins with a digit.
    return f"{TAG_SIGN}{PERIODS.index(bits)}{period:x}"


def _lexeme(word: str, positions: list[int]) -> str:
    if "'" in word or "\\" in word:
        word = word.replace("\\", "\\\\").replace("'", "''")
    if len(positions) == 1:  # most of them
        return f"'{word}':{positions[0]}"
    return f"'{word}':{','.join(map(str, positions))}" if positions else f"'{word}'"

"""The two token dictionaries of WhatsApp's binary XML, read from ``tokens.txt`` (version 3, see ``noise.WA_HEADER``).

A frequent string travels as one byte (its index in ``SINGLE``) or as two (which of the four ``DOUBLE`` dictionaries,
then the index in it). The tables are facts of the protocol: whatsmeow binary/token/token.go; pywhats 0.2.0 carries the
same ones, and the tests compare them. No token contains white space: tables are written as words, a blank line between
two of them.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Final

_TABLES: Final = files(__package__).joinpath("tokens.txt").read_text(encoding="utf-8").split("\n\n")

SINGLE: Final[tuple[str, ...]] = ("", *_TABLES[0].split())
"""236 strings; index 0 is the empty list and names no string."""
DOUBLE: Final[tuple[tuple[str, ...], ...]] = tuple(tuple(words.split()) for words in _TABLES[1:])
"""Four dictionaries of 256 strings each."""

SINGLE_INDEX: Final[dict[str, int]] = {token: index for index, token in enumerate(SINGLE) if token}
DOUBLE_INDEX: Final[dict[str, tuple[int, int]]] = {
    token: (dictionary, index) for dictionary, tokens in enumerate(DOUBLE) for index, token in enumerate(tokens)
}

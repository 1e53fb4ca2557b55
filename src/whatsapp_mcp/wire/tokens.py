"""The token dictionaries of WhatsApp's binary XML, read from ``tokens.txt`` (version 3) and ``tokens_2.txt``.

A frequent string travels as one byte (its index among the single tokens) or as two (which of the four double
dictionaries, then the index in it). Which version of the tables a connection uses, the client says in its first bytes
(see ``noise.WA_HEADER``). The tables are facts of the protocol. Version 3: whatsmeow binary/token/token.go; pywhats
0.2.0 carries the same ones, and the tests compare them. Version 2: @whiskeysockets/baileys 6.17.16 WABinary/constants.
No token contains white space: tables are written as words, a blank line between two of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final


@dataclass(frozen=True, eq=False)
class Dictionary:
    """One version of the tables, and where each token stands in them."""

    single: tuple[str, ...]
    """236 strings; index 0 is the empty list and names no string."""
    double: tuple[tuple[str, ...], ...]
    """Four dictionaries of 256 strings each."""
    single_index: dict[str, int]
    double_index: dict[str, tuple[int, int]]

    @classmethod
    def read(cls, name: str) -> Dictionary:
        first, *rest = files(__package__).joinpath(name).read_text(encoding="utf-8").split("\n\n")
        single, double = ("", *first.split()), tuple(tuple(words.split()) for words in rest)
        places = {word: (table, index) for table, words in enumerate(double) for index, word in enumerate(words)}
        return cls(single, double, {word: index for index, word in enumerate(single) if word}, places)


NEWEST: Final = Dictionary.read("tokens.txt")
"""Version 3."""
VERSIONS: Final = (2, 3)


@cache
def dictionary(version: int) -> Dictionary:
    """The tables of one of :data:`VERSIONS`."""
    return NEWEST if version == VERSIONS[-1] else Dictionary.read(f"tokens_{version}.txt")

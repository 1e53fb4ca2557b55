"""The WHERE of a query: the same for a page and for its total."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from whatsapp_mcp.store.read.names import like_words

MIN_DIGITS: Final = 3
"""Digits that a search for a phone number needs at least."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Which part of a list is wanted."""

    limit: int
    offset: int
    cursor: str | None = None
    """Begin after the row that it belongs to; ``offset`` counts from there."""


@dataclass(slots=True)
class Where:
    """Conditions that all must hold, and the values for their question marks."""

    conditions: list[str] = field(default_factory=list)
    values: list[int | str] = field(default_factory=list)
    by_name: bool = False

    def __str__(self) -> str:
        return " AND ".join(self.conditions)

    def add(self, condition: str, *values: int | str) -> None:
        self.conditions.append(condition)
        self.values.extend(values)

    def name(self, search: str | None) -> None:
        """Words of a name, or digits of a number."""
        if not search or not search.strip():
            return
        self.by_name = True
        words = like_words(search)
        digits = "".join(c for c in search if c.isascii() and c.isdigit())
        one_of = []
        if words:
            one_of.append(" AND ".join(["entities.folded LIKE ?"] * len(words)))
        if len(digits) >= MIN_DIGITS and not any(c.isalpha() for c in search):
            one_of.append("entities.jid LIKE ?")
            words.append(f"%{digits}%@%")
        self.add(f"({' OR '.join(one_of)})" if one_of else "1 = 0", *words)

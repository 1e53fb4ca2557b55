"""The WHERE of a query: the same for a page and for its total."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from whatsapp_mcp.models import MessageKind
from whatsapp_mcp.store.query import like_words
from whatsapp_mcp.store.rows import place_ceiling, place_floor

__all__ = ["Where"]

MIN_DIGITS: Final = 3
"""Digits that a search for a phone number needs at least."""


@dataclass(slots=True)
class Where:
    """Conditions that all must hold, and the values for their question marks."""

    conditions: list[str] = field(default_factory=list)
    values: list[int | str] = field(default_factory=list)
    timeless: bool = True
    has_start: bool = False
    by_name: bool = False

    def __str__(self) -> str:
        return " AND ".join(self.conditions)

    def add(self, condition: str, *values: int | str) -> None:
        self.conditions.append(condition)
        self.values.extend(values)

    def insert(self, condition: str, *values: int | str) -> None:
        self.conditions.insert(0, condition)
        self.values[:0] = values

    def replaced(self, old: str, new: str) -> str:
        return str(self).replace(old, new)

    def between(self, start: datetime | None, end: datetime | None) -> None:
        """Places ascend with the second; only within the first and the last one must one look at the time."""
        if start is not None:
            at = _milliseconds(start)
            self.add("m.place >= ? AND (m.place > ? OR m.timestamp >= ?)", place_floor(at), place_ceiling(at), at)
        if end is not None:
            at = _milliseconds(end)
            self.add("m.place <= ? AND (m.place < ? OR m.timestamp <= ?)", place_ceiling(at), place_floor(at), at)
        self.timeless = start is None and end is None
        self.has_start = start is not None

    def kinds(self, kinds: Collection[MessageKind] | None) -> None:
        if kinds is not None:
            self.add(f"m.kind IN ({', '.join('?' * len(kinds))})", *kinds)

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
        self.add(f"({' OR '.join(one_of)})" if one_of else "0", *words)


def _milliseconds(time: datetime) -> int:
    aware = time if time.tzinfo is not None else time.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)

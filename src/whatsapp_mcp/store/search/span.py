"""When what is looked for was written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

from whatsapp_mcp.store.rows import place_ceiling, place_floor


@dataclass(frozen=True, slots=True)
class Span:
    """A time from and to, both inclusive, by the second as WhatsApp's times are; without a time zone they are UTC."""

    start: datetime | None = None
    end: datetime | None = None

    @property
    def is_everything(self) -> bool:
        return self.start is None and self.end is None

    @property
    def lowest(self) -> int:
        """The first place in it; hidden messages have lower ones."""
        return place_floor(math.ceil(_seconds(self.start)) * 1000) if self.start else 1

    @property
    def highest(self) -> int | None:
        """The last place in it; None without an end."""
        return None if self.end is None else place_ceiling(math.floor(_seconds(self.end)) * 1000)

    def condition(self, place: str) -> tuple[str, tuple[int, ...]]:
        """On the column ``place``, without hidden messages, and the values for its marks."""
        if self.highest is None:
            return f"{place} >= ?", (self.lowest,)
        return f"{place} BETWEEN ? AND ?", (self.lowest, self.highest)


def _seconds(time: datetime) -> float:
    return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()

"""How often the session may pause, by what the store remembers of the last pauses and by the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.store.records import Pauses

DAY: Final = 24 * 3600 * 1000
"""Milliseconds."""
_KEPT: Final = 1000
"""Pauses that are remembered at least, whatever the limit is now."""


@dataclass(frozen=True, slots=True)
class PauseLimits:
    """How often."""

    distance: float
    """Seconds from the end of one pause to the begin of the next."""
    per_day: int
    """In any 24 hours; 0: no limit."""

    def seconds_to_wait(self, pauses: Pauses, now: int) -> float:
        """At most the distance: a clock that was set back is not waited for."""
        due = pauses.ended / 1000 + self.distance - now / 1000
        return min(self.distance, max(0.0, due))

    def retry_after(self, pauses: Pauses, now: int) -> int | None:
        """Seconds until the next pause is allowed; None: it is."""
        recent = _recent(pauses, now)
        if not self.per_day or len(recent) < self.per_day:
            return None
        return int((recent[-self.per_day] + DAY - now) / 1000) + 1

    def one_more(self, pauses: Pauses, now: int) -> Pauses:
        return Pauses((*_recent(pauses, now), now)[-max(self.per_day, _KEPT) :], now)


def _recent(pauses: Pauses, now: int) -> tuple[int, ...]:
    """Those of the last day. What the clock says is still to come was before it was set back, nobody knows when."""
    return tuple(start for start in pauses.started if now - DAY < start <= now)

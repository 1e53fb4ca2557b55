"""Something that happens the next few times only: what faults are made of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Countdown:
    """Fits the next ``left`` occasions; negative: all of them."""

    left: int = 0

    def take(self) -> bool:
        """Whether this occasion is one of them."""
        if self.left == 0:
            return False
        if self.left > 0:
            self.left -= 1
        return True

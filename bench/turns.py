"""How often to measure: a number of rounds, and fewer on a machine that is too busy for them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

__all__ = ["turns"]

LEAST: Final = 3


def turns(rounds: int, *, seconds: float, warm_up: int = 1) -> Iterator[bool]:
    """One item per round: whether it counts. ``warm_up`` rounds do not; then there are at most ``rounds``, and after
    ``seconds`` no more, but at least three."""
    for _ in range(warm_up):
        yield False
    end = time.monotonic() + seconds
    for done in range(rounds):
        if done >= LEAST and time.monotonic() > end:
            return
        yield True

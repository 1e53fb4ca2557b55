"""Budgets in milliseconds, on machines of any pace.

They are stated for a machine on which a call that does nothing takes `TRIVIAL` milliseconds over stdio. Where that call
takes longer in the same run, so may everything else, in proportion: a budget is so many trivial calls.
"""

from __future__ import annotations

from typing import Final

__all__ = ["TRIVIAL", "here"]

TRIVIAL: Final = 0.28


def here(budget: float, trivial: float) -> float:
    """A budget on this machine, where a call that does nothing takes ``trivial``; all in milliseconds."""
    return budget * max(1.0, trivial / TRIVIAL)

"""What comes of a request that a side login carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from whatsapp_mcp.models.changes import AppStateChange

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """What came of it."""

    result: R
    changes: tuple[AppStateChange, ...]
    """All that was learned in the same pause: this change, and what the phone or others changed since the last time."""
    paused_seconds: float
    """How long the session was without connection."""

"""What comes of a query that a side login carried out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """What came of it."""

    result: R
    paused_seconds: float
    """How long the session was without connection."""

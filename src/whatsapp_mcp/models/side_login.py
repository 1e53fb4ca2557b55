"""What a side login answers: a request of its own kind, with what the pause for it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from whatsapp_mcp.jid import Jid

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Answer(Generic[R]):
    """What came of a request."""

    result: R
    paused_seconds: float = 0.0
    """How long the session was without connection."""


@dataclass(frozen=True, slots=True)
class BusinessCategory:
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class BusinessHours:
    """Opening hours of one weekday."""

    day_of_week: str
    """``sun`` … ``sat``."""
    mode: str
    """``specific_hours``, ``open_24h`` or ``appointment_only``."""
    open_time: str = ""
    """``HH:MM``, empty when the mode has no hours."""
    close_time: str = ""


@dataclass(frozen=True, slots=True)
class BusinessProfile:
    """What a business tells about itself; empty where it does not."""

    jid: Jid
    email: str = ""
    address: str = ""
    description: str = ""
    websites: tuple[str, ...] = ()
    categories: tuple[BusinessCategory, ...] = ()
    profile_options: tuple[tuple[str, str], ...] = ()
    """Names and values as WhatsApp has them (``commerce_experience`` …)."""
    business_hours_timezone: str = ""
    """IANA name."""
    business_hours: tuple[BusinessHours, ...] = ()


@dataclass(frozen=True, slots=True)
class JoinRequestResult:
    """What became of one person's request to join a group."""

    jid: Jid
    error: int | None = None
    """WhatsApp's number when it failed: 404 when the person has no such request (any more)."""

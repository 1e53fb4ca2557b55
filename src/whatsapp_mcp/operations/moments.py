"""A time to come, as people and models write it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from whatsapp_mcp.clock import from_ms, local, to_ms
from whatsapp_mcp.errors import InvalidArgument

FARTHEST: Final = timedelta(days=366)
_PART: Final = r"\d{1,5}\s*(?:d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)"
_IN: Final = re.compile(rf"(?:in\s+)?({_PART}(?:(?:\s*,)?\s*(?:and\s+)?{_PART})*)", re.IGNORECASE)
_AMOUNT: Final = re.compile(r"(\d+)\s*([dhms])", re.IGNORECASE)
_SECONDS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DAY: Final = re.compile(r"(?:(today|tomorrow)(?:\s+at)?\s+|at\s+)?(\d{1,2}):(\d{2})", re.IGNORECASE)
_FORMS: Final = (
    "Write it like 2026-01-31T18:30, with an offset if another zone is meant, like `in 2h`, or `tomorrow 9:00`."
)


class Moment(NamedTuple):
    """A time to come."""

    at: int
    """Milliseconds since 1970."""
    told: str
    """For the owner: in local time, and how it was written where it counts from now on."""


def moment_to_come(text: str, field: str, now: int, zone: tzinfo | None = None) -> Moment:
    """When ``text`` means; without an offset, in ``zone``, that of this machine if None.

    Args:
        now: milliseconds since 1970.

    Raises:
        InvalidArgument: it is no time, has gone by, or is more than a year away.
    """
    said = text.strip()
    here = local(from_ms(now), zone)
    span = _IN.fullmatch(said)
    try:
        at = local(from_ms(now) + _span(span[1]), zone) if span is not None else _named_time(said, here, zone)
    except (ValueError, OverflowError):
        raise InvalidArgument(f"{field}: this is no date and time", field=field, next_step=_FORMS) from None
    shown = f"{at:%A} {at.isoformat(timespec='minutes')}"
    if to_ms(at) <= now:
        clock = here.isoformat(timespec="minutes")
        raise InvalidArgument(f"{field}: this time has gone by; it is {clock} now", field=field, next_step=_FORMS)
    if to_ms(at) - now > FARTHEST // timedelta(milliseconds=1):
        raise InvalidArgument(f"{field}: this is more than a year away", field=field, next_step=_FORMS)
    told = shown if span is None else f"{shown} ({' '.join(said.split())} from when it is allowed)"
    return Moment(to_ms(at), told)


def _span(text: str) -> timedelta:
    return timedelta(seconds=sum(int(amount) * _SECONDS[unit.lower()] for amount, unit in _AMOUNT.findall(text)))


def _named_time(text: str, here: datetime, zone: tzinfo | None) -> datetime:
    """Raises ValueError: it is none."""
    clock = _DAY.fullmatch(text)
    if clock is None:
        if not re.match(r"\d{4}-\d{2}-\d{2}[T ]\d", text):
            raise ValueError("without a time of day, midnight would be meant")
        return local(datetime.fromisoformat(text), zone)
    day, hour, minute = clock.groups()
    wall = here.replace(tzinfo=None, hour=int(hour), minute=int(minute), second=0, microsecond=0)
    at = local(wall + timedelta(days=1) if (day or "").lower() == "tomorrow" else wall, zone)
    # A time without a day is the next one that there is.
    return at if day or at > here else local(wall + timedelta(days=1), zone)

"""The time of day, and the milliseconds since 1970 in which WhatsApp, the pipe and the store write it.

Who must be tested at another time takes one of these functions as an argument. Durations are measured with
``time.monotonic`` or the loop's clock, not with these.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final, Literal

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_FIRST: Final = -62_135_510_400_000
_LAST: Final = 253_402_128_000_000
"""Milliseconds of the first and last moment that has a date in every time zone, in the years 1 and 9999."""

_SOON: Final = (1 << 33) * 1000
"""Milliseconds, in the year 2242: before it, a float of seconds tells each of them exactly."""


def now() -> datetime:
    """The time of day, in UTC."""
    return datetime.now(UTC)


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def from_ms(milliseconds: int) -> datetime:
    """That moment, in UTC; the nearest one where no calendar has it."""
    if 0 <= milliseconds < _SOON:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)  # exact, and three times as quick
    # Windows knows no time before 1970 and after 3000.
    return _EPOCH + min(max(milliseconds, _FIRST), _LAST) * _MILLISECOND


def local(moment: datetime, zone: tzinfo | None = None) -> datetime:
    """That moment by the clock of ``zone``, of this machine without one; a moment without a zone is one of it.

    Windows knows the local time of the years 1970 to 3000 only: beyond, the zone is as at that day of another year.

    Raises:
        OverflowError, ValueError: no calendar has it.
    """
    if zone is not None:
        return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
    try:
        return moment.astimezone()
    except OSError:
        zone = moment.replace(year=1972 if moment.year < 1972 else 2996).astimezone().tzinfo
        return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970, exactly; a time without a zone is taken for UTC."""
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return (aware - _EPOCH) // _MILLISECOND


Precision = Literal["minutes", "seconds", "milliseconds"]


def time_text(moment: datetime, precision: Precision = "seconds", zone: tzinfo | None = UTC) -> str:
    """ISO 8601 with offset, ``Z`` for UTC: by the clock of ``zone``, of this machine if None; in UTC what no calendar
    of that zone has."""
    try:
        shown = moment if zone is not None and moment.tzinfo is zone else local(moment, zone)
    except (OverflowError, ValueError):
        shown = moment.astimezone(UTC)
    return shown.isoformat(timespec=precision).replace("+00:00", "Z")

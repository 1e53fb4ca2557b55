"""Times, to come and gone by, as people and models write them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from typing import Final, NamedTuple

from whatsapp_mcp.clock import from_ms, local, to_ms
from whatsapp_mcp.errors import InvalidArgument

FARTHEST: Final = timedelta(days=366)
_PART: Final = r"\d{1,6}\s*(?:w|weeks?|d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)"
_SPAN: Final = rf"({_PART}(?:(?:\s*,)?\s*(?:and\s+)?{_PART})*)"
_IN: Final = re.compile(rf"(?:in\s+)?{_SPAN}", re.IGNORECASE | re.ASCII)
_AGO: Final = re.compile(rf"{_SPAN}(?:\s+ago)?", re.IGNORECASE | re.ASCII)
_AMOUNT: Final = re.compile(r"(\d+)\s*([wdhms])", re.IGNORECASE | re.ASCII)
_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DAY: Final = re.compile(r"(?:(today|tomorrow)(?:\s+at)?\s+|at\s+)?(\d{1,2}):(\d{2})", re.IGNORECASE)
_FORMS: Final = (
    "Write it like 2026-01-31T18:30, with an offset if another zone is meant, like `in 2h`, or `tomorrow 9:00`."
)
_GONE_DAY: Final = re.compile(r"(today|yesterday)(?:(?:\s+at)?\s+(\d{1,2}):(\d{2}))?", re.IGNORECASE | re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MINUTE: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(Z|[+-][\d:]+)?", re.ASCII | re.IGNORECASE)
_UNIX: Final = re.compile(r"(\d{10})(\d{3})?(?:\.\d+)?", re.ASCII)
"""Seconds or milliseconds since 1970, of the years 2001 to 2286."""
_HALF_DAY: Final = re.compile(r"\b(\d{1,2})(?::(\d\d))?\s*([ap])\.?m\b\.?", re.IGNORECASE | re.ASCII)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH: Final = rf"({'|'.join(_MONTHS)})[a-z]*\.?"
_WRITTEN: Final = re.compile(
    rf"(?:[a-z]{{3,9}},?\s+)?(?:(\d{{1,2}})(?:st|nd|rd|th|\.)?\s+{_MONTH}|{_MONTH}\s+(\d{{1,2}})(?:st|nd|rd|th)?)"
    r",?\s+(\d{4})(?:,?\s+(?:at\s+)?(\d.*))?",
    re.IGNORECASE | re.ASCII,
)
"""``Mon, 30 Nov 2026 18:30:00 GMT``, ``November 30, 2026``."""
_DOTTED: Final = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,?\s+(\d.*))?", re.ASCII)
_ZONE_NAME: Final = re.compile(r"(?<=\d)\s*(?:z|utc|gmt)$", re.IGNORECASE)
_WHOLE_DAY: Final = timedelta(days=1, milliseconds=-1)
_WHOLE_MINUTE: Final = timedelta(minutes=1, milliseconds=-1)
_NONE: Final = timedelta(0)
_GONE_FORMS: Final = (
    "Write it like 2026-01-31T15:00, with an offset if another zone is meant, 2026-01-31, yesterday, 30m, 2h, 1d or 1w."
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
    said = _in_iso(text)
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


def period_meant(text: str, field: str, now: int, zone: tzinfo | None = None) -> tuple[datetime, datetime]:
    """From when until when what ``text`` names lasts: a day, a minute as rows show it, or no time at all.

    Args:
        text: ISO 8601, without an offset in ``zone``, that of this machine if None; how long ago (``2h``, ``3 days
            ago``); ``today``, ``yesterday``, also with a time of day; seconds or milliseconds since 1970.
        now: milliseconds since 1970.

    Raises:
        InvalidArgument: it is no time.
    """
    said = _in_iso(text)
    try:
        begin, length = _named_period(said, now, zone)
        return begin, begin + length
    except (ValueError, OverflowError):
        raise InvalidArgument(f"{field}: this is no date and time", field=field, next_step=_GONE_FORMS) from None


def _in_iso(text: str) -> str:
    """The same, where a date is written out, or the half of the day or the zone is named, as ISO 8601 has it. Two
    numbers between slashes are left alone: which of them is the month depends on who wrote them."""
    text = _HALF_DAY.sub(_hour_of_day, text.strip())
    if (dotted := _DOTTED.fullmatch(text)) is not None:
        day, month, year, clock = dotted.groups()
        text = f"{year}-{month:0>2}-{day:0>2} {clock or ''}".rstrip()
    elif (written := _WRITTEN.fullmatch(text)) is not None:
        day, month = written[1] or written[4], written[2] or written[3]
        number = _MONTHS.index(month[:3].lower()) + 1
        text = f"{written[5]}-{number:02}-{day:0>2} {written[6] or ''}".rstrip()
    text = re.sub(r"^(\d{4}-\d\d-\d\d[T ])(\d:)", r"\g<1>0\2", text)
    return re.sub(r"(?<=:\d\d)\s+(?=[+-]\d)", "", _ZONE_NAME.sub("+00:00", text))


def _hour_of_day(clock: re.Match[str]) -> str:
    hour = int(clock[1])
    if not 1 <= hour <= 12:
        return clock[0]
    return f"{hour % 12 + 12 * (clock[3] in 'pP'):02}:{clock[2] or '00'}"


def _named_period(text: str, now: int, zone: tzinfo | None) -> tuple[datetime, timedelta]:
    """Raises ValueError or OverflowError: it is none."""
    if (ago := _AGO.fullmatch(text)) is not None:
        return local(from_ms(max(0, now - _span(ago[1]) // timedelta(milliseconds=1))), zone), _NONE
    if text.lower() == "now":
        return local(from_ms(now), zone), _NONE
    if (unix := _UNIX.fullmatch(text)) is not None:
        return local(from_ms(int(unix[1]) * 1000 + int(unix[2] or 0)), zone), _NONE
    if (named := _GONE_DAY.fullmatch(text)) is not None:
        day, hour, minute = named.groups()
        wall = local(from_ms(now), zone).replace(tzinfo=None, hour=int(hour or 0), minute=int(minute or 0))
        wall = wall.replace(second=0, microsecond=0) - timedelta(days=day.lower() == "yesterday")
        return local(wall, zone), _WHOLE_DAY if hour is None else _WHOLE_MINUTE
    begin = local(datetime.fromisoformat(text), zone)
    return begin, _WHOLE_DAY if _DATE.fullmatch(text) else _WHOLE_MINUTE if _MINUTE.fullmatch(text) else _NONE


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

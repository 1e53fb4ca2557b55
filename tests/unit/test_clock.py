"""Milliseconds and times of day, there and back."""

from __future__ import annotations

from calendar import isleap
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from whatsapp_mcp.clock import from_ms, local, now, now_ms, to_ms


@pytest.mark.parametrize("milliseconds", [0, 1, 999, 1_700_000_000_001, 1_764_319_724_123, 4_102_444_799_999, -1])
def test_milliseconds_survive_the_way_there_and_back(milliseconds: int) -> None:
    assert to_ms(from_ms(milliseconds)) == milliseconds


def test_zones() -> None:
    assert from_ms(1000) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert to_ms(datetime(1970, 1, 1, 1, 0, 0, 999, tzinfo=timezone(timedelta(hours=1)))) == 0
    assert to_ms(datetime(1970, 1, 1, 0, 0, 2)) == 2000


@pytest.mark.parametrize("year", [1, 1900, 1969, 1970, 2026, 2999, 3001, 3500, 9999])
def test_every_year_has_a_date(year: int) -> None:
    moment = datetime(year, 2, 28, 23, 59, 59, 999_000, tzinfo=UTC)
    assert from_ms(to_ms(moment)) == moment


def test_the_nearest_moment_where_there_is_no_date() -> None:
    assert (from_ms(-(10**20)).year, from_ms(10**20).year) == (1, 9999)


@pytest.mark.parametrize("year", [1904, 1969, 1970, 2026, 3000, 3500, 9996])
def test_local_time_of_every_year(year: int) -> None:
    moment = datetime(year, 2, 29 if isleap(year) else 28, 12, 30, tzinfo=UTC)
    here = local(moment)
    assert here == moment
    assert here.tzinfo is not None
    assert local(here.replace(tzinfo=None)) == moment


class WindowsTime(datetime):
    """As Windows knows local time."""

    def astimezone(self, tz: tzinfo | None = None) -> WindowsTime:
        if tz is None and not 1970 <= self.year <= 3000:
            raise OSError(22, "Invalid argument")
        return super().astimezone(tz)


@pytest.mark.parametrize("year", [1904, 1969, 1970, 2026, 3500, 9996])
def test_local_time_where_the_system_does_not_know_it(year: int) -> None:
    moment = WindowsTime(year, 2, 29 if isleap(year) else 28, 12, 30, tzinfo=UTC)
    assert local(moment) == moment
    naive = WindowsTime(year, 7, 1, 12, 30)
    assert local(naive).replace(tzinfo=None) == datetime(year, 7, 1, 12, 30)
    assert local(naive).tzinfo is not None


def test_now() -> None:
    before = now_ms()
    assert before <= to_ms(now()) <= now_ms()

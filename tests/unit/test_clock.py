"""Milliseconds and times of day, there and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from whatsapp_mcp.clock import from_ms, now, now_ms, to_ms


@pytest.mark.parametrize("milliseconds", [0, 1, 999, 1_700_000_000_001, 1_764_319_724_123, 4_102_444_799_999, -1])
def test_milliseconds_survive_the_way_there_and_back(milliseconds: int) -> None:
    assert to_ms(from_ms(milliseconds)) == milliseconds


def test_zones() -> None:
    assert from_ms(1000) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert to_ms(datetime(1970, 1, 1, 1, 0, 0, 999, tzinfo=timezone(timedelta(hours=1)))) == 0
    assert to_ms(datetime(1970, 1, 1, 0, 0, 2)) == 2000


def test_now() -> None:
    before = now_ms()
    assert before <= to_ms(now()) <= now_ms()

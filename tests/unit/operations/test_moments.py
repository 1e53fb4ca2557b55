"""Times to come, as people and models write them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from whatsapp_mcp.clock import from_ms, to_ms
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.operations.moments import moment_to_come, period_meant

NOW = to_ms(datetime(2026, 3, 27, 10, 30, tzinfo=UTC))
"""Friday, 11:30 in Berlin; two days later the clocks there go forward."""

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of this process cannot be set here")


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def meant(text: str) -> str:
    return from_ms(moment_to_come(text, "at", NOW).at).strftime("%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2h", "03-27 12:30:00"),
        (" in 2 hours ", "03-27 12:30:00"),
        ("In 90 min", "03-27 12:00:00"),
        ("1h30m", "03-27 12:00:00"),
        ("in 1 day, 2 hours and 5 minutes", "03-28 12:35:00"),
        ("45s", "03-27 10:30:45"),
        ("2026-03-27T12:00", "03-27 11:00:00"),
        ("2026-03-27 12:00:30", "03-27 11:00:30"),
        ("2026-03-30T09:00", "03-30 07:00:00"),
        ("2026-03-30T09:00Z", "03-30 09:00:00"),
        ("2026-03-30T09:00-05:00", "03-30 14:00:00"),
        ("12:00", "03-27 11:00:00"),
        ("at 9:00", "03-28 08:00:00"),
        ("today 12:15", "03-27 11:15:00"),
        ("tomorrow at 9:00", "03-28 08:00:00"),
        ("Tomorrow 09:05", "03-28 08:05:00"),
        ("tomorrow at 9am", "03-28 08:00:00"),
        ("12:05 a.m.", "03-27 23:05:00"),
        ("12 PM", "03-27 11:00:00"),
        ("30.3.2026 9:00", "03-30 07:00:00"),
        ("30 March 2026, 9:00", "03-30 07:00:00"),
        ("Mon, 30 Mar 2026 09:00:00 GMT", "03-30 09:00:00"),
    ],
)
def test_it_is_meant_in_local_time(text: str, utc: str) -> None:
    assert meant(text) == utc


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "2",
        "in",
        "h",
        "2026-03-30",
        "2026-02-30T10:00",
        "25:00",
        "9",
        "13am",
        "30 March 2026",
        "31.2.2026 9:00",
        "3/4/2026 9:00",
        "2x",
        "99999d",
        "noon",
        "2026-03-30T",
        "1h2",
    ],
)
def test_what_is_no_time_names_the_field_and_how_to_write_one(text: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape("at: ")) as caught:
        moment_to_come(text, "at", NOW)
    assert caught.value.details["field"] == "at"
    assert "2026-01-31T18:30" in caught.value.next_step


@pytest.mark.parametrize("text", ["2026-03-27T11:30", "2026-03-27T10:29:59Z", "today 9:00", "0h", "2020-01-01T00:00"])
def test_what_has_gone_by_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape("at: this time has gone by; it is 2026-03-27T11:30+01:00 now")):
        moment_to_come(text, "at", NOW)


@pytest.mark.parametrize("text", ["367d", "2027-04-01T09:00", "9000-01-01T00:00"])
def test_more_than_a_year_is_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="at: this is more than a year away"):
        moment_to_come(text, "at", NOW)


def test_the_owner_is_told_when_it_is() -> None:
    assert moment_to_come("2026-03-30T09:00", "at", NOW).told == "Monday 2026-03-30T09:00+02:00"
    assert moment_to_come("in  72h", "at", NOW).told == "Monday 2026-03-30T12:30+02:00 (in 72h from when it is allowed)"


def test_the_zone_of_the_settings_goes_before_that_of_the_machine() -> None:
    moment = moment_to_come("2026-03-30T09:00", "at", NOW, ZoneInfo("America/Sao_Paulo"))
    assert moment.told == "Monday 2026-03-30T09:00-03:00"
    assert from_ms(moment.at).hour == 12


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-03-26", "03-25 23:00:00", "03-26 22:59:59"),
        ("2026-03-26T12:00", "03-26 11:00:00", "03-26 11:00:59"),
        ("2026-03-26 12:00", "03-26 11:00:00", "03-26 11:00:59"),
        ("2026-03-26T12:00+02:00", "03-26 10:00:00", "03-26 10:00:59"),
        ("2026-03-26T12:00:30Z", "03-26 12:00:30", "03-26 12:00:30"),
        ("2026-03-26T12:00:30+0100", "03-26 11:00:30", "03-26 11:00:30"),
        ("2026-03-26T12:00:30.123456789Z", "03-26 12:00:30", "03-26 12:00:30"),
        ("2026-03-26T12:00z", "03-26 12:00:00", "03-26 12:00:59"),
        ("2026-03-26 9:00 UTC", "03-26 09:00:00", "03-26 09:00:59"),
        ("2026-03-26 12:00 +0100", "03-26 11:00:00", "03-26 11:00:59"),
        ("26.03.2026", "03-25 23:00:00", "03-26 22:59:59"),
        ("March 26th, 2026", "03-25 23:00:00", "03-26 22:59:59"),
        ("Thu, 26 Mar 2026 12:00:30 +0000", "03-26 12:00:30", "03-26 12:00:30"),
        ("1774522830", "03-26 11:00:30", "03-26 11:00:30"),
        ("1774522830000", "03-26 11:00:30", "03-26 11:00:30"),
        ("1774522830.5", "03-26 11:00:30", "03-26 11:00:30"),
        ("2h", "03-27 08:30:00", "03-27 08:30:00"),
        (" 2 Hours ago ", "03-27 08:30:00", "03-27 08:30:00"),
        ("1w", "03-20 10:30:00", "03-20 10:30:00"),
        ("1 day and 2h", "03-26 08:30:00", "03-26 08:30:00"),
        ("now", "03-27 10:30:00", "03-27 10:30:00"),
        ("today", "03-26 23:00:00", "03-27 22:59:59"),
        ("Yesterday", "03-25 23:00:00", "03-26 22:59:59"),
        ("yesterday at 9:05", "03-26 08:05:00", "03-26 08:05:59"),
    ],
)
def test_what_is_meant_of_the_past(text: str, begin: str, end: str) -> None:
    found = period_meant(text, "since", NOW)
    assert [one.astimezone(UTC).strftime("%m-%d %H:%M:%S") for one in found] == [begin, end]


@pytest.mark.parametrize(
    "text",
    ["", "soon", "2", "5", "1y", "-1h", "2 months", "2026-13-01", "2026-02-30", "12:00", "١h", "9999999999999999"],
)
def test_no_time_of_the_past(text: str) -> None:
    with pytest.raises(InvalidArgument, match="since") as caught:
        period_meant(text, "since", NOW)
    assert caught.value.next_step and "2026-01-31T15:00" in caught.value.next_step


def test_times_before_the_beginning_are_the_beginning() -> None:
    assert period_meant("999999w", "since", NOW)[0].timestamp() == 0

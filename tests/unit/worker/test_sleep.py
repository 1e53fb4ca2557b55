"""What the process takes for sleep, by clocks that the test winds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest

from whatsapp_mcp.worker.sleep import LOOK, SLEPT, sleep_noticed


@dataclass
class Clocks:
    """Each pause takes the next of ``pauses``: seconds on the wall's clock, and on the other."""

    pauses: list[tuple[float, float]]
    wall: float = 1_800_000_000.0
    monotonic: float = 5.0

    async def pause(self, seconds: float) -> None:
        if not self.pauses:
            raise asyncio.CancelledError
        more_wall, more_monotonic = self.pauses.pop(0)
        self.wall += seconds + more_wall
        self.monotonic += seconds + more_monotonic

    async def noticed(self) -> float | None:
        """For how long it slept; None when nothing is noticed to the end."""
        try:
            return await sleep_noticed(wall=lambda: self.wall, monotonic=lambda: self.monotonic, pause=self.pause)
        except asyncio.CancelledError:
            return None


@pytest.mark.parametrize(
    ("pauses", "slept"),
    [
        ([(3600, 0)], 3600),  # the computer slept: Linux and macOS stop the other clock
        ([(3600, 3600)], 3600),  # the same on Windows; or the process was stopped
        ([(0.1, 0.1), (0, 0), (30, 30)], 30),
        ([(-3600, 30)], 30),  # it was stopped, and the clock was set back meanwhile
        ([(0, 0), (2, 2), (SLEPT, SLEPT)], None),  # a busy computer
        ([(-3600, 0), (0, 0)], None),  # the clock was set back
        ([(SLEPT / 2, SLEPT / 2)] * 10, None),  # late each time, and never long
    ],
)
async def test_what_is_sleep(pauses: list[tuple[float, float]], slept: float | None) -> None:
    clocks = Clocks(list(pauses))
    noticed = await clocks.noticed()
    assert noticed == (pytest.approx(slept) if slept is not None else None)


async def test_it_is_noticed_within_seconds_of_waking() -> None:
    assert LOOK <= 5
    clocks = Clocks([(0, 0), (600, 0), (0, 0)])
    assert await clocks.noticed() == pytest.approx(600)
    assert clocks.pauses == [(0, 0)], "at the first look after it"

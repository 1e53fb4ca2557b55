"""Waiting for a condition, with a deadline."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from tests.unit.systems import SLOWNESS

WAIT = 60.0 * SLOWNESS
"""Seconds; only a defect lets this much pass."""


def wait_until(condition: Callable[[], bool], what: str = "") -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, f"waited too long: {what}"
        time.sleep(0.005)


async def soon(condition: Callable[[], bool], what: str = "") -> None:
    deadline = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < deadline, f"waited too long: {what}"
        await asyncio.sleep(0.005)

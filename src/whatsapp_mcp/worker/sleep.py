"""Finding out that the computer slept, or that this process was stopped: the connection may be dead without a sign.

whatsmeow would notice by itself, at its next keep-alive that nobody answers: up to a minute later.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

LOOK: Final = 2.0
"""Seconds between two looks."""
SLEPT: Final = 20.0
"""Seconds beyond ``LOOK`` that no busy computer makes a process wait."""


async def sleep_noticed(
    *,
    wall: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> float:
    """Return when this process has not run for a while; for how many seconds.

    Two clocks are looked at: ``monotonic`` stands still while Linux and macOS sleep, and goes on in a process that is
    stopped, and on Windows.
    """
    while True:
        before = wall(), monotonic()
        await pause(LOOK)
        passed = max(wall() - before[0], monotonic() - before[1])
        if passed > LOOK + SLEPT:
            return passed - LOOK

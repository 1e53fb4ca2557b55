"""The sign of life of a call: a progress notification each five seconds, whatever the call does.

Hosts that reset their time limit on progress never cut such a call off; others show what it waits for. Who waits says
so with `whatsapp_mcp.waiting`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from whatsapp_mcp.waiting import Waits, noted

logger = logging.getLogger(__name__)

Report = Callable[[float, float | None, str], Awaitable[None]]
"""``await report(progress, total, message)``."""

BEAT: Final = 5.0
"""Seconds between two signs of life, at most; the shortest limit that a host is known to have is longer than that."""
LOOK: Final = 1.0
"""Seconds between two looks at what is waited for, which is told at once when it is something else; a call that is
shorter tells nothing."""
WORKING: Final = "working"


@contextmanager
def heartbeat(report: Report) -> Iterator[None]:
    """Around one call whose client wants to hear of its progress.

    The progress is seconds since the call began: it ascends, as MCP demands, whatever the call does one after the
    other, and how much there is to come nobody knows. What is known stands in the message.
    """
    loop = asyncio.get_running_loop()
    began, beating = loop.time(), list[asyncio.Task[None]]()
    with noted() as waits:
        # Most calls are over by then, and begin no task.
        timer = loop.call_later(
            LOOK, lambda: beating.append(loop.create_task(_beat(report, waits, began), name="heartbeat"))
        )
        try:
            yield
        finally:
            timer.cancel()
            for task in beating:
                task.cancel()


async def _beat(report: Report, waits: Waits, began: float) -> None:
    loop = asyncio.get_running_loop()
    told, when = "", began
    while True:
        wait, now = waits.now, loop.time()
        message = wait.text() if wait is not None else WORKING
        if message != told or now - when >= BEAT:
            try:
                await report(round(now - began, 3), None, message)
            except Exception as error:  # who does not listen any more does not end the call
                logger.debug("progress was not told: %s", type(error).__name__)
                return
            told, when = message, now
        await asyncio.sleep(LOOK)

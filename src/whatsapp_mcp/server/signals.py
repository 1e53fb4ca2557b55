"""SIGINT, SIGTERM and SIGHUP (on Windows Ctrl-Break), the same for both transports: the first asks for an orderly end,
a later one cuts it short.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from whatsapp_mcp.platform.signals import HANGUP, INTERRUPT, TERMINATE, handled, unless_ignored

_SAME_STOP: Final = 0.5
"""Seconds in which a terminal and a launcher such as `uv run` may both deliver the same Ctrl-C."""


@contextlib.contextmanager
def on_stop_signals(first: Callable[[], object], later: Callable[[], object]) -> Iterator[None]:
    """Call ``first`` in the running loop on the first such signal, ``later`` on each one after it.

    Outside the main thread Python's own handling stays.
    """
    loop = asyncio.get_running_loop()
    came_at: list[float] = []

    def on_signal() -> None:
        if not came_at:
            came_at.append(loop.time())
            first()
        elif loop.time() - came_at[0] > _SAME_STOP:
            later()

    with handled((*INTERRUPT, *TERMINATE, *unless_ignored(HANGUP)), on_signal):
        yield

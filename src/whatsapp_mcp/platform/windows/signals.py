"""Signals that ask a process to stop. The loop handles none here, but wakes up for those that Python handles."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import Final

assert sys.platform == "win32"

INTERRUPT: Final = (signal.SIGINT,)
"""Ctrl-C: a console sends it to all its processes."""
TERMINATE: Final = (signal.SIGTERM, signal.SIGBREAK)
"""Ctrl-Break, a console that is closed, and programs that send either; most end a process without asking."""

HANGUP: Final[tuple[signal.Signals, ...]] = ()
"""A console that is closed sends one of `TERMINATE`."""


@contextmanager
def handled(numbers: Sequence[signal.Signals], handler: Callable[[], object]) -> Iterator[None]:
    """Call ``handler`` in the running loop on each of these signals. Outside the main thread nothing changes."""
    loop = asyncio.get_running_loop()

    def on_signal(number: int, frame: FrameType | None) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(handler)

    with ExitStack() as installed:
        with suppress(ValueError):
            for number in numbers:
                before = signal.signal(number, on_signal)
                installed.callback(signal.signal, number, before if before is not None else signal.SIG_DFL)
        yield

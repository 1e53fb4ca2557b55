"""Signals that ask a process to stop."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

assert sys.platform != "win32"

INTERRUPT: Final = (signal.SIGINT,)
"""Ctrl-C: a terminal sends it to all processes of its foreground."""
TERMINATE: Final = (signal.SIGTERM,)
"""What other programs and the system send."""

HANGUP: Final[tuple[signal.Signals, ...]] = (signal.SIGHUP,)
"""The terminal is gone."""


@contextmanager
def handled(numbers: Sequence[signal.Signals], handler: Callable[[], object]) -> Iterator[None]:
    """Call ``handler`` in the running loop on each of these signals. Outside the main thread nothing changes."""
    loop = asyncio.get_running_loop()
    with ExitStack() as installed:
        with suppress(NotImplementedError, RuntimeError, ValueError):
            for number in numbers:
                before = signal.getsignal(number)
                loop.add_signal_handler(number, handler)
                # asyncio leaves the system's own behind
                installed.callback(signal.signal, number, signal.SIG_DFL if before is None else before)
                installed.callback(loop.remove_signal_handler, number)
        yield

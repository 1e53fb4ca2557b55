"""Signals that ask a process to stop."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence

if sys.platform == "win32":
    from whatsapp_mcp.platform.windows.signals import HANGUP, INTERRUPT, TERMINATE, handled
else:
    from whatsapp_mcp.platform.posix.signals import HANGUP, INTERRUPT, TERMINATE, handled

__all__ = ["HANGUP", "INTERRUPT", "TERMINATE", "exit_when_terminated", "handled", "unless_ignored"]


def unless_ignored(numbers: Sequence[signal.Signals]) -> tuple[signal.Signals, ...]:
    """Those that whoever started this process did not ask it to ignore, as nohup does."""
    return tuple(number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN)


def exit_when_terminated() -> None:
    """End the process as Ctrl-C does, so that what is half done is undone; in the main thread of a command."""
    for number in (*TERMINATE, *unless_ignored(HANGUP)):
        signal.signal(number, lambda received, _: sys.exit(128 + received))

"""Processes by their number."""

from __future__ import annotations

import os
import signal
import sys

assert sys.platform != "win32"


def is_alive(pid: int) -> bool:
    """Whether there is such a process; one that ended counts until its parent has asked for its end."""
    if pid <= 0:  # kill(2) means groups by those
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # of another user
    return True


def end_now(pid: int) -> None:
    """End a process at once, without asking it; nothing happens when there is none.

    Raises:
        OSError: it is another user's.
    """
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def open_files_limit() -> int | None:
    """How many files and connections this process may have open; None when that is not limited."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft

"""Descriptors."""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress

assert sys.platform != "win32"


def private_duplicate(fd: int) -> int:
    """Another descriptor of the same file, for bytes, that no child inherits and whose number is not one of the
    standard ones: so that a closed stderr cannot turn into the wire.

    Raises:
        OSError: it is closed.
    """
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)


def lead_nowhere(*fds: int) -> None:
    """From now on these descriptors read nothing, and what is written there is gone."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in fds:
        os.dup2(nothing, fd)
    if nothing > 2:
        os.close(nothing)


def nobody_reads(error: OSError) -> bool:
    """Whether a write failed because the other end of the pipe is closed."""
    return isinstance(error, BrokenPipeError)


def watchable(*fds: int) -> bool:
    """Whether an event loop can wait for all of them."""
    modes = [os.fstat(fd).st_mode for fd in fds]
    # /dev/null is a character device that epoll refuses; terminals are the ones it takes.
    return all(
        stat.S_ISFIFO(m) or stat.S_ISSOCK(m) or (stat.S_ISCHR(m) and os.isatty(fd))
        for fd, m in zip(fds, modes, strict=True)
    )


def blocking_restorer(*fds: int) -> Callable[[], None]:
    """What makes them block again as now: an event loop makes the open file non-blocking, and a terminal or ``2>&1``
    shares it with other processes.
    """
    before = [os.get_blocking(fd) for fd in fds]

    def restore() -> None:
        for fd, was in zip(fds, before, strict=True):
            with suppress(OSError):
                os.set_blocking(fd, was)

    return restore

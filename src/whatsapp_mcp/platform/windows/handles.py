"""Descriptors."""

from __future__ import annotations

import errno
import msvcrt
import os
import sys
from collections.abc import Callable

assert sys.platform == "win32"


def private_duplicate(fd: int) -> int:
    """Another descriptor of the same file, for bytes, that no child inherits and whose number is not one of the
    standard ones: so that a closed stderr cannot turn into the wire.

    Raises:
        OSError: it is closed.
    """
    msvcrt.setmode(fd, os.O_BINARY)  # a text descriptor makes \r\n of \n, and ends at Ctrl-Z
    passed: list[int] = []
    try:
        while (copy := os.dup(fd)) <= 2:
            passed.append(copy)
    finally:
        for low in passed:
            os.close(low)
    msvcrt.setmode(copy, os.O_BINARY)
    return copy


def lead_nowhere(*fds: int) -> None:
    """From now on these descriptors read nothing, and what is written there is gone."""
    nothing = os.open(os.devnull, os.O_RDWR | os.O_BINARY)
    for fd in fds:
        os.dup2(nothing, fd)
    if nothing > 2:
        os.close(nothing)


def nobody_reads(error: OSError) -> bool:
    """Whether a write failed because the other end of the pipe is closed. While it is being closed, Windows says
    ERROR_NO_DATA, which its C library knows no word for and calls an invalid argument.
    """
    return isinstance(error, BrokenPipeError) or error.errno == errno.EINVAL


def watchable(*fds: int) -> bool:
    """Whether an event loop can wait for all of them: it can for overlapped pipes, and hosts hand others."""
    return False


def blocking_restorer(*fds: int) -> Callable[[], None]:
    """What makes them block again as now: here nothing changes that."""
    return lambda: None

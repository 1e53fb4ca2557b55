"""What the system knows of connections: how much this process has sent, whoever in it did; that the other end died."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

_BYTES_ACKED: Final = slice(120, 128)
"""``tcpi_bytes_acked`` of Linux's ``struct tcp_info`` (include/uapi/linux/tcp.h, since 4.1)."""

_TCP_INFO: Final = 11
"""Linux's number; ``socket`` names it only there."""


def sent_since_now() -> Callable[[], float] | None:
    """Says, each time it is called, how many bytes of TCP the other ends have got from this process since now.

    It is a bit more than what was to be sent (TLS, other connections). None where the system does not tell; only Linux
    does.
    """
    if sys.platform != "linux":
        return None
    before = dict(_acknowledged())

    def since() -> float:
        return float(sum(max(0, sent - before.get(key, 0)) for key, sent in _acknowledged()))

    return since


def notice_death(connection: socket.socket, seconds: int) -> None:
    """Have the system end a TCP connection whose other end does not answer for about so many seconds."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    options = {"TCP_KEEPIDLE": 1, "TCP_KEEPINTVL": 1, "TCP_KEEPCNT": seconds - 1, "TCP_USER_TIMEOUT": seconds * 1000}
    for name, value in options.items():
        if (option := getattr(socket, name, None)) is not None:  # not every system has all of them
            with suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, option, value)


def _acknowledged() -> Iterator[tuple[tuple[str, str], int]]:
    """Of each TCP connection its two ends, and the bytes that the other one has."""
    with suppress(OSError):
        for link in Path("/proc/self/fd").iterdir():
            with suppress(OSError, ValueError):
                if not str(link.readlink()).startswith("socket:"):
                    continue
                with socket.socket(fileno=os.dup(int(link.name))) as copy:
                    if copy.type is socket.SOCK_STREAM and copy.family in (socket.AF_INET, socket.AF_INET6):
                        facts = copy.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _BYTES_ACKED.stop)
                        ends = (str(copy.getsockname()), str(copy.getpeername()))
                        yield ends, int.from_bytes(facts[_BYTES_ACKED], sys.byteorder)

"""Long lines of the pipe in pieces, so that no line has to be held at once, and others pass between two pieces.

A piece is ``~`` and the number of its line, ``+`` when more follow or ``.`` when it is the last, and a part of the
line. Lines themselves begin with ``{``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

PIECE: Final = 256 * 1024
"""Bytes."""

MAX_LINE: Final = 4 * PIECE
"""Bytes that no line has when it travels."""


def in_pieces(line: bytes, number: int) -> Iterator[bytes]:
    """``line`` (with its end) as what travels; ``number`` is that of no other line that is under way."""
    if len(line) <= PIECE:
        yield line
        return
    for start in range(0, len(line), PIECE):
        last = start + PIECE >= len(line)
        part = line[start : start + PIECE].removesuffix(b"\n")
        yield b"~%d%b%b\n" % (number, b"." if last else b"+", part)


class Pieces:
    """What has come of long lines."""

    def __init__(self) -> None:
        self._parts: dict[int, list[bytes]] = {}

    def whole(self, received: bytes) -> bytes | None:
        """The line that ``received`` is or completes; None while more of it has to come.

        Raises:
            ValueError: it is a piece of nothing.
        """
        if not received.startswith(b"~"):
            return received
        end = min(place for mark in (b"+", b".") if (place := received.find(mark, 1, 24)) > 0)
        parts = self._parts.setdefault(int(received[1:end]), [])
        parts.append(received[end + 1 :].removesuffix(b"\n"))
        if received[end : end + 1] == b"+":
            return None
        del self._parts[int(received[1:end])]
        return b"".join(parts) + b"\n"

"""Frames: a 3-byte big-endian length and that many bytes, in both directions, over whatever chunks the transport makes.

The client sends a header (``noise.WA_HEADER``) before its first frame, once; the server sends none. One that was told
before which of the server's machines knows it says that first: ``ED``, 0, 1, and a frame. Frames do not respect the
borders of WebSocket messages. Sources: whatsmeow socket/framesocket.go, @whiskeysockets/baileys Utils/noise-handler.js.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

MAX_FRAME: Final = (1 << 24) - 1
"""The largest body that the 3-byte length can say: one byte under 16 MiB."""

_LENGTH_SIZE: Final = 3
_ROUTING: Final = b"ED\0\1"


class FrameError(ValueError):
    """The stream is not a stream of frames."""


def frame(data: bytes) -> bytes:
    """``data`` as a frame.

    Raises:
        FrameError: it is larger than ``MAX_FRAME``.
    """
    if len(data) > MAX_FRAME:
        raise FrameError(f"a frame holds {MAX_FRAME} bytes at most, not {len(data)}")
    return len(data).to_bytes(_LENGTH_SIZE, "big") + data


class FrameBuffer:
    """Collects received chunks and gives back whole frames.

    Args:
        headers: one of these must come before the first frame, for the server's side.
        max_frame: larger frames are refused as soon as their length is known.
    """

    def __init__(self, *, headers: Collection[bytes] = (), max_frame: int = MAX_FRAME) -> None:
        self._headers = headers
        self._max_frame = max_frame
        self._buffer = bytearray()
        self.header = b""
        """The one that came."""

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next chunk; return the bodies of the frames that it completes, in order.

        Raises:
            FrameError: wrong header or too large a frame; the connection is of no more use.
        """
        self._buffer += data
        if self._headers and not self.header and not self._take_header():
            return []
        frames = []
        start = 0
        while (end := self._end_of(start)) is not None:
            frames.append(bytes(self._buffer[start + _LENGTH_SIZE : end]))
            start = end
        del self._buffer[:start]
        return frames

    def _end_of(self, start: int) -> int | None:
        """Where the frame at ``start`` ends; ``None``: it has not come whole."""
        body = start + _LENGTH_SIZE
        if len(self._buffer) < body:
            return None
        size = int.from_bytes(self._buffer[start:body], "big")
        if size > self._max_frame:
            raise FrameError(f"a frame of {size} bytes is larger than the limit of {self._max_frame}")
        return body + size if len(self._buffer) >= body + size else None

    def _take_header(self) -> bool:
        start = 0
        if self._buffer.startswith(_ROUTING):
            end = self._end_of(len(_ROUTING))
            if end is None:
                return False
            start = end
        possible = {header: bytes(self._buffer[start : start + len(header)]) for header in self._headers}
        if not any(header.startswith(seen) for header, seen in possible.items()):
            if _ROUTING.startswith(self._buffer):
                return False
            wanted = " or ".join(header.hex() for header in self._headers)
            raise FrameError(f"the stream starts with {bytes(self._buffer[:8]).hex()}, not with {wanted}")
        self.header = next((header for header, seen in possible.items() if header == seen), b"")
        if self.header:
            del self._buffer[: start + len(self.header)]
        return bool(self.header)

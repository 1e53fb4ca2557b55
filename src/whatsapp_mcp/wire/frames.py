"""Frames: a 3-byte big-endian length and that many bytes, in both directions, over whatever chunks the transport makes.

The client sends a header (``noise.WA_HEADER``) before its first frame, once; the server sends none. Frames do not
respect the borders of WebSocket messages. Source: whatsmeow socket/framesocket.go.
"""

from __future__ import annotations

from typing import Final

MAX_FRAME: Final = (1 << 24) - 1
"""The largest body that the 3-byte length can say: one byte under 16 MiB."""

_LENGTH_SIZE: Final = 3


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
        header: what must come before the first frame, for the server's side.
        max_frame: larger frames are refused as soon as their length is known.
    """

    def __init__(self, *, header: bytes = b"", max_frame: int = MAX_FRAME) -> None:
        self._header = header
        self._max_frame = max_frame
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next chunk; return the bodies of the frames that it completes, in order.

        Raises:
            FrameError: wrong header or too large a frame; the connection is of no more use.
        """
        self._buffer += data
        if self._header and not self._skip_header():
            return []
        frames = []
        start = 0
        while len(self._buffer) - start >= _LENGTH_SIZE:
            body = start + _LENGTH_SIZE
            size = int.from_bytes(self._buffer[start:body], "big")
            if size > self._max_frame:
                raise FrameError(f"a frame of {size} bytes is larger than the limit of {self._max_frame}")
            if len(self._buffer) < body + size:
                break
            frames.append(bytes(self._buffer[body : body + size]))
            start = body + size
        del self._buffer[:start]
        return frames

    def _skip_header(self) -> bool:
        seen = bytes(self._buffer[: len(self._header)])
        if not self._header.startswith(seen):
            raise FrameError(f"the stream starts with {seen.hex()}, not with {self._header.hex()}")
        if len(seen) < len(self._header):
            return False
        del self._buffer[: len(self._header)]
        self._header = b""
        return True

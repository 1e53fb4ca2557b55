"""What the facade hands out: files ready to be uploaded as they are, and what their messages say about them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["PreparedAudio", "PreparedDocument", "PreparedImage", "PreparedPhoto", "PreparedSticker", "PreparedVideo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    path: Path
    """A private file; gone when the context manager ends."""
    mimetype: str
    file_length: int
    """Bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedImage(_Prepared):
    width: int
    height: int
    thumbnail: bytes
    """JPEG of at most 100 pixels on its longer side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedAudio(_Prepared):
    seconds: int
    waveform: bytes | None
    """64 values, 0..100, for a voice note; None for other audio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedVideo(_Prepared):
    seconds: int
    width: int
    height: int
    """As shown, upright."""
    thumbnail: bytes
    """JPEG of at most 100 pixels on its longer side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedDocument(_Prepared):
    file_name: str
    """Safe on every system; with an extension where one is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedSticker(_Prepared):
    width: int
    height: int
    animated: bool
    thumbnail: bytes
    """JPEG of at most 100 pixels."""


@dataclass(frozen=True, slots=True)
class PreparedPhoto:
    """A profile or group picture: small enough to travel as bytes."""

    jpeg: bytes
    """Square, at most 640 pixels and 100 kB."""

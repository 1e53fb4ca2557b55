"""Stickers: 512 x 512 WebP, transparent around the picture, animated when the source is and it stays small."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Final

from PIL import Image, ImageOps, ImageSequence

from whatsapp_mcp.media import limits
from whatsapp_mcp.media.convert import images
from whatsapp_mcp.media.work import UnusableMedia, Work

_SIZE: Final = (limits.STICKER_SIDE, limits.STICKER_SIDE)
_QUALITIES: Final = (80, 60, 40, 20, 5)
_MOVING: Final = ("GIF", "WEBP", "PNG", "AVIF")
_HOPELESS: Final = 4
"""Lower quality makes an animation smaller, but not by so much."""
_SLOW: Final = 2.0
"""Seconds of CPU time for one attempt, after which there is no other."""


def sticker(source: Path, target: Path, *, work: Work) -> bool:
    """Write the picture as a sticker; gives whether it is animated. What does not fit animated becomes its first frame.

    Raises:
        UnusableMedia: it is no picture that can be read here.
        WorkCancelled: the caller gave up.
    """
    data, animated = _animation(source, work), True
    if data is None:
        data, animated = _still(source), False
    with target.open("xb") as file:
        file.write(data)
    return animated


def _still(source: Path) -> bytes:
    canvas = _on_canvas(images.load(source, least_side=limits.STICKER_SIDE))
    data = b""
    for quality in _QUALITIES:
        data = _webp(canvas, quality=quality)
        if len(data) <= limits.STICKER_STILL_BYTES:
            return data
    return data


def _animation(source: Path, work: Work) -> bytes | None:
    """The animated sticker, or None when the source does not move or would become too large."""
    with images.opened(source) as picture:
        if picture.format not in _MOVING:
            return None
        count = getattr(picture, "n_frames", 1)
        if count < 2 or count > limits.ANIMATION_FRAMES:
            return None
        fits = source.stat().st_size <= limits.STICKER_ANIMATED_BYTES
        if fits and picture.format == "WEBP" and picture.size == _SIZE:
            picture.load()  # a damaged one fails here
            return webp_without_metadata(source.read_bytes())
        if picture.width * picture.height * count > limits.ANIMATION_PIXELS:
            raise UnusableMedia("the animation is too large to be unpacked.", next_step="Pass a smaller one.")
        frames, durations = [], []
        for number, frame in enumerate(ImageSequence.Iterator(picture)):
            work.step(0.5 * number / count)
            frames.append(_on_canvas(frame.convert("RGBA")))
            durations.append(max(20, int(frame.info.get("duration", 100) or 100)))
    for number, quality in enumerate(_QUALITIES[1:]):
        work.step(0.5 + number / 8)
        began = time.process_time()
        data = _webp(frames[0], quality=quality, more=frames[1:], durations=durations)
        if len(data) <= limits.STICKER_ANIMATED_BYTES:
            return data
        if len(data) > _HOPELESS * limits.STICKER_ANIMATED_BYTES or time.process_time() > began + _SLOW:
            return None
    return None


def _on_canvas(picture: Image.Image) -> Image.Image:
    scaled = ImageOps.contain(picture.convert("RGBA"), _SIZE, Image.Resampling.LANCZOS)
    canvas = Image.new("RGBA", _SIZE, (0, 0, 0, 0))
    canvas.paste(scaled, ((_SIZE[0] - scaled.width) // 2, (_SIZE[1] - scaled.height) // 2))
    return canvas


def _webp(
    first: Image.Image, *, quality: int, more: list[Image.Image] | None = None, durations: list[int] | None = None
) -> bytes:
    buffer = io.BytesIO()
    if more:
        first.save(
            buffer, "WEBP", quality=quality, save_all=True, append_images=more, duration=durations, loop=0, method=2
        )
    else:
        first.save(buffer, "WEBP", quality=quality, method=4)
    return buffer.getvalue()


_METADATA_CHUNKS: Final = (b"EXIF", b"XMP ", b"ICCP")
_METADATA_FLAGS: Final = 0x08 | 0x04 | 0x20
"""Bits of VP8X that announce EXIF, XMP and a colour profile (WebP container specification)."""


def webp_without_metadata(data: bytes) -> bytes:
    """The same picture, bit for bit, without the chunks that say where and with what it was made."""
    parts = []
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        chunk = data[at : at + 8 + size + size % 2]
        if name == b"VP8X" and len(chunk) > 8:
            chunk = chunk[:8] + bytes([chunk[8] & ~_METADATA_FLAGS & 0xFF]) + chunk[9:]
        if name not in _METADATA_CHUNKS:
            parts.append(chunk)
        at += 8 + size + size % 2
    body = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body

"""A look at all packets of a film before any is decoded: whether its work fits its size.

Reading packets costs next to nothing, and unlike what the head of a file says they are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from av.packet import Packet
from av.stream import Stream

from whatsapp_mcp.media import limits
from whatsapp_mcp.media.convert import streams
from whatsapp_mcp.media.work import UnusableMedia, Work

_LONG_PACKET: Final = 20.0
"""Seconds; no codec puts so much sound into one packet, but containers write a gap as the length of what precedes."""


@dataclass(slots=True)
class _Track:
    """One stream, as far as it was read. Times in seconds."""

    packets: int = 0
    begin: float | None = None
    end: float = 0.0
    missing: float = 0.0
    """Without anything, all gaps together."""
    longest: float = 0.0

    def add(self, at: float, seconds: float) -> None:
        self.packets += 1
        if self.begin is None:
            self.begin = self.end = at
        gap = at - self.end
        self.missing += max(0.0, gap) + (seconds if seconds > _LONG_PACKET else 0.0)
        self.longest = max(self.longest, gap, seconds)
        self.end = max(self.end, at + seconds)


def check_film(source: Path, mimetype: str, *, work: Work) -> None:
    """Read the packets of picture and sound.

    Raises:
        UnusableMedia: it is too long, has gaps, or far more frames than its size is worth.
        WorkCancelled: the caller gave up.
    """
    film, sound = _Track(), _Track()
    with streams.opened(source, mimetype, wanted="video") as container:
        picture, heard = streams.video_stream(container), streams.audio_stream(container)
        if picture is None:
            raise UnusableMedia("there is no moving picture in this file.")
        pixels = picture.codec_context.width * picture.codec_context.height
        for packet in container.demux(*(stream for stream in (picture, heard) if stream is not None)):
            if packet.size:
                (film if packet.stream.index == picture.index else sound).add(*_place(packet))
                work.step(0.0)
    if any(track.end - (track.begin or 0.0) > limits.SECONDS for track in (film, sound)):
        raise streams.too_long()
    if film.longest > limits.PICTURE_GAP:
        raise UnusableMedia(f"its picture stands still for more than {limits.PICTURE_GAP} seconds.")
    if sound.missing > limits.SOUND_GAPS:
        raise UnusableMedia(f"its sound has gaps of more than {limits.SOUND_GAPS} seconds.")
    size = source.stat().st_size
    if film.packets * pixels > max(limits.PIXELS_PER_BYTE * size, limits.ANIMATION_PIXELS) or (
        film.packets > max(limits.FRAMES, size // limits.BYTES_PER_FRAME)
    ):
        raise UnusableMedia(
            "it has far more frames than its size is worth.", next_step="Pass a shorter or smaller one."
        )


def _place(packet: Packet[Stream]) -> tuple[float, float]:
    """When it begins and how long it lasts, in seconds."""
    base = float(packet.time_base or 0)
    at = packet.dts if packet.dts is not None else packet.pts
    return float(at or 0) * base, float(packet.duration or 0) * base

"""Video: MP4 with H.264 and AAC, as every phone plays it; remuxed when the streams fit already, converted otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from whatsapp_mcp.media import limits
from whatsapp_mcp.media.convert import images, streams
from whatsapp_mcp.media.convert.survey import check_film
from whatsapp_mcp.media.convert.transcode import Transcoding
from whatsapp_mcp.media.facts import VideoFacts
from whatsapp_mcp.media.work import UnusableMedia, Work

_CRF: Final = 23
_COMPRESSED_CRF: Final = 28

_THUMBNAIL_AT: Final = 1.0
"""Seconds; the very first frame is often black."""

_MP4_FAMILY: Final = ("video/mp4", "video/quicktime", "video/3gpp", "video/x-matroska")
"""Containers whose time stamps are fit for remuxing."""


@dataclass(frozen=True, slots=True)
class _Probe:
    seconds: float
    width: int
    height: int
    rotation: int
    """Degrees as FFmpeg counts them, a multiple of 90."""
    fits: bool
    """H.264, 8 bits 4:2:0, with AAC or without sound."""
    poster: Image.Image


def prepare(
    source: Path, mimetype: str, target: Path, *, compress: bool = False, hd: bool = False, work: Work
) -> VideoFacts:
    """Write the video as an MP4 that starts to play before it is loaded, without metadata (place, camera).

    Args:
        mimetype: of the source, by content; ``image/gif`` becomes a silent video, for gif playback.
        compress: H.264 at crf 28, at most 720 pixels wide.
        hd: when it has to be converted, keep up to 1920 pixels instead of 1280. A fitting video is never scaled
            unless it is to be compressed.

    Raises:
        UnusableMedia: there is no moving picture in it, or it is damaged or too large.
        WorkCancelled: the caller gave up.
    """
    check_film(source, mimetype, work=work)
    probe = _probe(source, mimetype, work)
    if probe.fits and not compress and _remux(source, mimetype, target, probe, work):
        width, height = probe.width, probe.height
    else:
        width, height = _scaled(probe, compress=compress, hd=hd)
        with streams.opened(source, mimetype, wanted="video") as container:
            transcoding = Transcoding(
                container, width=width, height=height, rotation=probe.rotation, seconds=probe.seconds
            )
            transcoding.run(target, crf=_COMPRESSED_CRF if compress else _CRF, work=work)
    return VideoFacts(max(1, round(probe.seconds)), width, height, images.thumbnail(probe.poster))


def _probe(source: Path, mimetype: str, work: Work) -> _Probe:
    with streams.opened(source, mimetype, wanted="video") as container:
        stream = streams.video_stream(container)
        if stream is None:
            raise UnusableMedia("there is no moving picture in this file.")
        frame, last = _poster(container, stream, work)
        seconds = streams.duration_of(container) or last
        if seconds > limits.SECONDS:
            raise streams.too_long()
        rotation = round(frame.rotation / 90) * 90 % 360
        ratio = min(max(stream.sample_aspect_ratio or Fraction(1), Fraction(1, 4)), Fraction(4))
        width, height = max(1, round(frame.width * ratio)), frame.height
        poster = _image(frame, width, height).rotate(rotation, expand=True)
        sound = streams.audio_stream(container)
        fits = (
            mimetype in _MP4_FAMILY
            and stream.codec_context.name == "h264"
            and frame.format.name in ("yuv420p", "yuvj420p")
            and (sound is None or sound.codec_context.name == "aac")
        )
    if rotation % 180:
        width, height = height, width
    return _Probe(seconds, width, height, rotation, fits, poster)


def _poster(container: InputContainer, stream: VideoStream, work: Work) -> tuple[VideoFrame, float]:
    """The frame at one second (or the last before it), and its time."""
    chosen: VideoFrame | None = None
    time = 0.0
    begin: float | None = None
    streams.use_threads(stream)
    for frame in container.decode(stream):
        work.step(0.0)
        streams.check_size(frame.width, frame.height)
        at = frame.time or 0.0
        begin = at if begin is None else begin
        chosen, time = frame, at - begin
        if time >= _THUMBNAIL_AT:
            break
    if chosen is None:
        raise UnusableMedia("there is no moving picture in this file.")
    return chosen, time


def _image(frame: VideoFrame, width: int, height: int) -> Image.Image:
    """The frame as a picture of at most thumbnail quality, but in the right proportions."""
    factor = min(1.0, 640 / max(width, height))
    small = frame.reformat(max(2, int(width * factor)), max(2, int(height * factor)), "rgb24")
    plane = small.planes[0]
    return Image.frombytes("RGB", (small.width, small.height), bytes(plane), "raw", "RGB", plane.line_size)


def _scaled(probe: _Probe, *, compress: bool, hd: bool) -> tuple[int, int]:
    """Width and height to convert to: even numbers, never larger than the source."""
    if compress:
        factor = min(1.0, limits.VIDEO_COMPRESSED_WIDTH / probe.width)
    else:
        factor = min(1.0, (limits.VIDEO_HD_SIDE if hd else limits.VIDEO_SIDE) / max(probe.width, probe.height))
    return max(2, int(probe.width * factor / 2) * 2), max(2, int(probe.height * factor / 2) * 2)


def _remux(source: Path, mimetype: str, target: Path, probe: _Probe, work: Work) -> bool:
    """Copy picture and sound unchanged into a fresh MP4; False when they turn out not to fit."""
    try:
        with (
            av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as output,
            streams.opened(source, mimetype, wanted="video") as container,
        ):
            chosen = [s for s in (streams.video_stream(container), streams.audio_stream(container)) if s is not None]
            copies = {stream.index: output.add_stream_from_template(stream) for stream in chosen}
            for packet in container.demux(*chosen):
                if not packet.size:
                    continue  # the flushing packet at the end
                if packet.time_base and packet.pts is not None and probe.seconds:
                    work.step(float(packet.pts * packet.time_base) / probe.seconds)
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
    except (av.error.FFmpegError, UnusableMedia):
        target.unlink(missing_ok=True)
        return False
    return True

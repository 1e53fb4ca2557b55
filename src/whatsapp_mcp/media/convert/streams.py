"""Opening audio and video files with PyAV (FFmpeg's libraries), carefully.

FFmpeg guesses formats, and some of its formats are lists of other files and links (HLS, concat). So the format is
decided here, by content, from a list of plain containers, and nothing but that file may be opened.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from whatsapp_mcp.media import kinds, limits
from whatsapp_mcp.media.work import UnusableMedia, WorkCancelled

_DEMUXERS: Final[dict[str, str]] = {
    kinds.OGG_OPUS: "ogg",
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp4": "mov",
    "audio/aac": "aac",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/amr": "amr",
    "audio/aiff": "aiff",
    "audio/x-caf": "caf",
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/3gpp": "mov",
    "video/x-matroska": "matroska",
    "video/webm": "matroska",
    "video/x-msvideo": "avi",
    "video/mp2t": "mpegts",
    "video/mpeg": "mpeg",
    "video/ogg": "ogg",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "asf",
    "image/gif": "gif",
}
"""Type by content -> FFmpeg's name of the container format."""

_OURS: Final = (errno.ENOMEM, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""Errors that say nothing about the file."""
THREADS: Final = 2
"""Of a decoder or an encoder: each one more keeps some more frames in memory."""


@contextmanager
def opened(path: Path, mimetype: str, *, wanted: str) -> Iterator[InputContainer]:
    """Open a media file; what FFmpeg raises while it is used becomes UnusableMedia.

    Args:
        mimetype: by content, as :mod:`kinds` found it.
        wanted: ``audio`` or ``video``, for the message.

    Raises:
        UnusableMedia: it is of another kind, or damaged.
    """
    demuxer = _DEMUXERS.get(mimetype)
    if demuxer is None:
        raise UnusableMedia(f"this is no {wanted} (by its content: {mimetype}).")
    options = {"protocol_whitelist": "file", "max_streams": str(limits.STREAMS)}
    try:
        with av.open(str(path), "r", format=demuxer, options=options) as container:
            _check(container)
            yield container
    except av.error.FFmpegError as error:
        if error.errno in _OURS:
            raise
        raise _damaged(wanted) from error
    except (UnusableMedia, WorkCancelled, MemoryError, OSError):
        raise
    except Exception as error:  # PyAV raises anything at damaged files
        raise _damaged(wanted) from error


def _damaged(wanted: str) -> UnusableMedia:
    return UnusableMedia(f"the {wanted} is damaged or in a format that cannot be read here.")


def _check(container: InputContainer) -> None:
    """What the head of the file says of its streams."""
    if len(container.streams) > limits.STREAMS:
        raise UnusableMedia(f"there are more than {limits.STREAMS} streams in this file.")
    if len(container.chapters()) > limits.CHAPTERS:
        raise UnusableMedia(f"there are more than {limits.CHAPTERS} chapters in this file.")
    for stream in container.streams.audio:
        check_sound(stream.codec_context.sample_rate, stream.codec_context.channels)
    for moving in container.streams.video:
        check_size(moving.codec_context.width, moving.codec_context.height)
    if duration_of(container) > limits.SECONDS:
        raise too_long()


def check_sound(rate: int, channels: int) -> None:
    """Raises UnusableMedia: nothing records so, and converting it takes for ever. A rate of 0 is not known yet."""
    if rate and rate not in limits.SAMPLE_RATES:
        raise UnusableMedia(f"its sound has a sample rate of {rate} Hz, which cannot be converted.")
    if channels > limits.CHANNELS:
        raise UnusableMedia(f"its sound has {channels} channels; {limits.CHANNELS} are the most.")


def check_size(width: int, height: int) -> None:
    """Raises UnusableMedia: one frame alone takes too much memory."""
    if width * height > limits.VIDEO_FRAME_PIXELS:
        raise UnusableMedia(
            "the video has too many pixels.", next_step="Reduce it to 4K or less, or send it as a document."
        )


def too_long() -> UnusableMedia:
    return UnusableMedia(
        f"it is longer than {limits.SECONDS // 3600} hours.", next_step="Send a shorter part, or send it as a document."
    )


def audio_stream(container: InputContainer) -> AudioStream | None:
    return container.streams.audio[0] if container.streams.audio else None


def video_stream(container: InputContainer) -> VideoStream | None:
    """The moving picture; the cover of a song is none."""
    moving = (s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
    return next(moving, None)


def use_threads(stream: VideoStream) -> None:
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = THREADS


def duration_of(container: InputContainer) -> float:
    """Seconds, as the container says, or 0.0 when it does not."""
    if container.duration is not None:
        return max(0.0, container.duration / 1_000_000)  # AV_TIME_BASE
    known = [float(s.duration * s.time_base) for s in container.streams if s.duration and s.time_base]
    return max(known, default=0.0)

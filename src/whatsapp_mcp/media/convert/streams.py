"""Opening audio and video files with PyAV (FFmpeg's libraries), carefully.

FFmpeg guesses formats, and some of its formats are lists of other files and links (HLS, concat). So the format is
decided here, by content, from a list of plain containers, and nothing but that file may be opened.
"""

from __future__ import annotations

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

from whatsapp_mcp.media import kinds
from whatsapp_mcp.media.work import UnusableMedia

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
    try:
        with av.open(str(path), "r", format=demuxer, options={"protocol_whitelist": "file"}) as container:
            yield container
    except (av.error.FFmpegError, ValueError) as error:
        raise UnusableMedia(f"the {wanted} is damaged or in a format that cannot be read here.") from error


def audio_stream(container: InputContainer) -> AudioStream | None:
    return container.streams.audio[0] if container.streams.audio else None


def video_stream(container: InputContainer) -> VideoStream | None:
    """The moving picture; the cover of a song is none."""
    moving = (s for s in container.streams.video if not s.disposition & Disposition.attached_pic)
    return next(moving, None)


def duration_of(container: InputContainer) -> float:
    """Seconds, as the container says, or 0.0 when it does not."""
    if container.duration is not None:
        return max(0.0, container.duration / 1_000_000)  # AV_TIME_BASE
    known = [float(s.duration * s.time_base) for s in container.streams if s.duration and s.time_base]
    return max(known, default=0.0)

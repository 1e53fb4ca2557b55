"""Converting a video with PyAV, frame by frame, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.filter import Graph
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from whatsapp_mcp.media import limits
from whatsapp_mcp.media.convert import streams
from whatsapp_mcp.media.work import UnusableMedia, Work

_CLOCK: Final = Fraction(1, 90_000)
_AUDIO_RATE: Final = 48_000
_AUDIO_BIT_RATE: Final = 128_000
_MAX_DAMAGED: Final = 100
"""Packets that may be undecodable before the file counts as damaged."""

_TURNS: Final[dict[int, tuple[tuple[str, str], ...]]] = {
    0: (),
    90: (("transpose", "cclock"),),
    180: (("hflip", ""), ("vflip", "")),
    270: (("transpose", "clock"),),
}
"""Rotation (degrees as FFmpeg counts them, counter-clockwise) -> filters that make the picture upright."""


class Transcoding:
    """One video on its way to H.264/AAC in MP4. The picture is turned upright and scaled to the given size."""

    def __init__(self, container: InputContainer, *, width: int, height: int, rotation: int, seconds: float) -> None:
        video = streams.video_stream(container)
        if video is None:
            raise UnusableMedia("there is no moving picture in this file.")
        self._container = container
        self._video = video
        self._audio = streams.audio_stream(container)
        self._size = (width, height)
        self._rotation = rotation
        self._seconds = seconds or 60.0
        self._last_pts = -1
        self._damaged = 0

    def run(self, target: Path, *, crf: int, work: Work) -> None:
        """Write the converted file.

        Raises:
            UnusableMedia: too much of the source cannot be decoded.
            WorkCancelled: the caller gave up; the file is incomplete.
        """
        with av.open(str(target), "w", format="mp4", options={"movflags": "+faststart"}) as output:
            video = self._add_video(output, crf)
            audio = self._add_audio(output)
            streams.use_threads(self._video)
            for frame in self._ready(work):
                if isinstance(frame, VideoFrame):
                    output.mux(video.encode(frame))
                elif audio is not None:
                    output.mux(audio.encode(frame))
            output.mux(video.encode(None))
            if audio is not None:
                output.mux(audio.encode(None))
        if self._last_pts < 0:
            raise UnusableMedia("there is no moving picture in this file.")

    def _add_video(self, output: OutputContainer, crf: int) -> VideoStream:
        rate = self._video.guessed_rate or self._video.average_rate or Fraction(25)
        rate = Fraction(rate.numerator, rate.denominator)  # PyAV has a type of its own since version 19
        rate = min(max(rate, Fraction(1)), Fraction(120)).limit_denominator(1001)
        stream = output.add_stream("libx264", rate=rate, options={"crf": str(crf), "preset": "veryfast"})
        stream.codec_context.thread_count = streams.THREADS
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _CLOCK
        return stream

    def _add_audio(self, output: OutputContainer) -> AudioStream | None:
        if self._audio is None:
            return None
        layout = "mono" if self._audio.codec_context.channels == 1 else "stereo"
        stream = output.add_stream("aac", rate=_AUDIO_RATE, layout=layout)
        stream.bit_rate = _AUDIO_BIT_RATE
        return stream

    def _ready(self, work: Work) -> Iterator[VideoFrame | av.AudioFrame]:
        """Frames ready to encode, in the order of the file."""
        pictures: Graph | None = None
        shape: tuple[int, int, str] | None = None
        sound: Graph | None = None
        for frame in self._decoded():
            if isinstance(frame, av.AudioFrame):
                streams.check_sound(frame.sample_rate, len(frame.layout.channels))
                sound = sound or self._sound_graph(frame)
                sound.push(frame)
                yield from _pulled(sound)
                continue
            work.step((frame.time or 0.0) / self._seconds)
            if (frame.time or 0.0) > limits.SECONDS:
                raise streams.too_long()
            streams.check_size(frame.width, frame.height)
            if pictures is None or shape != (frame.width, frame.height, frame.format.name):
                shape = (frame.width, frame.height, frame.format.name)
                pictures = self._graph(frame)
            pictures.vpush(frame)
            upright = pictures.vpull()
            if self._stamp(upright):
                yield upright
        if sound is not None:
            sound.push(None)
            yield from _pulled(sound)

    def _decoded(self) -> Iterator[VideoFrame | av.AudioFrame]:
        """What the packets hold; a packet that cannot be decoded is left out, up to a point."""
        chosen = [stream for stream in (self._video, self._audio) if stream is not None]
        for packet in self._container.demux(*chosen):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                self._damaged += 1
                if self._damaged > _MAX_DAMAGED:
                    raise UnusableMedia("the video is damaged.") from None
                continue
            for frame in frames:
                if isinstance(frame, VideoFrame | av.AudioFrame):
                    yield frame

    def _graph(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        nodes = [
            graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or _CLOCK
            )
        ]
        nodes += [graph.add(name, argument or None) for name, argument in _TURNS[self._rotation]]
        nodes.append(graph.add("scale", f"{self._size[0]}:{self._size[1]}"))
        nodes.append(graph.add("setsar", "1"))
        nodes.append(graph.add("format", "yuv420p"))
        nodes.append(graph.add("buffersink"))
        graph.link_nodes(*nodes).configure()
        return graph

    def _sound_graph(self, frame: av.AudioFrame) -> Graph:
        """At the rate of the output, without gaps or jumps: silence fills what is missing, so that lips keep time."""
        graph = Graph()
        graph.link_nodes(
            graph.add_abuffer(
                sample_rate=frame.sample_rate,
                format=frame.format.name,
                layout=frame.layout.name,
                time_base=frame.time_base or Fraction(1, frame.sample_rate),
            ),
            graph.add("aresample", f"{_AUDIO_RATE}:async=1000"),
            graph.add("abuffersink"),
        ).configure()
        return graph

    def _stamp(self, frame: VideoFrame) -> bool:
        """Give the frame an ascending time; False for one that would not ascend."""
        if frame.pts is None or frame.time_base is None:
            pts = self._last_pts + int(1 / _CLOCK / (self._video.guessed_rate or 25))
        else:
            pts = max(0, int(frame.pts * frame.time_base / _CLOCK))
        if pts <= self._last_pts:
            return False
        frame.pts, frame.time_base = pts, _CLOCK
        frame.pict_type = 0  # the encoder decides anew which frames are key frames
        self._last_pts = pts
        return True


def _pulled(graph: Graph) -> Iterator[av.AudioFrame]:
    """The sound that a filter graph has ready."""
    while True:
        try:
            frame = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        if isinstance(frame, av.AudioFrame):
            yield frame

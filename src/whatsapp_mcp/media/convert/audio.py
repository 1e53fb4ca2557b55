"""Audio: voice notes as phones record them, the facts of any other audio, and sound as models for speech hear it."""

from __future__ import annotations

import math
import wave
from array import array
from collections.abc import Iterator
from fractions import Fraction
from operator import mul
from pathlib import Path
from typing import Final

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from whatsapp_mcp.media import kinds, limits
from whatsapp_mcp.media.convert import streams
from whatsapp_mcp.media.facts import VoiceFacts
from whatsapp_mcp.media.work import UnusableMedia, Work

RATE: Final = 48_000
BIT_RATE: Final = 64_000
FRAME: Final = RATE // 50
"""20 ms, the frame of Opus."""

BARS: Final = 64
_STRIDE: Final = 7
"""Every seventh sample tells the loudness of a frame well enough."""


def voice_note(source: Path, mimetype: str, target: Path, *, work: Work) -> VoiceFacts:
    """Convert any audio, or the sound of a video, to Ogg/Opus, mono, 48 kHz, about 64 kbit/s variable.

    Args:
        mimetype: of the source, by content.

    Raises:
        UnusableMedia: there is no sound in it, or it is damaged.
        WorkCancelled: the caller gave up.
    """
    with streams.opened(source, mimetype, wanted="audio") as container:
        stream = streams.audio_stream(container)
        if stream is None:
            raise UnusableMedia("there is no sound in this file.")
        frames = _frames(container, stream, work, most=_most_samples(source))
        if mimetype == kinds.OGG_OPUS and stream.codec_context.channels == 1:
            loudness = [_power(frame) for frame in frames]
            converted = False
        else:
            loudness = _encode(frames, target)
            converted = True
    if not loudness:
        raise UnusableMedia("there is no sound in this file.")
    return VoiceFacts(max(1, round(len(loudness) / 50)), _waveform(loudness), converted)


def audio_seconds(source: Path, mimetype: str) -> int:
    """Length of an audio file that is sent as it is, in seconds, at least 1.

    Raises:
        UnusableMedia: it is a video, has no sound, or is damaged.
    """
    with streams.opened(source, mimetype, wanted="audio") as container:
        stream = streams.audio_stream(container)
        if stream is None:
            raise UnusableMedia("there is no sound in this file.")
        if streams.video_stream(container) is not None:
            raise UnusableMedia(
                "this is a video.", next_step="Use sendVideo; or send only its sound as a voice note (ptt)."
            )
        seconds = streams.duration_of(container)
        if not seconds and stream.time_base is not None:
            ends = (packet.pts for packet in container.demux(stream) if packet.pts is not None)
            seconds = float(max(ends, default=0) * stream.time_base)
    return max(1, round(seconds))


def speech(source: Path, mimetype: str, target: Path, *, work: Work) -> int:
    """Write the sound of a file as models for speech hear it: a plain WAV file, mono, 16 bits. Its length in seconds.

    Raises:
        UnusableMedia: there is no sound in it, it is too long, or damaged.
    """
    rate, most = limits.SPEECH_RATE, limits.SPEECH_SECONDS
    written = 0
    with streams.opened(source, mimetype, wanted="audio") as container, wave.open(str(target), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        stream = streams.audio_stream(container)
        if stream is None:
            raise UnusableMedia("there is no sound in this file.")
        for frame in _frames(container, stream, work, most=_most_samples(source, rate), rate=rate):
            written += frame.samples
            if written > most * rate:
                raise UnusableMedia(f"it is longer than {most // 60} minutes, the most that is written down.")
            file.writeframesraw(bytes(frame.planes[0])[: frame.samples * 2])
    if not written:
        raise UnusableMedia("there is no sound in this file.")
    return max(1, round(written / rate))


def _most_samples(source: Path, rate: int = RATE) -> int:
    """How many samples of output a file of this size may become; a minute is always allowed."""
    return max(60 * rate, source.stat().st_size * limits.SAMPLES_PER_BYTE)


def _frames(
    container: InputContainer, stream: AudioStream, work: Work, *, most: int, rate: int = RATE
) -> Iterator[AudioFrame]:
    """The sound as mono frames of 20 ms, 16 bits a sample; the last one may be shorter."""
    total = streams.duration_of(container) or 60.0
    resampler = AudioResampler(format="s16", layout="mono", rate=rate, frame_size=rate // 50)
    done = 0
    for decoded in container.decode(stream):
        streams.check_sound(decoded.sample_rate, len(decoded.layout.channels))
        decoded.pts = None  # gaps and jumps in the time stamps are not worth keeping in a voice note
        for frame in resampler.resample(decoded):
            done += frame.samples
            work.step(done / rate / total)
            yield frame
        if done > limits.SECONDS * rate:
            raise streams.too_long()
        if done > most:
            raise UnusableMedia("it holds far more sound than its size is worth.", next_step="Pass a shorter one.")
    yield from resampler.resample(None)


def _encode(frames: Iterator[AudioFrame], target: Path) -> list[float]:
    """Write the voice note; gives the power of each frame."""
    loudness: list[float] = []
    position = 0
    with av.open(str(target), "w", format="ogg") as output:
        options = {"application": "voip", "vbr": "on"}
        stream = output.add_stream("libopus", rate=RATE, options=options, layout="mono", format="s16")
        stream.bit_rate = BIT_RATE
        for frame in frames:
            loudness.append(_power(frame))
            frame.pts, frame.time_base = position, Fraction(1, RATE)
            position += frame.samples
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return loudness


def _power(frame: AudioFrame) -> float:
    """Mean square of the samples."""
    samples = array("h", bytes(frame.planes[0])[: frame.samples * 2])[::_STRIDE]
    return float(sum(map(mul, samples, samples))) / max(1, len(samples))


def _waveform(powers: list[float]) -> bytes:
    """Root mean square in 64 equal parts, scaled so that the loudest is 100."""
    count = len(powers)
    levels = []
    for bar in range(BARS):
        begin = min(bar * count // BARS, count - 1)
        part = powers[begin : max(begin + 1, (bar + 1) * count // BARS)]
        levels.append(math.sqrt(sum(part) / len(part)))
    loudest = max(levels)
    return bytes(round(100 * level / loudest) if loudest else 0 for level in levels)

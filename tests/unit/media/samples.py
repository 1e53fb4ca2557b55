"""Small media files, made when they are needed."""

from __future__ import annotations

import io
import math
import struct
import zlib
from array import array
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame
from PIL import Image

ORIENTATION = 0x0112
GPS = 0x8825
MAKE = 0x010F


def two_halves(width: int, height: int) -> Image.Image:
    """Left half red, right half blue."""
    picture = Image.new("RGB", (width, height), "red")
    picture.paste("blue", (width // 2, 0, width, height))
    return picture


def photo_with_place(path: Path, *, width: int = 400, height: int = 200, orientation: int = 6) -> Path:
    """A JPEG from a phone: EXIF rotation, camera, GPS position."""
    picture = two_halves(width, height)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[MAKE] = "ACME-CAMERA"
    exif[GPS] = {1: "N", 2: (48.0, 51.0, 29.6), 3: "E", 4: (2.0, 17.0, 40.2)}
    picture.save(path, "JPEG", exif=exif, comment=b"SECRET-COMMENT", quality=90)
    return path


def noise(width: int, height: int) -> Image.Image:
    """A picture that compresses badly."""
    return Image.effect_noise((width, height), 120).convert("RGB")


def bomb_png(width: int, height: int) -> bytes:
    """A PNG that declares a size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"x\x9c\x03\0\0\0\0\x01") + chunk(b"IEND", b"")
    )


def animation(path: Path, kind: str, *, frames: int = 4, side: int = 64) -> Path:
    pictures = [Image.new("RGB", (side, side), (60 * number % 256, 80, 200)) for number in range(frames)]
    pictures[0].save(path, kind, save_all=True, append_images=pictures[1:], duration=100, loop=0)
    return path


def sound(
    path: Path,
    container: str,
    codec: str,
    *,
    seconds: float = 2.0,
    rate: int = 48_000,
    layout: str = "mono",
    loud_from: float = 0.0,
) -> Path:
    """A 440 Hz tone, silent before ``loud_from``."""
    channels = 1 if layout == "mono" else 2
    with av.open(str(path), "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        for start in range(0, int(seconds * rate), rate // 10):
            samples = array("h")
            for position in range(start, min(start + rate // 10, int(seconds * rate))):
                loud = position / rate >= loud_from
                value = int(12_000 * math.sin(2 * math.pi * 440 * position / rate)) if loud else 0
                samples.extend([value] * channels)
            frame = av.AudioFrame(format="s16", layout=layout, samples=len(samples) // channels)
            frame.sample_rate = rate
            frame.pts = start
            frame.time_base = Fraction(1, rate)
            frame.planes[0].update(samples.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def film(
    path: Path,
    container: str,
    codec: str,
    *,
    seconds: float = 2.0,
    width: int = 128,
    height: int = 64,
    rate: int = 10,
    sound_codec: str = "",
    metadata: dict[str, str] | None = None,
    noisy: bool = False,
) -> Path:
    """Left half red, right half blue, with a moving white bar; with a tone when ``sound_codec`` is given."""
    with av.open(str(path), "w", format=container) as output:
        output.metadata.update(metadata or {})
        video = output.add_stream(codec, rate=rate)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = output.add_stream(sound_codec, rate=48_000, layout="mono") if sound_codec else None
        assert audio is None or isinstance(audio, av.AudioStream)
        for number in range(int(seconds * rate)):
            picture = noise(width, height) if noisy else two_halves(width, height)
            bar = number * 4 % (width - 4)
            picture.paste("white", (bar, 0, bar + 4, 4))
            frame = VideoFrame.from_bytes(picture.convert("RGBA").tobytes(), width, height).reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            output.mux(video.encode(frame))
            if audio is not None:
                output.mux(audio.encode(_tone(number, 48_000 // rate)))
        output.mux(video.encode(None))
        if audio is not None:
            output.mux(audio.encode(None))
    return path


def repeated(source: Path, target: Path, container: str, times: int) -> Path:
    """The same silent film several times in a row; much faster than encoding it."""
    with av.open(str(target), "w", format=container) as output:
        with av.open(str(source)) as first:
            stream = output.add_stream_from_template(first.streams.video[0])
            packets = [packet for packet in first.demux(video=0) if packet.size]
            data = [(bytes(p), p.pts, p.dts, p.duration, p.time_base, p.is_keyframe) for p in packets]
        length = sum(duration or 0 for _, _, _, duration, _, _ in data)
        for number in range(times):
            for content, pts, dts, duration, time_base, is_keyframe in data:
                packet = av.Packet(content)
                packet.pts, packet.dts = (pts or 0) + number * length, (dts or 0) + number * length
                packet.duration, packet.time_base = duration or 0, time_base
                packet.is_keyframe, packet.stream = is_keyframe, stream
                output.mux(packet)
    return target


def _tone(number: int, count: int) -> av.AudioFrame:
    samples = array("h", (int(9000 * math.sin((number * count + i) / 17)) for i in range(count)))
    frame = av.AudioFrame(format="s16", layout="mono", samples=count)
    frame.sample_rate, frame.pts, frame.time_base = 48_000, number * count, Fraction(1, 48_000)
    frame.planes[0].update(samples.tobytes().ljust(frame.planes[0].buffer_size, b"\0"))
    return frame


def turned(path: Path) -> Path:
    """The same MP4, its track header saying that players must turn it by 90 degrees clockwise."""
    data = bytearray(path.read_bytes())
    upright = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    at = data.index(upright, data.index(b"tkhd"))
    data[at : at + 36] = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    path.write_bytes(data)
    return path


def first_picture(path: Path) -> Image.Image:
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0)).reformat(format="rgb24")
        plane = frame.planes[0]
        return Image.frombytes("RGB", (frame.width, frame.height), bytes(plane), "raw", "RGB", plane.line_size)


def is_red(pixel: object) -> bool:
    return isinstance(pixel, tuple) and pixel[0] > 180 and pixel[2] < 90


def is_blue(pixel: object) -> bool:
    return isinstance(pixel, tuple) and pixel[2] > 180 and pixel[0] < 90


def jpeg(side: int = 32) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "green").save(buffer, "JPEG")
    return buffer.getvalue()

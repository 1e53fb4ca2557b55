"""Small files that cost much, or would: each is refused, or done within the bounds of a decoder process."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av


def png(width: int, height: int, *, colour: int = 6, depth: int = 8, extra: bytes = b"") -> bytes:
    """All black. ``colour``: 0 grey, 2 RGB, 3 palette, 6 RGBA. ``extra``: chunks before the data."""
    channels = {0: 1, 2: 3, 3: 1, 6: 4}[colour]
    row = b"\0" + bytes((width * channels * depth + 7) // 8)
    packer, rows = zlib.compressobj(6), max(1, min(height, 2**20 // len(row)))
    data = b"".join(packer.compress(row * rows) for _ in range(height // rows))
    data += packer.compress(row * (height % rows)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    palette = chunk(b"PLTE", bytes(768)) if colour == 3 else b""
    head = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette
    return head + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def compressed_texts(count: int, size: int) -> bytes:
    """``count`` zTXt chunks that unpack to ``size`` bytes each."""
    packed = zlib.compress(b"A" * size, 9)
    return b"".join(chunk(b"zTXt", b"k%d\0\0" % number + packed) for number in range(count))


def progressive_jpeg(width: int, height: int, scans: int) -> bytes:
    """Grey, and all scans but the first say nothing about every block (ITU T.81: end-of-band runs)."""

    def segment(marker: int, data: bytes) -> bytes:
        return b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data

    blocks = ((width + 7) // 8) * ((height + 7) // 8)
    frame = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    one_code = bytes([1] + [0] * 15)
    head = segment(0xDB, b"\x00" + b"\x01" * 64) + segment(0xC2, frame)
    head += segment(0xC4, b"\x00" + one_code + b"\x00") + segment(0xC4, b"\x10" + one_code + b"\xe0")
    first = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + bytes((blocks + 7) // 8)
    bits, left = "", blocks
    while left > 0:
        run = max(16384, min(left, 32767))
        bits += f"0{run - 16384:014b}"
        left -= run
    bits += "1" * (-len(bits) % 8)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    empty = segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + packed
    return b"\xff\xd8" + head + first + empty * scans + b"\xff\xd9"


def flac(rate: int, *, channels: int = 1) -> bytes:
    """One constant frame of 65,535 samples."""
    block = 65_535
    facts = (rate << 44) | ((channels - 1) << 41) | (15 << 36) | block
    info = struct.pack(">HH", block, block) + bytes(6) + facts.to_bytes(8, "big") + bytes(16)
    head = b"\xff\xf8" + bytes([0x70, ((channels - 1) << 4) | 0x08, 0]) + struct.pack(">H", block - 1)
    head += bytes([_crc(head, 8, 0x07)])
    frame = head + (b"\0" + struct.pack(">h", 1000)) * channels
    return b"fLaC\x80" + len(info).to_bytes(3, "big") + info + frame + struct.pack(">H", _crc(frame, 16, 0x8005))


def _crc(data: bytes, width: int, polynomial: int) -> int:
    value, top = 0, 1 << (width - 1)
    for byte in data:
        value ^= byte << (width - 8)
        for _ in range(8):
            value = ((value << 1) ^ polynomial if value & top else value << 1) & ((1 << width) - 1)
    return value


def film_with_gap(path: Path, container: str, *, sound_gap: int = 0, picture_gap: int = 0) -> Path:
    """A second of grey with a little silence. Gaps in seconds, in the middle."""
    with av.open(str(path), "w", format=container) as output:
        video = output.add_stream("libx264", rate=25)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = output.add_stream("aac", rate=48_000, layout="stereo")
        assert isinstance(audio, av.AudioStream)
        for number in range(25):
            frame = av.VideoFrame(64, 64, "yuv420p")
            for plane in frame.planes:
                plane.update(b"\x80" * plane.buffer_size)
            frame.pts = number + (25 * picture_gap if number > 12 else 0)
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        for number in range(20):
            sound = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
            sound.sample_rate = 48_000
            for channel in sound.planes:
                channel.update(bytes(channel.buffer_size))
            sound.pts, sound.time_base = number * 1024, Fraction(1, 48_000)
            for packet in audio.encode(sound):
                if number > 10 and packet.pts is not None and packet.dts is not None:
                    packet.pts += sound_gap * 48_000
                    packet.dts += sound_gap * 48_000
                output.mux(packet)
    return path


def gif(width: int, height: int, frames: int) -> bytes:
    """Frames of 23 bytes that hold nothing."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF0, 0, 0) + bytes(3) + b"\xff" * 3
    frame = b"\x21\xf9\x04\x04\x01\0\0\0\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x4c\x01\0"
    return head + frame * frames + b";"

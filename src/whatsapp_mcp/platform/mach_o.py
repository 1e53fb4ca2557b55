"""What the head of a library of macOS says: a pure reader of Mach-O load commands (<mach-o/loader.h>), 64 bits."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEADER_BYTES: Final = 32
_MAGIC: Final = 0xFEEDFACF
_SEGMENT: Final = 0x19
_BUILD_VERSION: Final = 0x32
_PLATFORM_MACOS: Final = 1
_CAN_READ: Final = 1
_CAN_WRITE: Final = 2
_CAN_EXECUTE: Final = 4
"""VM_PROT_READ, VM_PROT_WRITE and VM_PROT_EXECUTE."""
_READ_ONLY_DATA: Final = 0x10
"""SG_READ_ONLY: writable only until the loader has filled in its addresses."""


class MachSegment(NamedTuple):
    """LC_SEGMENT_64."""

    name: str
    address: int
    """As linked: where it lies is this and the image's slide."""
    bytes_in_file: int
    readable: bool
    writable: bool
    executable: bool


class MachO(NamedTuple):
    """An image."""

    minimum_system: tuple[int, int, int] | None
    """The oldest macOS that it is built for (LC_BUILD_VERSION), if it says so."""
    segments: list[MachSegment]


def command_bytes(header: bytes) -> int:
    """The length of the load commands, which follow the header. Raises ValueError when that is cut off."""
    try:
        return int(struct.unpack_from("<I", header, 20)[0])
    except struct.error:
        raise ValueError("the header is cut off") from None


def read(data: bytes) -> MachO:
    """Read the header and the load commands at the beginning of ``data``.

    Raises:
        ValueError: it is no Mach-O image of 64 bits, or cut off.
    """
    try:
        magic, _, _, _, count, length = struct.unpack_from("<6I", data)
        if magic != _MAGIC:
            raise ValueError("no Mach-O image of 64 bits")
        minimum, segments, position = None, [], HEADER_BYTES
        for _ in range(count):
            kind, size = struct.unpack_from("<2I", data, position)
            if size < 8 or position + size > HEADER_BYTES + length:
                raise ValueError("a load command of that size there cannot be")
            if kind == _SEGMENT:
                segments.append(_segment(data, position))
            elif kind == _BUILD_VERSION:
                platform, packed = struct.unpack_from("<2I", data, position + 8)
                if platform == _PLATFORM_MACOS:
                    minimum = (packed >> 16, packed >> 8 & 0xFF, packed & 0xFF)
            position += size
    except struct.error:
        raise ValueError("the load commands are cut off") from None
    return MachO(minimum, segments)


def _segment(data: bytes, position: int) -> MachSegment:
    name, address, _, _, in_file, _, protection, _, flags = struct.unpack_from("<16s4Q2i2I", data, position + 8)
    return MachSegment(
        name=name.rstrip(b"\0").decode("ascii", "replace"),
        address=address,
        bytes_in_file=in_file,
        readable=bool(protection & _CAN_READ),
        writable=bool(protection & _CAN_WRITE) and not flags & _READ_ONLY_DATA,
        executable=bool(protection & _CAN_EXECUTE),
    )

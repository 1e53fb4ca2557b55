"""What the head of a library of Windows says: a pure reader of a PE section table (Microsoft, "PE Format")."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_NEW_HEADER: Final = 0x3C
"""Where an image says at which place its PE header begins."""
_COFF_BYTES: Final = 24
"""Signature and file header; the optional header and then the section table follow."""
_SECTION_BYTES: Final = 40
_CAN_EXECUTE: Final = 0x20000000
_CAN_READ: Final = 0x40000000
_CAN_WRITE: Final = 0x80000000


class Section(NamedTuple):
    """IMAGE_SECTION_HEADER."""

    name: str
    offset: int
    """From the image's address, in memory."""
    length: int
    """What there is of it in the file; the rest is zero."""
    readable: bool
    writable: bool
    executable: bool


def header_bytes(beginning: bytes) -> int:
    """How many bytes from the image's address hold everything that ``sections`` needs, told by the first 1024.

    Raises:
        ValueError: it is no PE image.
    """
    start, count, optional = _headers(beginning)
    return start + _COFF_BYTES + optional + count * _SECTION_BYTES


def sections(header: bytes) -> list[Section]:
    """The section table.

    Raises:
        ValueError: it is no PE image, or cut off.
    """
    start, count, optional = _headers(header)
    table = start + _COFF_BYTES + optional
    try:
        return [_section(header, table + number * _SECTION_BYTES) for number in range(count)]
    except struct.error:
        raise ValueError("the section table is cut off") from None


def _headers(data: bytes) -> tuple[int, int, int]:
    """Where the PE header begins, the number of sections, the length of the optional header."""
    try:
        (start,) = struct.unpack_from("<I", data, _NEW_HEADER)
        signature, count, optional = struct.unpack_from("<4s2xH12xH", data, start)
    except struct.error:
        raise ValueError("the header is cut off") from None
    if data[:2] != b"MZ" or signature != b"PE\0\0":
        raise ValueError("no PE image")
    return start, count, optional


def _section(data: bytes, position: int) -> Section:
    name, in_memory, offset, in_file, flags = struct.unpack_from("<8s3I16xI", data, position)
    return Section(
        name=name.rstrip(b"\0").decode("ascii", "replace"),
        offset=offset,
        length=min(in_memory, in_file),
        readable=bool(flags & _CAN_READ),
        writable=bool(flags & _CAN_WRITE),
        executable=bool(flags & _CAN_EXECUTE),
    )

"""The heads of libraries of macOS and Windows, as their linkers write them; read on any system."""

from __future__ import annotations

import struct

import pytest

from tests.unit.platform.mach_o_image import build_version, image, segment
from whatsapp_mcp.platform import mach_o, portable_executable

# As of the libraries of neonize 0.5.2: protections and flags are theirs.
DYLIB = image(
    segment("__TEXT", 0, 0x1000, 5, sections=2),
    segment("__DATA_CONST", 0x1000, 0x200, 3, flags=0x10),
    segment("__DATA", 0x2000, 0x80, 3, sections=1),
    struct.pack("<4I", 0x2A, 16, 0, 0),
    build_version(1, 26 << 16),
    segment("__LINKEDIT", 0x3000, 0x30, 1),
)


def test_mach_o_segments() -> None:
    assert mach_o.read(DYLIB).segments == [
        ("__TEXT", 0, 0x1000, True, False, True),
        ("__DATA_CONST", 0x1000, 0x200, True, False, False),
        ("__DATA", 0x2000, 0x80, True, True, False),
        ("__LINKEDIT", 0x3000, 0x30, True, False, False),
    ]
    assert mach_o.command_bytes(DYLIB) == len(DYLIB) - mach_o.HEADER_BYTES - len(b"code follows")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (build_version(1, 26 << 16), (26, 0, 0)),
        (build_version(1, 12 << 16 | 3 << 8 | 1), (12, 3, 1)),
        (build_version(2, 26 << 16), None),  # iOS
        (b"", None),
    ],
)
def test_mach_o_minimum_system(command: bytes, expected: tuple[int, int, int] | None) -> None:
    commands = [command] if command else []
    assert mach_o.read(image(*commands)).minimum_system == expected


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x7fELF" + bytes(60),
        DYLIB[:31],
        DYLIB[:200],
        image(struct.pack("<2I", 0x2A, 0)),  # would be read for ever
        image(struct.pack("<2I", 0x2A, 4000)),
    ],
)
def test_what_is_no_mach_o(data: bytes) -> None:
    with pytest.raises(ValueError):
        mach_o.read(data)


def section(name: str, offset: int, in_memory: int, in_file: int, flags: int) -> bytes:
    return struct.pack("<8s3I16xI", name.encode(), in_memory, offset, in_file, flags)


# As of neonize-windows-amd64.dll 0.5.2.
DLL = (
    b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x80) + bytes(0x40)
    + struct.pack("<4s2H12x2H", b"PE\0\0", 0x8664, 3, 240, 0x2022) + bytes(240)
    + section(".text", 0x1000, 0x900, 0xA00, 0x60000020)
    + section(".data", 0x2000, 0x9000, 0x400, 0xC0000040)
    + section(".rdata", 0xC000, 0x300, 0x400, 0x40000040)
)  # fmt: skip


def test_portable_executable_sections() -> None:
    assert portable_executable.sections(DLL) == [
        (".text", 0x1000, 0x900, True, False, True),
        (".data", 0x2000, 0x400, True, True, False),
        (".rdata", 0xC000, 0x300, True, False, False),
    ]
    assert portable_executable.header_bytes(DLL[:0x100]) == len(DLL)


@pytest.mark.parametrize("data", [b"", b"MZ" + bytes(100), DLL[:0x90], DLL[:-1], b"ZM" + DLL[2:]])
def test_what_is_no_portable_executable(data: bytes) -> None:
    with pytest.raises(ValueError):
        portable_executable.sections(data)

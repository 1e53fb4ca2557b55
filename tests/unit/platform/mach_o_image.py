"""Heads of libraries of macOS, as its linker writes them."""

from __future__ import annotations

import struct


def segment(name: str, address: int, in_file: int, protection: int, flags: int = 0, sections: int = 0) -> bytes:
    size = 72 + 80 * sections
    fields = (name.encode(), address, 2 * in_file, 0, in_file, protection, protection, sections, flags)
    return struct.pack("<2I16s4Q2i2I", 0x19, size, *fields) + bytes(80 * sections)


def build_version(platform: int, packed: int) -> bytes:
    return struct.pack("<6I", 0x32, 24, platform, packed, 0x1A0000, 0)


def image(*commands: bytes) -> bytes:
    body = b"".join(commands)
    return struct.pack("<8I", 0xFEEDFACF, 0x100000C, 0, 6, len(commands), len(body), 0, 0) + body + b"code follows"

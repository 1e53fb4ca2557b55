"""Linux tells in /proc where a library is, macOS by its dynamic loader."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from whatsapp_mcp.platform import mach_o
from whatsapp_mcp.platform.segment import Segment

assert sys.platform != "win32"

_READ: Final = 1
_WRITE: Final = 2
"""PROT_READ and PROT_WRITE of mprotect(2)."""


def segments(library: Path) -> Iterator[Segment]:
    """Of that file, if it is loaded: data and constants; not what lies beside code, as Go's constants do on macOS."""
    yield from _mach_o_segments(library) if sys.platform == "darwin" else _mapped(library)


def _mapped(library: Path) -> Iterator[Segment]:
    """proc_pid_maps(5)."""
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        if line.endswith(str(library)) and line.split()[1][:3] in ("r--", "rw-"):
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            yield Segment(start, end - start, line.split()[1][1] == "w")


def _mach_o_segments(library: Path) -> Iterator[Segment]:
    """dyld(3). What a segment has beyond its part of the file is zero and left out."""
    dyld = ctypes.CDLL(None)
    dyld._dyld_get_image_name.restype = ctypes.c_char_p
    dyld._dyld_get_image_header.restype = ctypes.c_void_p
    dyld._dyld_get_image_vmaddr_slide.restype = ctypes.c_ssize_t
    wanted = library.resolve()
    for number in range(dyld._dyld_image_count()):
        name = dyld._dyld_get_image_name(number)
        if name is None or Path(name.decode("utf-8", "surrogateescape")).resolve() != wanted:
            continue
        start, slide = dyld._dyld_get_image_header(number), dyld._dyld_get_image_vmaddr_slide(number)
        header = ctypes.string_at(start, mach_o.HEADER_BYTES)
        image = mach_o.read(header + ctypes.string_at(start + len(header), mach_o.command_bytes(header)))
        for segment in image.segments:
            if segment.readable and not segment.executable and segment.name != "__LINKEDIT":
                yield Segment(segment.address + slide, segment.bytes_in_file, segment.writable)
        return


@contextmanager
def made_writable(place: int, length: int) -> Iterator[bool]:
    """Whether constant memory can be written inside the block; afterwards it is constant again."""
    libc = ctypes.CDLL(None, use_errno=True)
    page = ctypes.c_void_p(place - place % mmap.PAGESIZE)
    reach = ctypes.c_size_t(length + place % mmap.PAGESIZE)
    if libc.mprotect(page, reach, _READ | _WRITE):
        yield False
        return
    try:
        yield True
    finally:
        libc.mprotect(page, reach, _READ)

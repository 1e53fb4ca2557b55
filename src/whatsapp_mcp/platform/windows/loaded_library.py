"""A library's handle is the address of its PE headers."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes
from pathlib import Path
from typing import Final

from whatsapp_mcp.platform import portable_executable
from whatsapp_mcp.platform.segment import Segment

assert sys.platform == "win32"

_BEGINNING: Final = 1024
_PAGE_READWRITE: Final = 4

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.GetModuleHandleW.argtypes = [wintypes.LPCWSTR]
_kernel32.GetModuleHandleW.restype = ctypes.c_void_p
_kernel32.VirtualProtect.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    wintypes.DWORD,
    ctypes.POINTER(wintypes.DWORD),
]
_kernel32.VirtualProtect.restype = wintypes.BOOL


def segments(library: Path) -> Iterator[Segment]:
    """Of that file, if it is loaded: its sections without code."""
    base = _kernel32.GetModuleHandleW(str(library))
    if base is None:
        return
    beginning = ctypes.string_at(base, _BEGINNING)
    header = ctypes.string_at(base, portable_executable.header_bytes(beginning))
    for section in portable_executable.sections(header):
        if section.readable and not section.executable:
            yield Segment(base + section.offset, section.length, section.writable)


@contextmanager
def made_writable(place: int, length: int) -> Iterator[bool]:
    """Whether constant memory can be written inside the block; afterwards it is constant again."""
    before = wintypes.DWORD()
    if not _kernel32.VirtualProtect(place, length, _PAGE_READWRITE, ctypes.byref(before)):
        yield False
        return
    try:
        yield True
    finally:
        _kernel32.VirtualProtect(place, length, before.value, ctypes.byref(before))

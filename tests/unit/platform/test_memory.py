"""Bytes of a library are replaced in this process's memory, where they are found exactly once."""

from __future__ import annotations

import _decimal  # a library that every CPython brings along, and nobody uses meanwhile
import ctypes
import sys
from pathlib import Path

import pytest

from whatsapp_mcp.platform import memory as memory_module
from whatsapp_mcp.platform.loaded_library import segments
from whatsapp_mcp.platform.memory import replace_constants, replace_variable
from whatsapp_mcp.platform.segment import Segment

LIBRARY = Path(_decimal.__file__)
LENGTH = 32


def samples(*, writable: bool) -> list[tuple[int, bytes]]:
    """Places of the library whose bytes stand once in all that is like them."""
    parts = [(one, one.read()) for one in segments(LIBRARY) if one.writable == writable]
    whole = b"\0\0".join(data for _, data in parts)
    found = []
    for part, data in parts:
        for offset in range(0, len(data) - LENGTH, LENGTH):
            sample = data[offset : offset + LENGTH]
            if whole.count(sample) == 1:
                found.append((part.address + offset, sample))
    return found


def test_a_variable() -> None:
    place, sample = samples(writable=True)[0]
    other = bytes(255 - byte for byte in sample)
    assert replace_variable(LIBRARY, sample, other)
    changed = ctypes.string_at(place, LENGTH)
    ctypes.memmove(place, sample, LENGTH)
    assert changed == other


def test_a_constant_is_not_taken_for_a_variable() -> None:
    _, sample = samples(writable=False)[0]
    assert not replace_variable(LIBRARY, sample, sample)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS lets nobody change the constants of a signed library")
def test_constants() -> None:
    (place, sample), (_, second), *_ = samples(writable=False)
    other = bytes(255 - byte for byte in sample)
    assert replace_constants(LIBRARY, {sample: other, second: second, bytes(range(LENGTH)): bytes(LENGTH)}) == 2
    assert ctypes.string_at(place, LENGTH) == other
    assert replace_constants(LIBRARY, {other: sample}) == 1
    assert ctypes.string_at(place, LENGTH) == sample


def test_what_stands_there_several_times_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = ctypes.create_string_buffer(b"once and twice and no more")
    here = [Segment(ctypes.addressof(memory), len(memory), writable=True)]
    monkeypatch.setattr(memory_module, "segments", lambda library: here)
    assert not replace_variable(LIBRARY, b"and", b"AND")
    assert replace_variable(LIBRARY, b"once", b"ONCE")
    assert memory.value == b"ONCE and twice and no more"


def test_in_two_segments_is_several_times_too(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = [ctypes.create_string_buffer(b"the key") for _ in range(2)]
    here = [Segment(ctypes.addressof(one), len(one), writable=True) for one in memory]
    monkeypatch.setattr(memory_module, "segments", lambda library: here)
    assert not replace_variable(LIBRARY, b"key", b"KEY")


def test_a_library_that_is_not_loaded() -> None:
    missing = LIBRARY.with_name("nobody-loaded-this")
    assert list(segments(missing)) == []
    assert not replace_variable(missing, b"old", b"new")

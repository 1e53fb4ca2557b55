"""What is in a JPEG, without unpacking it: how much work it is (a file of some megabytes can have thousands of scans),
and whether there is anything but the picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from whatsapp_mcp.media import limits
from whatsapp_mcp.media.work import UnusableMedia

_MARKER: Final = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_ENTROPY_END: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]", re.DOTALL)
_SCAN: Final = 0xDA
_TABLES: Final = (0xC4, 0xC8, 0xCC)
"""Markers between the frame headers that start no frame: Huffman tables, an extension, arithmetic conditioning."""
_JFIF: Final = 0xE0
_PICTURE: Final = frozenset({_JFIF, 0xDB, 0xDD, 0xC0, 0xC1, 0xC2, 0xC4, _SCAN})
"""The segments that a picture needs: JFIF header, tables, restart interval, frame (baseline to progressive), scan."""
_JFIF_HEADER: Final = re.compile(rb"\0\x10JFIF\0.{7}\0\0", re.DOTALL)
"""Without a preview, which may show what was cut off or painted over."""


def is_bare(data: bytes) -> bool:
    """Whether a JPEG holds its picture and nothing else: no EXIF, comment, profile, preview, nothing after its end."""
    at = 2
    while (marker := _MARKER.match(data, at)) is not None:
        kind, at = marker[1][0], marker.end()
        if kind == 0xD9:
            return data.startswith(b"\xff\xd8") and at == len(data)
        if kind not in _PICTURE or (kind == _JFIF and _JFIF_HEADER.match(data, at) is None):
            return False
        at += int.from_bytes(data[at : at + 2], "big")
        if kind == _SCAN:
            end = _ENTROPY_END.search(data, at)
            at = end.start() if end is not None else len(data)
    return False


def check(source: Path | bytes) -> None:
    """Look through the segments (ITU T.81, annex B).

    Raises:
        UnusableMedia: it has too many scans, or with several scans too many pixels for memory.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    scans, coefficients, at = 0, 0, 2
    while (marker := _MARKER.search(data, at)) is not None:
        kind, at = marker[1][0], marker.end()
        if 0xD0 <= kind <= 0xD9 or kind == 0x01:
            if kind == 0xD9:
                break  # what follows the end is another picture, which is not unpacked
            continue
        if 0xC0 <= kind <= 0xCF and kind not in _TABLES:
            coefficients = max(coefficients, _coefficients(data[at : at + 64]))
        at += int.from_bytes(data[at : at + 2], "big")
        if kind == _SCAN:
            scans += 1
            if scans > limits.JPEG_SCANS:
                raise UnusableMedia(f"the picture is written in more than {limits.JPEG_SCANS} scans.")
            end = _ENTROPY_END.search(data, at)
            at = end.start() if end is not None else len(data)
    if scans > 1 and coefficients > limits.JPEG_COEFFICIENTS:
        raise UnusableMedia(
            "the picture has too many pixels for a progressive JPEG.",
            next_step="Save it without the progressive option, reduce it, or send it as a document.",
        )


def _coefficients(header: bytes) -> int:
    """How many a frame has, from its header: length, precision, height, width, components with their sampling."""
    height, width, count = int.from_bytes(header[3:5], "big"), int.from_bytes(header[5:7], "big"), header[7:8]
    sampling = [header[index] for index in range(9, min(len(header), 8 + 3 * (count[0] if count else 0)), 3)]
    pairs = [((value >> 4) or 1, (value & 15) or 1) for value in sampling]
    if not pairs:
        return width * height
    most = max(across for across, _ in pairs) * max(down for _, down in pairs)
    return width * height * sum(across * down for across, down in pairs) // most

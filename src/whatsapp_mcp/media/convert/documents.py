"""Documents: a name that is safe everywhere, a type that phones act on, a page count."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from whatsapp_mcp.media import kinds

__all__ = ["document_mimetype", "name_from_disposition", "pdf_pages", "safe_name"]

MAX_NAME_BYTES: Final = 120

_RESERVED: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)
"""Names that mean devices on Windows, whatever extension follows."""


def safe_name(name: str, *, fallback: str = "file", extension: str = "") -> str:
    """A file name without anything that acts on a path, a terminal or the eye; Unicode stays.

    Path parts, control, bidi and other invisible characters (but the joiners that scripts and emoji need) go, and so do
    characters that some file systems refuse. At most 120 bytes of UTF-8, the extension kept.

    Args:
        extension: added when the name has none; without the dot.
    """
    name = unicodedata.normalize("NFC", name.encode("utf-8", "ignore").decode("utf-8"))
    name = re.split(r"[/\\]", name)[-1]
    name = "".join(char for char in name if _keeps(char))
    name = re.sub(r'[<>:"|?*]', "_", name)
    name = re.sub(r"\s+", " ", name).strip(" .\u200c\u200d")
    stem, dot, suffix = name.rpartition(".")
    if not dot or not re.fullmatch(r"\w{1,12}", suffix):
        stem, suffix = name, extension
    stem = stem.rstrip(" .") or fallback
    if _RESERVED.fullmatch(stem.split(".")[0].rstrip(" ")):
        stem = f"_{stem}"
    ending = f".{suffix}" if suffix else ""
    return _cut(stem, MAX_NAME_BYTES - len(ending.encode())).rstrip(" .") + ending


def _keeps(char: str) -> bool:
    if char in "\u200c\u200d":
        return True
    if char.isspace():
        return True  # becomes a plain space
    category = unicodedata.category(char)
    return category[0] != "C" and char not in "\u115f\u1160\u3164\uffa0\u034f" and not 0xFE00 <= ord(char) <= 0xFE0E


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", "ignore")


def name_from_disposition(header: str) -> str:
    """The file name in a Content-Disposition header (RFC 6266), or ""; not sanitised."""
    if extended := re.search(r"filename\*\s*=\s*([\w-]+)'[^']*'([^;\s]+)", header, re.IGNORECASE):
        try:
            return unquote(extended[2], encoding=extended[1], errors="replace")
        except LookupError:
            pass
    if plain := re.search(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', header, re.IGNORECASE):
        return re.sub(r"\\(.)", r"\1", plain[1]) if plain[1] is not None else plain[2]
    return ""


_BY_NAME: Final = mimetypes.MimeTypes()
"""Python's own table: the same on every machine, unlike the system's."""

_GENERAL: Final[dict[str, tuple[str, ...]]] = {
    kinds.TEXT: ("text/", "application/json", "application/javascript", "application/x-sh", "application/sql"),
    "application/zip": ("application/vnd.", "application/epub", "application/java-archive", "application/x-"),
    "application/x-ole-storage": ("application/msword", "application/vnd.ms-"),
    "application/xml": ("application/", "text/xml"),
    kinds.BINARY: ("application/", "font/", "chemical/", "model/"),
}
"""Where the content only tells a family, the name may say which member: family -> what it may say."""


def document_mimetype(kind: kinds.Kind, name: str) -> str:
    """The type to announce: by content, refined by the name only within what the content can be."""
    refinements = _GENERAL.get(kind.mimetype)
    if refinements is None:
        return kind.mimetype
    named = _BY_NAME.guess_type(name, strict=False)[0] or ""
    return named if named.startswith(refinements) else kind.mimetype


_SCAN: Final = 1024 * 1024
_OVERLAP: Final = 4096
_WINDOW: Final = 1500
_MAX_INFLATED: Final = 512 * 1024
_MAX_OBJECT_STREAMS: Final = 64
_MAX_TREE_NODES: Final = 2000
"""Bounds, because a hostile file can repeat anything as often as it likes."""

_LINEARISED: Final = re.compile(rb"/Linearized\b[^>]{0,200}?/N\s{1,4}(\d{1,6})\b")
_TREE_NODE: Final = re.compile(rb"/Type\s{0,4}/Pages\b")
_COUNT: Final = re.compile(rb"/Count\s{1,4}(\d{1,6})\b")
_PAGE: Final = re.compile(rb"/Type\s{0,4}/Page(?![A-Za-z])")
_OBJECT_STREAM: Final = re.compile(rb"/Type\s{0,4}/ObjStm\b")


def pdf_pages(path: Path) -> int | None:
    """How many pages a PDF says it has: best effort, without parsing it; None when it does not say so readably.

    The page tree's root has the largest /Count; in files since PDF 1.5 it may lie in a compressed object stream.
    """
    counted = seen = nodes = streams = 0
    for number, (block, end) in enumerate(_blocks(path)):
        if number == 0 and (first := _LINEARISED.search(block[:2048])):
            return int(first[1]) or None
        seen += sum(1 for page in _PAGE.finditer(block) if page.start() < end)
        for node in _TREE_NODE.finditer(block):
            nodes += 1
            if nodes > _MAX_TREE_NODES:
                break
            counted = max(counted, _count_around(block, node.start()))
        for found in _OBJECT_STREAM.finditer(block):
            streams += 1
            if streams > _MAX_OBJECT_STREAMS or found.start() >= end:
                break
            objects = _inflate(block, found.end())
            counted = max([counted, *(_count_around(objects, n.start()) for n in _TREE_NODE.finditer(objects))][:100])
    return counted or seen or None


def _blocks(path: Path) -> Iterator[tuple[bytes, int]]:
    """The file in blocks that overlap, so that nothing is missed at a border; and where the next block begins."""
    with path.open("rb") as file:
        block = file.read(_SCAN + _OVERLAP)
        while block:
            following = file.read(_SCAN)
            yield block, _SCAN if following else len(block)
            block = block[_SCAN:] + following if following else b""


def _count_around(data: bytes, at: int) -> int:
    """The /Count of the dictionary that says /Pages at this position; dictionaries end with their object."""
    begin = max(data.rfind(b"endobj", max(0, at - _WINDOW), at), data.rfind(b"/Type", max(0, at - _WINDOW), at))
    ends = [end for mark in (b"endobj", b"/Type") if (end := data.find(mark, at + 5, at + _WINDOW)) >= 0]
    found = _COUNT.findall(data, max(begin, at - _WINDOW, 0), min(ends, default=at + _WINDOW))
    return max(map(int, found), default=0)


def _inflate(block: bytes, at: int) -> bytes:
    """The content of the object stream whose dictionary is at this position, as far as it lies in the block."""
    start = block.find(b"stream", at, at + 400)
    if start < 0:
        return b""
    start += len(b"stream")
    start += 2 if block.startswith(b"\r\n", start) else 1
    try:
        return zlib.decompressobj().decompress(block[start:], _MAX_INFLATED)
    except zlib.error:
        return b""

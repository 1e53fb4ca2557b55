"""Documents: a name that is safe everywhere, and a type that phones act on."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from typing import Final

from whatsapp_mcp.media import kinds, limits
from whatsapp_mcp.platform.names import is_device


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
    if is_device(stem):
        stem = f"_{stem}"
    ending = f".{suffix}" if suffix else ""
    return _cut(stem, limits.FILE_NAME_BYTES - len(ending.encode())).rstrip(" .") + ending


def _keeps(char: str) -> bool:
    if char in "\u200c\u200d":
        return True
    if char.isspace():
        return True  # becomes a plain space
    category = unicodedata.category(char)
    return category[0] != "C" and char not in "\u115f\u1160\u3164\uffa0\u034f" and not 0xFE00 <= ord(char) <= 0xFE0E


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode("utf-8", "ignore")


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

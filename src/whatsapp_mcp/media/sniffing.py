"""What a file is, judged by its bytes and never by its name.

A table of our own instead of a library: the kept ones that need no system package name a file by its extension's family
(a plain zip comes out as a Word document, m4a as video, Opus and Vorbis as the same), and what matters here are just
the differences that WhatsApp clients make. Signatures: the formats' own specifications.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO, Final

from whatsapp_mcp.media.kinds import BINARY, EXTENSIONS, OFFICE, OGG_OPUS, TEXT, Kind

_HEAD: Final = 64 * 1024
_TAIL: Final = 64 * 1024


def sniff(path: Path) -> Kind:
    """The kind of a file."""
    with path.open("rb") as file:
        return sniff_open(file)


def sniff_open(file: BinaryIO) -> Kind:
    """The kind of an open file. Reads at most 64 KiB at each end and one block of an OLE directory."""
    head = file.read(_HEAD)
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    tail = file.read(_TAIL)
    if head.startswith(_OLE):
        # The sector with the names of the parts: number at 0x30, sector size as a power of two at 0x1e.
        sector = 1 << min(int.from_bytes(head[0x1E:0x20], "little"), 12)
        file.seek((int.from_bytes(head[0x30:0x34], "little") + 1) * sector)
        tail = file.read(4096)
    return sniff_bytes(head, tail)


def sniff_bytes(head: bytes, tail: bytes = b"") -> Kind:
    """The kind of a file whose first (and last) bytes these are."""
    for judge in (_by_signature, _boxes, _riff, _ogg, _zip, _mpeg_audio, _text):
        if mimetype := judge(head, tail):
            return Kind(mimetype)
    return Kind(BINARY)


_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"8BPS", "image/vnd.adobe.photoshop"),
    (0, b"\0\0\x01\0", "image/x-icon"),
    (0, b"fLaC", "audio/flac"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"MThd", "audio/midi"),
    (0, b"caff", "audio/x-caf"),
    (8, b"AIFF", "audio/aiff"),
    (8, b"AIFC", "audio/aiff"),
    (0, b"\0\0\x01\xba", "video/mpeg"),
    (0, b"\0\0\x01\xb3", "video/mpeg"),
    (0, b"FLV\x01", "video/x-flv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "video/x-ms-wmv"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (257, b"ustar", "application/x-tar"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (0, b"\x7fELF", "application/x-executable"),
)


def _by_signature(head: bytes, tail: bytes) -> str:
    for offset, magic, mimetype in _SIGNATURES:
        if head.startswith(magic, offset):
            return mimetype
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if head.startswith(b"BM") and head[6:10] == bytes(4) and len(head) > 26:
        return "image/bmp"
    if head.startswith(b"MZ") and b"PE\0\0" in head[:4096]:
        return "application/vnd.microsoft.portable-executable"
    if head.startswith(b"\x1aE\xdf\xa3"):
        return "video/webm" if b"webm" in head[:128] else "video/x-matroska"
    if len(head) > 376 and head[0] == head[188] == head[376] == 0x47:
        return "video/mp2t"
    return _ole(tail) if head.startswith(_OLE) else ""


def _ole(directory: bytes) -> str:
    """Microsoft's compound files name their parts in UTF-16 ([MS-CFB] 2.6)."""
    for name, mimetype in (
        ("WordDocument", "application/msword"),
        ("Workbook", "application/vnd.ms-excel"),
        ("Book", "application/vnd.ms-excel"),
        ("PowerPoint Document", "application/vnd.ms-powerpoint"),
        ("__properties_version1.0", "application/vnd.ms-outlook"),
    ):
        if name.encode("utf-16-le") in directory:
            return mimetype
    return "application/x-ole-storage"


_BRANDS: Final[dict[bytes, str]] = {
    **dict.fromkeys((b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"M4A ", b"M4B ", b"M4P ", b"F4A "), "audio/mp4"),
    b"qt  ": "video/quicktime",
}
"""ISO base media: major brand -> type; other brands are MP4."""


def _boxes(head: bytes, tail: bytes) -> str:
    if head[4:8] in (b"moov", b"mdat", b"wide", b"pnot") and len(head) > 8:
        return "video/quicktime"
    if head[4:8] != b"ftyp":
        return ""
    major = head[8:12]
    if major[:3] in (b"3gp", b"3g2"):
        return "video/3gpp"
    length = min(int.from_bytes(head[:4], "big"), 256)
    if major in (b"mif1", b"msf1") and b"avif" in head[16:length]:
        return "image/avif"
    return _BRANDS.get(major, "video/mp4")


def _riff(head: bytes, tail: bytes) -> str:
    if head[:4] not in (b"RIFF", b"RF64"):
        return ""
    return {b"WEBP": "image/webp", b"WAVE": "audio/wav", b"AVI ": "video/x-msvideo"}.get(head[8:12], "")


def _ogg(head: bytes, tail: bytes) -> str:
    if not head.startswith(b"OggS"):
        return ""
    if b"\x80theora" in head[:512]:
        return "video/ogg"
    return OGG_OPUS if b"OpusHead" in head[:128] else "audio/ogg"


def _zip(head: bytes, tail: bytes) -> str:
    """Zip containers, told apart by the names of their parts: entries at the head, directory at the tail."""
    if not head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return ""
    if declared := re.match(rb"PK\x03\x04.{26}mimetype(application/[a-z.+-]+)", head, re.DOTALL):
        named = declared[1].decode()
        return next((known for known in EXTENSIONS if named.startswith(known)), "application/zip")
    names = head + tail
    if b"[Content_Types].xml" in names:
        for folder, part in (
            (b"word/", "wordprocessingml.document"),
            (b"xl/", "spreadsheetml.sheet"),
            (b"ppt/", "presentationml.presentation"),
        ):
            if b"PK" in names and folder in names:
                return OFFICE + part
    if b"AndroidManifest.xml" in names:
        return "application/vnd.android.package-archive"
    return "application/java-archive" if b"META-INF/MANIFEST.MF" in names else "application/zip"


_MP3_KBIT: Final = (
    (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),  # MPEG 1, layer III
    (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),  # MPEG 2 and 2.5, layer III
)
_MP3_RATES: Final = (44100, 48000, 32000)


def _mpeg_audio(head: bytes, tail: bytes) -> str:
    """MP3 and AAC without a container: a valid frame header, followed by another where the first one ends."""
    if head.startswith(b"ID3"):
        size = 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=False))
        return "audio/flac" if head.startswith(b"fLaC", size) else "audio/mpeg"
    if (length := _adts_length(head)) and _adts_length(head[length:] or head):
        return "audio/aac"
    if (length := _mp3_length(head)) and _mp3_length(head[length:] or head):
        return "audio/mpeg"
    return ""


def _adts_length(data: bytes) -> int:
    if len(data) < 7 or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return 0
    return (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5


def _mp3_length(data: bytes) -> int:
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE6 != 0xE2:
        return 0
    version = data[1] >> 3 & 3  # 3: MPEG 1, 2: MPEG 2, 0: MPEG 2.5
    rate = data[2] >> 2 & 3
    kbit = _MP3_KBIT[version != 3][data[2] >> 4]
    if version == 1 or rate == 3 or not kbit:
        return 0
    sample_rate = _MP3_RATES[rate] >> (0 if version == 3 else 1 if version == 2 else 2)
    return (144 if version == 3 else 72) * kbit * 1000 // sample_rate + (data[2] >> 1 & 1)


def _text(head: bytes, tail: bytes) -> str:
    if not head:
        return ""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return TEXT
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3 or len(head) < _HEAD:
            return ""  # not just a character cut in two at the end
        text = head[: error.start].decode("utf-8-sig")
    if re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text):
        return ""
    start = text[:1024].lstrip().lower()
    for prefix, mimetype in (("begin:vcard", "text/vcard"), ("begin:vcalendar", "text/calendar")):
        if start.startswith(prefix):
            return mimetype
    if start.startswith(("<!doctype html", "<html")):
        return "text/html"
    if start.startswith(("<?xml", "<svg", "<!doctype svg")):
        return "image/svg+xml" if "<svg" in text[:4096].lower() else "application/xml"
    return TEXT

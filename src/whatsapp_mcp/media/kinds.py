"""The kinds of files that are told apart, and their usual extensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BINARY: Final = "application/octet-stream"
TEXT: Final = "text/plain"
OGG_OPUS: Final = "audio/ogg; codecs=opus"

OFFICE: Final = "application/vnd.openxmlformats-officedocument."

EXTENSIONS: Final[dict[str, str]] = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/heic": "heic",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/tiff": "tiff",
    "image/svg+xml": "svg",
    "image/vnd.adobe.photoshop": "psd",
    "image/x-icon": "ico",
    OGG_OPUS: "ogg",
    "audio/ogg": "ogg",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/aac": "aac",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/amr": "amr",
    "audio/aiff": "aiff",
    "audio/midi": "mid",
    "audio/x-caf": "caf",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/3gpp": "3gp",
    "video/x-matroska": "mkv",
    "video/webm": "webm",
    "video/x-msvideo": "avi",
    "video/mp2t": "ts",
    "video/mpeg": "mpg",
    "video/ogg": "ogv",
    "video/x-flv": "flv",
    "video/x-ms-wmv": "wmv",
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "application/postscript": "ps",
    OFFICE + "wordprocessingml.document": "docx",
    OFFICE + "spreadsheetml.sheet": "xlsx",
    OFFICE + "presentationml.presentation": "pptx",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.ms-outlook": "msg",
    "application/x-ole-storage": "",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/epub+zip": "epub",
    "application/vnd.android.package-archive": "apk",
    "application/java-archive": "jar",
    "application/zip": "zip",
    "application/gzip": "gz",
    "application/x-bzip2": "bz2",
    "application/x-xz": "xz",
    "application/x-7z-compressed": "7z",
    "application/vnd.rar": "rar",
    "application/x-tar": "tar",
    "application/zstd": "zst",
    "application/vnd.sqlite3": "sqlite",
    "application/vnd.microsoft.portable-executable": "exe",
    "application/x-executable": "",
    "application/xml": "xml",
    "text/html": "html",
    "text/vcard": "vcf",
    "text/calendar": "ics",
    TEXT: "txt",
    BINARY: "",
}
"""Every type that `sniffing` can give -> the usual extension."""


@dataclass(frozen=True, slots=True)
class Kind:
    mimetype: str

    @property
    def extension(self) -> str:
        """Without the dot; empty when there is no usual one."""
        return EXTENSIONS[self.mimetype]

    @property
    def family(self) -> str:
        """``image``, ``audio``, ``video``, ``text`` or ``application``."""
        return self.mimetype.partition("/")[0]

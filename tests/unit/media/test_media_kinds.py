from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.unit.media import samples
from whatsapp_mcp.media.kinds import EXTENSIONS
from whatsapp_mcp.media.sniffing import sniff, sniff_bytes

OFFICE = "application/vnd.openxmlformats-officedocument."


@pytest.mark.parametrize(
    ("kind", "mimetype"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/gif"),
        ("WEBP", "image/webp"),
        ("AVIF", "image/avif"),
        ("BMP", "image/bmp"),
        ("TIFF", "image/tiff"),
    ],
)
def test_pictures(kind: str, mimetype: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20)).save(buffer, kind)
    assert sniff_bytes(buffer.getvalue()).mimetype == mimetype


@pytest.mark.parametrize(
    ("container", "codec", "mimetype"),
    [
        ("ogg", "libopus", "audio/ogg; codecs=opus"),
        ("ogg", "flac", "audio/ogg"),
        ("mp3", "libmp3lame", "audio/mpeg"),
        ("ipod", "aac", "audio/mp4"),
        ("adts", "aac", "audio/aac"),
        ("wav", "pcm_s16le", "audio/wav"),
        ("flac", "flac", "audio/flac"),
        ("aiff", "pcm_s16be", "audio/aiff"),
        ("caf", "pcm_s16be", "audio/x-caf"),
    ],
)
def test_sounds(container: str, codec: str, mimetype: str, tmp_path: Path) -> None:
    assert sniff(samples.sound(tmp_path / "x", container, codec, seconds=0.5)).mimetype == mimetype


def test_an_mp3_without_a_tag(tmp_path: Path) -> None:
    data = samples.sound(tmp_path / "x", "mp3", "libmp3lame", seconds=0.5).read_bytes()
    assert data.startswith(b"ID3")
    assert sniff_bytes(data[data.index(b"\xff\xfb") :]).mimetype == "audio/mpeg"


@pytest.mark.parametrize(
    ("container", "codec", "mimetype"),
    [
        ("mp4", "libx264", "video/mp4"),
        ("mov", "libx264", "video/quicktime"),
        ("3gp", "libx264", "video/3gpp"),
        ("matroska", "libx264", "video/x-matroska"),
        ("webm", "libvpx", "video/webm"),
        ("avi", "libx264", "video/x-msvideo"),
        ("mpegts", "libx264", "video/mp2t"),
    ],
)
def test_videos(container: str, codec: str, mimetype: str, tmp_path: Path) -> None:
    assert sniff(samples.film(tmp_path / "x", container, codec, seconds=0.5)).mimetype == mimetype


def zipped(**parts: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            stored = zipfile.ZIP_STORED if name == "mimetype" else None
            archive.writestr(name.replace("__", "/"), content, stored)
    return buffer.getvalue()


def ole(part: str) -> bytes:
    """A compound file whose directory lies far from both ends."""
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0"))
    head[0x1E:0x20] = (9).to_bytes(2, "little")
    head[0x30:0x34] = (199).to_bytes(4, "little")
    directory = "Root Entry".encode("utf-16-le").ljust(128, b"\0") + part.encode("utf-16-le").ljust(128, b"\0")
    return bytes(head) + bytes(199 * 512) + directory + bytes(100_000)


@pytest.mark.parametrize(
    ("data", "mimetype"),
    [
        (b"%PDF-1.7\n", "application/pdf"),
        (b"\n\n%PDF-1.4\n", "application/pdf"),
        (zipped(**{"[Content_Types].xml": "x" * 999, "word__document.xml": "x"}), OFFICE + "wordprocessingml.document"),
        (zipped(**{"[Content_Types].xml": "x", "xl__workbook.xml": "x"}), OFFICE + "spreadsheetml.sheet"),
        (zipped(**{"[Content_Types].xml": "x", "ppt__presentation.xml": "x"}), OFFICE + "presentationml.presentation"),
        (zipped(mimetype="application/vnd.oasis.opendocument.text"), "application/vnd.oasis.opendocument.text"),
        (zipped(mimetype="application/epub+zip"), "application/epub+zip"),
        (zipped(**{"AndroidManifest.xml": "x"}), "application/vnd.android.package-archive"),
        (zipped(**{"a.txt": "word/ xl/ ppt/"}), "application/zip"),
        (ole("WordDocument"), "application/msword"),
        (ole("Workbook"), "application/vnd.ms-excel"),
        (ole("PowerPoint Document"), "application/vnd.ms-powerpoint"),
        (ole("Something"), "application/x-ole-storage"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "image/heic"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "image/avif"),
        (b"#!AMR\n\x3c", "audio/amr"),
        (b"MZ" + bytes(100) + b"PE\0\0", "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF\x02", "application/x-executable"),
        (b"hello\r\n\tworld \xc3\xa4", "text/plain"),
        ("привет".encode("utf-16"), "text/plain"),
        (b"\xef\xbb\xbfa,b\n1,2\n", "text/plain"),
        (b"BEGIN:VCARD\nVERSION:3.0\n", "text/vcard"),
        (b"  <!DOCTYPE html><html>", "text/html"),
        (b'<?xml version="1.0"?><svg xmlns="x"/>', "image/svg+xml"),
        (b"{\\rtf1 x}", "application/rtf"),
        (b"", "application/octet-stream"),
        (b"\0\x01\x02\x03random", "application/octet-stream"),
        (b"\xff\xfb\x90\x00 not really an mp3" * 40, "application/octet-stream"),
    ],
)
def test_documents(data: bytes, mimetype: str, tmp_path: Path) -> None:
    (tmp_path / "x.mp3").write_bytes(data)  # the name says nothing
    assert sniff(tmp_path / "x.mp3").mimetype == mimetype


def test_a_character_cut_by_the_end_of_the_head_is_still_text(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a" + "€".encode() * 40_000)
    assert sniff(tmp_path / "x").mimetype == "text/plain"


@given(
    st.binary(max_size=600), st.sampled_from([b"", b"OggS", b"RIFF", b"PK\x03\x04", b"\xff\xf1", b"\xff\xfb", b"ID3"])
)
def test_every_answer_has_an_extension(data: bytes, prefix: bytes) -> None:
    assert sniff_bytes(prefix + data, data).mimetype in EXTENSIONS

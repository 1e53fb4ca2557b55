from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.media.convert.documents import document_mimetype, safe_name
from whatsapp_mcp.media.kinds import Kind


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Отчёт за май.pdf", "Отчёт за май.pdf"),
        ("报告 ①.docx", "报告 ①.docx"),
        ("👩‍👩‍👧 family.jpg", "👩‍👩‍👧 family.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\evil.txt", "evil.txt"),
        ("a\u202egpj.exe", "agpj.exe"),
        ("a\u2066b\u200e\u200b\ufeff.txt", "ab.txt"),
        ("a\0b\r\nc\x1b[31m.txt", "ab c[31m.txt"),
        ("tag\U000e0041.txt", "tag.txt"),
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("com1.tar.gz", "_com1.tar.gz"),
        ("console.txt", "console.txt"),
        ('a<b>:"|?*.txt', "a_b______.txt"),
        ("dots... .", "dots"),
        ("a\ud800b.txt", "ab.txt"),
    ],
)
def test_safe_names(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_a_missing_extension_is_added_and_a_present_one_kept() -> None:
    assert safe_name("photo", extension="jpg") == "photo.jpg"
    assert safe_name("photo.png", extension="jpg") == "photo.png"
    assert safe_name("", extension="pdf") == "file.pdf"
    assert safe_name("Chapter 1. The end", extension="txt") == "Chapter 1. The end.txt"


def test_long_names_keep_their_extension() -> None:
    name = safe_name("я" * 300 + ".pdf")
    assert len(name.encode()) <= 120
    assert name.endswith("я.pdf")


@given(st.text(max_size=400))
def test_every_name_is_safe_and_stays_so(name: str) -> None:
    safe = safe_name(name)
    assert 0 < len(safe.encode()) <= 120
    assert not set(safe) & set('/\\<>:"|?*\0')
    assert safe not in (".", "..")
    assert not safe.startswith((".", " "))
    assert not any(unicodedata.category(char) == "Cc" for char in safe)
    assert safe_name(safe) == safe


@pytest.mark.parametrize(
    ("content", "name", "mimetype"),
    [
        ("text/plain", "table.csv", "text/csv"),
        ("text/plain", "data.json", "application/json"),
        ("text/plain", "photo.jpg", "text/plain"),
        ("text/plain", "no extension", "text/plain"),
        ("application/pdf", "photo.jpg", "application/pdf"),
        ("application/octet-stream", "photo.jpg", "application/octet-stream"),
        ("application/octet-stream", "x.doc", "application/msword"),
        ("application/zip", "x.txt", "application/zip"),
        ("image/jpeg", "x.pdf", "image/jpeg"),
    ],
)
def test_the_name_only_refines_the_type(content: str, name: str, mimetype: str) -> None:
    assert document_mimetype(Kind(content), name) == mimetype

from __future__ import annotations

import time
import unicodedata
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.media.convert.documents import document_mimetype, name_from_disposition, pdf_pages, safe_name
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
    ("header", "name"),
    [
        ('attachment; filename="a b.pdf"', "a b.pdf"),
        ("attachment; filename=a.pdf; size=3", "a.pdf"),
        ("attachment; filename=x; filename*=UTF-8''%e2%82%ac%20.pdf", "€ .pdf"),
        ("attachment; filename*=nonsense''x%20.pdf", ""),
        ('attachment; filename="a\\"b.pdf"', 'a"b.pdf'),
        ("inline", ""),
        ("", ""),
    ],
)
def test_names_in_headers(header: str, name: str) -> None:
    assert name_from_disposition(header) == name


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


def pdf(tmp_path: Path, body: bytes) -> Path:
    path = tmp_path / "x.pdf"
    path.write_bytes(b"%PDF-1.5\n" + body)
    return path


def test_pages_of_a_plain_tree(tmp_path: Path) -> None:
    tree = (
        b"1 0 obj << /Type /Pages /Kids [2 0 R 3 0 R] /Count 7 >> endobj\n"
        b"2 0 obj << /Count 4 /Kids [4 0 R] /Type/Pages /Parent 1 0 R >> endobj\n"
        b"9 0 obj << /Type /Outlines /Count 99 >> endobj\n"
    )
    assert pdf_pages(pdf(tmp_path, tree)) == 7


def test_pages_in_an_object_stream_at_the_border_of_a_block(tmp_path: Path) -> None:
    packed = zlib.compress(b"1 0 2 50 << /Type /Catalog >> << /Type /Pages /Kids [4 0 R] /Count 12 >>")
    stream = b"5 0 obj << /Type /ObjStm /N 2 /Length %d >>\nstream\r\n%s\nendstream endobj" % (len(packed), packed)
    for filler in (0, 1024 * 1024 - 20, 3 * 1024 * 1024):
        assert pdf_pages(pdf(tmp_path, b"\n" * filler + stream)) == 12


def test_pages_of_a_linearised_file(tmp_path: Path) -> None:
    assert pdf_pages(pdf(tmp_path, b"1 0 obj << /Linearized 1 /L 5000 /N 33 /T 1 >> endobj")) == 33


def test_pages_that_can_only_be_counted(tmp_path: Path) -> None:
    assert pdf_pages(pdf(tmp_path, b"<< /Type /Page >> << /Type/Page>> << /Type /PageLabel >>")) == 2


def test_pages_that_nobody_tells(tmp_path: Path) -> None:
    assert pdf_pages(pdf(tmp_path, b"nothing to see")) is None


@pytest.mark.parametrize(
    "unit",
    [b"/Type/Pages ", b"/Type/Pages/Count 1", b"/Type/ObjStm stream\n", b"/Count 1 ", b"/Type ", b"/Linearized "],
)
def test_hostile_files_cost_no_time(unit: bytes, tmp_path: Path) -> None:
    path = pdf(tmp_path, unit * (4_000_000 // len(unit)))
    begin = time.process_time()
    pdf_pages(path)
    assert time.process_time() - begin < 2


def test_an_object_stream_that_explodes(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(50_000_000))
    assert pdf_pages(pdf(tmp_path, (b"<< /Type /ObjStm >> stream\n" + bomb) * 20)) is None

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.media.source.pages import describe


def test_open_graph_comes_first() -> None:
    page = b"""<!doctype html><html><head><title>Plain</title>
    <meta name="description" content="plain description">
    <meta name="twitter:title" content="Twitter"><meta name="twitter:image" content="/t.png">
    <meta property="og:title" content="Open &amp; Graph"><meta property="og:description" content="d&#8364;">
    <meta property="og:image" content="/o.png"><meta property="og:image" content="/second.png">
    <base href="https://cdn.example/"></head>"""
    about = describe(page)
    assert (about.title, about.description, about.picture) == ("Open & Graph", "d€", "/o.png")
    assert about.base == "https://cdn.example/"


def test_plain_html_is_enough() -> None:
    about = describe(
        b'<title>A\n title</title><META NAME=Description CONTENT="x"><link rel="apple-touch-icon" href="i.png">'
    )
    assert (about.title, about.description, about.picture) == ("A\n title", "x", "i.png")


def test_the_body_says_nothing() -> None:
    about = describe(b"<head></head><body><title>svg title</title><meta property='og:title' content='x'></body>")
    assert about.title == ""


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ("<title>Привет</title>".encode(), ""),
        ("<title>Привет</title>".encode("cp1251"), "text/html; charset=windows-1251"),
        ("<title>Привет</title>".encode("koi8-r"), 'text/html; Charset="KOI8-R"'),
        ('<meta charset="windows-1251"><title>Привет</title>'.encode("cp1251"), "text/html"),
        (
            '<meta http-equiv="Content-Type" content="text/html; charset=koi8-r"><title>Привет</title>'.encode(
                "koi8-r"
            ),
            "",
        ),
        ("<title>Привет</title>".encode("utf-16"), "text/html; charset=utf-8"),
        (b"\xef\xbb\xbf" + "<title>Привет</title>".encode(), "text/html; charset=latin-1"),
        ("<title>Привет</title>".encode(), "text/html; charset=no-such-thing"),
    ],
)
def test_character_sets(data: bytes, content_type: str) -> None:
    assert describe(data, content_type).title == "Привет"


@pytest.mark.parametrize("size", [10, 40_000, 100_000, 300_000])
def test_what_stands_behind_a_long_script(size: int) -> None:
    page = f"<script>{'x' * size}</script><title>Plain</title><meta property='og:title' content='Found'>"
    assert describe(page.encode()).title == "Found"


@pytest.mark.parametrize(
    "charset", ["idna", "punycode", "hex", "zlib", "unicode_escape", "utf-7", "rot13", "base64", "mbcs"]
)
def test_codecs_that_are_no_character_sets_are_not_used(charset: str) -> None:
    page = b"<title>\\u0041" + b"x" * 100_000
    assert describe(page, f"text/html; charset={charset}").title == "\\u0041" + "x" * 1994


@pytest.mark.parametrize(
    "unit",
    [
        "<",
        "<a ",
        "<!--",
        "<!",
        "<![",
        "<?",
        "</",
        "&",
        "&#",
        "<a b='",
        '<a b="',
        "<title>",
        "<script>",
        "<meta ",
        "\0",
        "<!doctype ",
    ],
)
def test_hostile_pages_cost_no_time(unit: str) -> None:
    begin = time.process_time()
    describe((unit * (2 * 1024 * 1024 // len(unit))).encode())
    assert time.process_time() - begin < 5


@given(
    st.text(alphabet="<>!-/?[]&#;'\"= \nametilhd\0ä", max_size=300), st.sampled_from(["", "<meta ", "<![CDATA[", "<!a"])
)
def test_nothing_raises(text: str, prefix: str) -> None:
    describe((prefix + text).encode())

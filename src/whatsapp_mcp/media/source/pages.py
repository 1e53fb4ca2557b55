"""What an HTML page says about itself in its head."""

from __future__ import annotations

import codecs
import re
import time
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

_PIECE: Final = 16 * 1024
_SECONDS: Final = 1.0
"""How long a page may keep the parser busy: some tag soups take quadratic time."""

_MAX_UNFINISHED: Final = 256 * 1024
"""Characters of one tag or comment; the parser scans an unfinished one anew with every piece."""

_MAX_TITLE: Final = 2000

_ENCODINGS: Final = re.compile(
    r"(?:utf[-_]?(?:8|16|32)|iso8859|latin|cp\d|windows|koi8|shift_jis|euc|gb|big5|hz|ascii|mac|tis)", re.IGNORECASE
)
"""Python knows codecs that are no character sets, or take very long."""


@dataclass(slots=True)
class About:
    """Empty strings where the page says nothing."""

    title: str = ""
    description: str = ""
    picture: str = ""
    """Link, perhaps relative."""
    base: str = ""


def describe(data: bytes, content_type: str = "") -> About:
    """Read title, description and picture: Open Graph first, then Twitter cards, then plain HTML. Never fails."""
    head = _Head()
    text = _decoded(data, content_type)
    until = time.monotonic() + _SECONDS
    # After something long, newer Pythons put off parsing until as much again has come: so that comes in the end, and
    # closes a title in which the page was cut.
    pieces = [*(text[start : start + _PIECE] for start in range(0, len(text), _PIECE)), "</title>" + " " * len(text)]
    for piece in pieces:
        try:
            head.feed(piece)
        except (AssertionError, ValueError):
            break  # html.parser gives up on some malformed declarations
        if head.finished or time.monotonic() > until:
            break
        if head.cdata_elem is None and len(head.rawdata) > _MAX_UNFINISHED:
            break
    said = head.said
    return About(
        title=said.get("og:title") or said.get("twitter:title") or head.title,
        description=said.get("og:description") or said.get("twitter:description") or said.get("description", ""),
        picture=next(
            (
                said[name]
                for name in ("og:image:secure_url", "og:image", "og:image:url", "twitter:image", "twitter:image:src")
                if said.get(name)
            ),
            head.icon,
        ),
        base=head.base,
    )


class _Head(HTMLParser):
    """Collects what counts until the head ends."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.said: dict[str, str] = {}
        self.title = ""
        self.icon = ""
        self.base = ""
        self.finished = False
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.finished:
            return  # the rest of the piece belongs to the body
        values = {name: value or "" for name, value in attrs}
        if tag == "meta":
            name = (values.get("property") or values.get("name", "")).strip().lower()
            if name and name not in self.said:
                self.said[name] = values.get("content", "").strip()
        elif tag == "title" and not self.title:
            self._in_title = True
        elif tag == "base" and not self.base:
            self.base = values.get("href", "")
        elif tag == "link" and not self.icon and "apple-touch-icon" in values.get("rel", "").lower():
            self.icon = values.get("href", "")
        elif tag == "body":
            self.finished = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "title":
            self._in_title = False
        elif tag == "head":
            self.finished = True

    def handle_data(self, data: str) -> None:
        if self._in_title and not self.finished:
            self.title = (self.title + data)[:_MAX_TITLE]  # newer Pythons tell all of it at once


def _decoded(data: bytes, content_type: str) -> str:
    """By byte order mark, header, meta tag, and UTF-8 failing these; wrong bytes become U+FFFD."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace").lstrip("\ufeff")
    header = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", content_type, re.IGNORECASE)
    meta = re.search(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", data[:4096], re.IGNORECASE)
    for name in (header[1] if header else "", meta[1].decode("ascii") if meta else ""):
        if encoding := _known_encoding(name):
            return data.decode(encoding, "replace")
    return data.decode("utf-8", "replace")


def _known_encoding(name: str) -> str:
    """The codec to use, or "". ISO 8859-1 means Windows-1252 on the web (WHATWG Encoding)."""
    try:
        found = codecs.lookup(name).name if name else ""
    except (LookupError, ValueError):
        return ""
    if found in ("iso8859-1", "ascii"):
        return "cp1252"
    return found if _ENCODINGS.match(found) else ""

"""The preview of a link: title, description and picture of the page, fetched under the same guard as every link.

A preview is a courtesy: whatever goes wrong with it (no answer, no title, a private address), the message goes out
without one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

import anyio
from anyio import to_thread

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.work import UnusableMedia

if TYPE_CHECKING:
    from whatsapp_mcp.media.source.web import Resolver

__all__ = ["LinkPicture", "LinkPreview", "preview"]

_MAX_TITLE: Final = 300
_MAX_DESCRIPTION: Final = 600
_PICTURE_SIDE: Final = 800
_ACCEPT_PAGE: Final = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"
_ACCEPT_PICTURE: Final = "image/jpeg,image/png,image/webp,image/gif;q=0.8"


@dataclass(frozen=True, slots=True)
class LinkPicture:
    """The page's picture: small, for the message itself, and larger, to be uploaded beside it."""

    thumbnail: bytes
    """JPEG of at most 100 pixels on its longer side."""
    jpeg: bytes
    """JPEG of at most 800 pixels on its longer side."""
    width: int
    height: int
    """Of ``jpeg``."""


@dataclass(frozen=True, slots=True)
class LinkPreview:
    """What a page says about itself. Written by somebody else: text, never instructions."""

    url: str
    """Where the link ended."""
    title: str
    description: str
    picture: LinkPicture | None


async def preview(
    link: str, *, field: str, policy: MediaPolicy, resolver: Resolver | None = None
) -> LinkPreview | None:
    """The preview of a link, or None when there is none to be had within ``policy.preview_timeout`` seconds.

    Raises:
        InvalidArgument: the link itself is malformed.
    """
    from whatsapp_mcp.media.source import web

    web.check_link(link, field=field)
    resolve = resolver or web.system_resolver
    found: LinkPreview | None = None
    with anyio.move_on_after(policy.preview_timeout):
        page = await _page(link, policy, resolve)
        if page is not None:
            found, picture_link = page
            picture = await _picture(picture_link, policy, resolve) if picture_link else None
            found = LinkPreview(found.url, found.title, found.description, picture)
    return found


async def _page(link: str, policy: MediaPolicy, resolver: Resolver) -> tuple[LinkPreview, str] | None:
    """The preview without its picture, and the picture's link."""
    from whatsapp_mcp.media.source import web
    from whatsapp_mcp.media.source.pages import describe

    data = bytearray()
    try:
        async with web.get(link, field="link", policy=policy, resolver=resolver, accept=_ACCEPT_PAGE) as body:
            media_type = body.content_type.partition(";")[0].strip().lower()
            if media_type not in ("text/html", "application/xhtml+xml", ""):
                return None
            async for chunk in body.chunks:
                data += chunk
                if len(data) >= policy.page_limit:
                    break  # what counts stands at the top
            url, content_type = body.url, body.content_type
    except (WhatsAppMcpError, OSError):
        return None
    about = await to_thread.run_sync(lambda: describe(bytes(data[: policy.page_limit]), content_type))
    title = _one_line(about.title, _MAX_TITLE)
    if not title:
        return None
    try:
        picture_link = urljoin(urljoin(url, about.base), about.picture) if about.picture else ""
    except ValueError:
        picture_link = ""
    return LinkPreview(url, title, _one_line(about.description, _MAX_DESCRIPTION), None), picture_link


async def _picture(link: str, policy: MediaPolicy, resolver: Resolver) -> LinkPicture | None:
    from whatsapp_mcp.media.source import web

    data = bytearray()
    try:
        async with web.get(link, field="link", policy=policy, resolver=resolver, accept=_ACCEPT_PICTURE) as body:
            async for chunk in body.chunks:
                data += chunk
                if len(data) > policy.preview_image_limit:
                    return None
        return await to_thread.run_sync(lambda: _small(bytes(data)))
    except (WhatsAppMcpError, UnusableMedia, OSError, ValueError):
        return None


def _small(data: bytes) -> LinkPicture:
    from whatsapp_mcp.media.convert import images

    picture = images.load(data, least_side=_PICTURE_SIDE)
    jpeg = images.thumbnail(picture, side=_PICTURE_SIDE, quality=75)
    factor = min(1.0, _PICTURE_SIDE / max(picture.size))
    width, height = (max(1, round(side * factor)) for side in picture.size)
    return LinkPicture(images.thumbnail(picture), jpeg, width, height)


def _one_line(text: str, size: int) -> str:
    """Text of a page as one clean line: no control, bidi or other invisible characters, capped."""
    text = re.sub(r"\s+", " ", text)
    text = "".join(char for char in text if unicodedata.category(char)[0] != "C" or char in "\u200c\u200d")
    return text.strip()[:size]

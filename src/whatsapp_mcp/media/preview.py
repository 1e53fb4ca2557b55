"""The preview of a link: title, description and picture of the page, fetched under the same guard as every link.

A preview is a courtesy: whatever goes wrong with it (no answer, no title, a private address), the message goes out
without one.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

import anyio
from anyio import to_thread

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.media import limits
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.work import UnusableMedia
from whatsapp_mcp.models.outgoing import LinkOut

if TYPE_CHECKING:
    from whatsapp_mcp.media.source.pages import About

_ACCEPT_PAGE: Final = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"
_ACCEPT_PICTURE: Final = "image/jpeg,image/png,image/webp,image/gif;q=0.8"


async def preview(link: str, *, field: str, policy: MediaPolicy, caption: str = "") -> LinkOut:
    """The link with what its page says about itself, as far as that can be had in ``policy.preview_timeout`` seconds.

    Raises:
        InvalidArgument: the link itself is malformed.
    """
    from whatsapp_mcp.media.source.pages import About
    from whatsapp_mcp.media.source.web import check_link

    check_link(link, field=field)
    page, thumbnail = About(), b""
    with anyio.move_on_after(policy.preview_timeout):
        page = await _page(link, policy)
        if page.picture:
            thumbnail = await _thumbnail(page.picture, policy)
    return LinkOut(link=link, caption=caption, title=page.title, description=page.description, thumbnail=thumbnail)


async def _page(link: str, policy: MediaPolicy) -> About:
    """What the page says, its texts cleaned and the picture's link complete; nothing if it has no title."""
    from whatsapp_mcp.media.source import web
    from whatsapp_mcp.media.source.pages import About, describe

    data = bytearray()
    try:
        async with web.get(link, field="link", policy=policy, accept=_ACCEPT_PAGE) as body:
            media_type = body.content_type.partition(";")[0].strip().lower()
            if media_type not in ("text/html", "application/xhtml+xml", ""):
                return About()
            async for chunk in body.chunks:
                data += chunk
                if len(data) >= policy.page_limit:
                    break  # what counts stands at the top
            url, content_type = body.url, body.content_type
    except (WhatsAppMcpError, OSError):
        return About()
    about = await to_thread.run_sync(lambda: describe(bytes(data[: policy.page_limit]), content_type))
    title = _one_line(about.title, limits.TITLE_CHARACTERS)
    if not title:
        return About()
    try:
        picture = urljoin(urljoin(url, about.base), about.picture) if about.picture else ""
    except ValueError:
        picture = ""
    return About(title=title, description=_one_line(about.description, limits.DESCRIPTION_CHARACTERS), picture=picture)


async def _thumbnail(link: str, policy: MediaPolicy) -> bytes:
    """A small JPEG of the picture; empty if it cannot be had."""
    from whatsapp_mcp.media.source import web

    data = bytearray()
    try:
        async with web.get(link, field="link", policy=policy, accept=_ACCEPT_PICTURE) as body:
            async for chunk in body.chunks:
                data += chunk
                if len(data) > policy.preview_image_limit:
                    return b""
        return await to_thread.run_sync(lambda: _small(bytes(data)))
    except (WhatsAppMcpError, UnusableMedia, OSError, ValueError):
        return b""


def _small(data: bytes) -> bytes:
    from whatsapp_mcp.media.convert import images

    return images.thumbnail(images.load(data, least_side=limits.PHOTO_COMPRESSED_WIDTH))


def _one_line(text: str, size: int) -> str:
    """Text of a page as one clean line: no control, bidi or other invisible characters, capped."""
    text = re.sub(r"\s+", " ", text)
    text = "".join(char for char in text if unicodedata.category(char)[0] != "C" or char in "\u200c\u200d")
    return text.strip()[:size]

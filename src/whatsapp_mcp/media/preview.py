"""The preview of a link: title, description and picture of the page, fetched under the same guard as every link.

A preview is a courtesy: whatever goes wrong with it (no answer, no title, a private address), the message goes out
without one.
"""

from __future__ import annotations

import re
import unicodedata
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin

import anyio
from anyio import to_thread

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.media import downloads, limits
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.facts import F, ThumbnailFacts
from whatsapp_mcp.media.jobs import Job, Task
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.work import UnusableMedia
from whatsapp_mcp.models.outgoing import LinkOut
from whatsapp_mcp.private_files import new_private_file

if TYPE_CHECKING:
    from whatsapp_mcp.media.source.pages import About

_ACCEPT_PAGE: Final = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.1"
_ACCEPT_PICTURE: Final = "image/jpeg,image/png,image/webp,image/gif;q=0.8"


async def preview(
    link: str, *, field: str, policy: MediaPolicy, caption: str = "", decoders: DecoderPool | None = None
) -> LinkOut:
    """The link with what its page says about itself, as far as that can be had in ``policy.preview_timeout`` seconds.

    Page and picture are read in a decoder process. ``decoders``: None: one for this link alone.

    Raises:
        InvalidArgument: the link itself is malformed.
    """
    from whatsapp_mcp.media.source.pages import About
    from whatsapp_mcp.media.source.web import check_link

    check_link(link, field=field)
    page, thumbnail = About(), b""
    with anyio.move_on_after(policy.preview_timeout):
        async with AsyncExitStack() as stack:
            if decoders is None:
                decoders = await stack.enter_async_context(DecoderPool())
            reader = _Reader(policy, decoders)
            page = await reader.page(link)
            if page.picture:
                thumbnail = await reader.thumbnail(page.picture)
    return LinkOut(link=link, caption=caption, title=page.title, description=page.description, thumbnail=thumbnail)


@dataclass(frozen=True, slots=True)
class _Reader:
    policy: MediaPolicy
    decoders: DecoderPool

    async def page(self, link: str) -> About:
        """What the page says, its texts cleaned and the picture's link complete; nothing if it has no title."""
        from whatsapp_mcp.media.source import web
        from whatsapp_mcp.media.source.pages import About

        data = bytearray()
        try:
            async with web.get(link, field="link", policy=self.policy, accept=_ACCEPT_PAGE) as body:
                media_type = body.content_type.partition(";")[0].strip().lower()
                if media_type not in ("text/html", "application/xhtml+xml", ""):
                    return About()
                async for chunk in body.chunks:
                    data += chunk
                    if len(data) >= self.policy.page_limit:
                        break  # what counts stands at the top
                url, content_type = body.url, body.content_type
            about = await self._decoded("page", bytes(data[: self.policy.page_limit]), About, content_type)
        except (WhatsAppMcpError, UnusableMedia, OSError):
            return About()
        title = _one_line(about.title, limits.TITLE_CHARACTERS)
        if not title:
            return About()
        try:
            picture = urljoin(urljoin(url, about.base), about.picture) if about.picture else ""
        except ValueError:
            picture = ""
        return About(
            title=title, description=_one_line(about.description, limits.DESCRIPTION_CHARACTERS), picture=picture
        )

    async def thumbnail(self, link: str) -> bytes:
        """A small JPEG of the picture; empty if it cannot be had."""
        from whatsapp_mcp.media.source import web

        data = bytearray()
        try:
            async with web.get(link, field="link", policy=self.policy, accept=_ACCEPT_PICTURE) as body:
                async for chunk in body.chunks:
                    data += chunk
                    if len(data) > self.policy.preview_image_limit:
                        return b""
            return (await self._decoded("thumbnail", bytes(data), ThumbnailFacts)).thumbnail
        except (WhatsAppMcpError, UnusableMedia, OSError, ValueError):
            return b""

    async def _decoded(self, task: Task, data: bytes, expected: type[F], mimetype: str = "") -> F:
        """What a decoder process finds in these bytes."""
        place = await to_thread.run_sync(downloads.draft, self.policy.temp)
        try:
            await to_thread.run_sync(_write, place, data)
            return await self.decoders.run(Job(task=task, source=str(place), mimetype=mimetype), expected)
        finally:
            downloads.discard(place)


def _write(place: Path, data: bytes) -> None:
    with new_private_file(place) as file:
        file.write(data)


def _one_line(text: str, size: int) -> str:
    """Text of a page as one clean line: no control, bidi or other invisible characters, capped."""
    text = re.sub(r"\s+", " ", text)
    text = "".join(char for char in text if unicodedata.category(char)[0] != "C" or char in "\u200c\u200d")
    return text.strip()[:size]

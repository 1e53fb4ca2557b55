"""A received picture as it may be shown to a model: decoded and made small here, whatever its sender called it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from anyio import to_thread

from whatsapp_mcp.media import downloads, sniffing
from whatsapp_mcp.media.decoder_pool import DecoderPool
from whatsapp_mcp.media.facts import NoFacts
from whatsapp_mcp.media.jobs import Job
from whatsapp_mcp.media.kinds import Kind
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.work import UnusableMedia

_PICTURES: Final = ("image/jpeg", "image/png", "image/webp", "image/gif", "image/avif", "image/heic", "image/bmp")
"""By content. SVG is text and TIFF is seldom meant to be looked at."""


def may_be_shown(kind: Kind) -> bool:
    """Whether this is a picture, by its content."""
    return kind.mimetype in _PICTURES


async def shown_picture(path: Path, *, policy: MediaPolicy, decoders: DecoderPool | None = None) -> bytes | None:
    """A small JPEG; None: by its content this is no picture, or it is too large to be looked into.

    Raises:
        UnusableMedia: it is a picture, but cannot be decoded.
        StoreError: the temporary folder cannot be written.
    """
    kind, size = await to_thread.run_sync(lambda: (sniffing.sniff(path), path.stat().st_size))
    if not may_be_shown(kind):
        return None
    if size > policy.image_limit:
        raise UnusableMedia("it is too large to be shown.")
    if decoders is None:
        async with DecoderPool() as decoders:
            return await _decoded(path, policy.temp, decoders)
    return await _decoded(path, policy.temp, decoders)


async def _decoded(path: Path, folder: Path, decoders: DecoderPool) -> bytes:
    target = await to_thread.run_sync(downloads.draft, folder)
    try:
        await decoders.run(Job(task="shown", source=str(path), target=str(target)), NoFacts)
        return await to_thread.run_sync(target.read_bytes)
    finally:
        downloads.discard(target)

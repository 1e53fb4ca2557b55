"""Files on their way out: what may be sent, and pictures made ready for the session process."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import anyio.to_thread

from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.prepare import prepare_photo
from whatsapp_mcp.operations.outcome import Progress
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.private_files import ensure_private_folder, write_private
from whatsapp_mcp.settings import Settings

__all__ = ["UPLOAD_TIMEOUT", "media_policy", "square_photo"]

UPLOAD_TIMEOUT: Final = 75.0
"""Seconds; a large file takes longer than a message."""


def media_policy(settings: Settings) -> MediaPolicy:
    """What may be sent and fetched under these settings."""
    return MediaPolicy(
        outbox=settings.outbox_folders,
        forbidden=settings.data_dir,
        temp=settings.media_dir / "outgoing",
        allow_loopback=settings.allow_loopback_urls,
    )


@asynccontextmanager
async def square_photo(services: Services, source: str, field: str, progress: Progress) -> AsyncIterator[Path]:
    """A square JPEG in a private file for the session process; gone afterwards."""
    policy = media_policy(services.settings)
    photo = await prepare_photo(source, field=field, policy=policy, progress=progress)
    path = policy.temp / f"photo-{secrets.token_hex(8)}.jpg"
    await anyio.to_thread.run_sync(_write_photo, path, photo.jpeg)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write_photo(path: Path, data: bytes) -> None:
    ensure_private_folder(path.parent)
    write_private(path, data)

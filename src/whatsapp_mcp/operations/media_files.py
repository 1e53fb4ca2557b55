"""Files on their way out: what may be sent, and what an argument names."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.media.downloads import TEMPORARY
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.prepare import MediaSource
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.settings import Settings

UPLOAD_TIMEOUT: Final = 75.0
"""Seconds, for a picture of a profile or a group."""
DOWNLOAD_TIMEOUT: Final = 180.0


def media_policy(settings: Settings) -> MediaPolicy:
    """What may be sent and fetched under these settings."""
    return MediaPolicy(
        outbox=settings.outbox_folders,
        forbidden=settings.data_dir,
        temp=settings.media_dir / TEMPORARY,
        allow_loopback=settings.allow_loopback_urls,
    )


def media_source(services: Services, **arguments: str | None) -> MediaSource:
    """What the one argument names that was given."""
    field, source = next((field, source) for field, source in arguments.items() if source)
    return MediaSource(source, field, media_policy(services.settings), services.decoders)

"""Which files and links the operations may use."""

from __future__ import annotations

from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.settings import Settings

__all__ = ["media_policy"]


def media_policy(settings: Settings) -> MediaPolicy:
    """What may be sent and fetched under these settings."""
    return MediaPolicy(
        outbox=settings.outbox_folders,
        forbidden=settings.data_dir,
        temp=settings.media_dir / "outgoing",
        allow_loopback=settings.allow_loopback_urls,
    )

"""Which place it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from whatsapp_mcp.buckets import BucketPrefix
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.extras import S3
from whatsapp_mcp.media.received.folder import MediaFolder
from whatsapp_mcp.media.received.place import ReceivedMedia


@cache
def received_media(where: Path | BucketPrefix) -> ReceivedMedia:
    """Opens nothing yet. The same for all who ask in a process: connections to a bucket are used again.

    Raises:
        SetupError: it is a bucket, and the extra for that is not there, or the AWS variables are wrong.
    """
    if isinstance(where, Path):
        return MediaFolder(where)
    if not S3.installed:
        raise SetupError(
            f"media cannot be kept in {where}: the extra `{S3.name}` is not installed",
            next_step=f"Install whatsapp-web-mcp[{S3.name}] (`whatsapp-mcp doctor` says how), or unset "
            "WHATSAPP_MCP_MEDIA.",
        )
    from whatsapp_mcp.media.received.bucket import MediaBucket  # with its library, which few have

    return MediaBucket.at(where)

"""Which place it is."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from whatsapp_mcp.buckets import SCHEME, BucketPrefix, prefix_from
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.extras import S3
from whatsapp_mcp.media.received.folder import FolderFile, MediaFolder
from whatsapp_mcp.media.received.place import ReceivedFile, ReceivedMedia, SharedFiles
from whatsapp_mcp.whereabouts import Whereabouts


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


def shared_files(where: BucketPrefix, store: Whereabouts) -> SharedFiles | None:
    """Where files of held messages lie for whichever machine holds the account then; None: there is but this one.
    Raises SetupError as `received_media`."""
    if isinstance(store, Path):
        return None
    from whatsapp_mcp.media.received.bucket import MediaBucket

    found = received_media(where)
    assert isinstance(found, MediaBucket), "it is of a bucket"
    return found


def file_at(where: str) -> ReceivedFile:
    """What `ReceivedFile.where` said. Raises StoreError: it is not there, or cannot be reached."""
    if not where.startswith(SCHEME):
        return FolderFile(Path(where))
    from whatsapp_mcp.media.received.bucket import MediaBucket

    place, _, name = where.rpartition("/")
    return MediaBucket.at(prefix_from(place)).named(name)


def copy_media(old: Path | BucketPrefix, new: Path | BucketPrefix) -> None:
    """For an account that gets another name. A folder moves with the account.

    Raises:
        SetupError, StoreError: as of what ``received_media`` gives.
    """
    if isinstance(old, BucketPrefix) and isinstance(new, BucketPrefix):
        from whatsapp_mcp.media.received.bucket import MediaBucket

        MediaBucket.at(old).copy_all_to(new)

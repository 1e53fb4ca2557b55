"""downloadMessageMedia: a received file, fetched and kept."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.limits import MIB
from whatsapp_mcp.operations.media_files import UPLOAD_TIMEOUT, media_policy
from whatsapp_mcp.operations.outcome import Image, Outcome, Progress
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import stored_message
from whatsapp_mcp.pipe.messages import DownloadMedia, MessageRef
from whatsapp_mcp.private_files import ensure_private_folder

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

INLINE_LIMIT: Final = MIB // 2
"""Bytes of a downloaded picture that is shown in the result; some clients refuse results above 1 MiB."""


@operation("downloadMessageMedia")
async def download_message_media(
    services: Services, arguments: args.DownloadMessageMediaArguments, progress: Progress
) -> Outcome:
    chat, message = await stored_message(services, arguments["message_id"], arguments["phone"])
    if not message.media_mimetype:
        raise InvalidArgument("message_id: this message has no media", field="message_id")
    place = downloads.target(
        services.settings.media_dir,
        chat=chat,
        message_id=message.id,
        mimetype=message.media_mimetype,
        name=message.file_name,
    )
    if not await anyio.to_thread.run_sync(downloads.is_kept, place):
        await progress(0.1, 1.0, "downloading")
        temporary = media_policy(services.settings).temp / f"download-{secrets.token_hex(8)}"
        await anyio.to_thread.run_sync(ensure_private_folder, temporary.parent)
        command = DownloadMedia(target=MessageRef.of(message), path=str(temporary))
        try:
            await services.session.call(command, timeout=UPLOAD_TIMEOUT)
            await anyio.to_thread.run_sync(downloads.keep, temporary, place)
        finally:
            temporary.unlink(missing_ok=True)
    return await anyio.to_thread.run_sync(_downloaded, place, message.media_mimetype, message.id)


def _downloaded(path: Path, mimetype: str, message_id: str) -> Outcome:
    size = path.stat().st_size
    base = mimetype.partition(";")[0].strip()
    images: tuple[Image, ...] = ()
    if base in ("image/jpeg", "image/png", "image/webp", "image/gif") and size <= INLINE_LIMIT:
        images = (Image(path.read_bytes(), base),)
    results: dict[str, Any] = {
        "message_id": message_id,
        "file_path": str(path),
        "filename": path.name,
        "media_type": mimetype,
        "file_size": size,
    }
    return Outcome("The media was downloaded.", results, untrusted=True, images=images)

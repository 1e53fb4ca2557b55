"""downloadMessageMedia: a received file, fetched and kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread

from whatsapp_mcp.errors import InvalidArgument, StoreError
from whatsapp_mcp.media import sniffing
from whatsapp_mcp.media.kinds import Kind
from whatsapp_mcp.media.received.place import ReceivedFile, on_disk
from whatsapp_mcp.media.shown import may_be_shown, shown_picture
from whatsapp_mcp.media.work import UnusableMedia
from whatsapp_mcp.operations.media_files import kept_media, media_policy
from whatsapp_mcp.operations.outcome import Image, KeptFile, Outcome
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import stored_message
from whatsapp_mcp.waiting import waits_for

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

_MIME: Final = re.compile(r"[\w.+-]{1,60}/[\w.+-]{1,100}(?: ?; ?[\w.+-]{1,40}=[\w.+-]{1,60})?", re.ASCII)
"""What a sender may call a file; anything else is called by its content."""


@operation("downloadMessageMedia")
async def download_message_media(services: Services, arguments: args.DownloadMessageMediaArguments) -> Outcome:
    chat, message = await stored_message(services, arguments["message_id"], arguments["phone"])
    if not message.media_mimetype:
        raise InvalidArgument("message_id: this message has no media", field="message_id")
    file = await kept_media(services, message)
    with waits_for("looking at the file"):
        kind = await anyio.to_thread.run_sync(_kind_of, file)
        said, images = await _look(services, file, kind, message.media_mimetype)
    kept = KeptFile(file, kind.mimetype, chat, message.id)
    results = await anyio.to_thread.run_sync(_facts, kept, message.media_mimetype, services.settings.media_link_seconds)
    return Outcome(f"The media was downloaded.{said}", results, untrusted=True, images=images, file=kept)


def _kind_of(file: ReceivedFile) -> Kind:
    with file.opened() as opened:
        return sniffing.sniff_open(opened)


async def _look(services: Services, file: ReceivedFile, kind: Kind, mimetype: str) -> tuple[str, tuple[Image, ...]]:
    """A picture as this server made it from the file, or a sentence that says why there is none."""
    policy, picture = media_policy(services.settings), None
    try:
        if may_be_shown(kind):
            if file.size > policy.image_limit:
                raise UnusableMedia("it is too large to be shown.")
            async with on_disk(file, policy.temp) as place:
                picture = await shown_picture(place, policy=policy, decoders=services.decoders)
    except (UnusableMedia, StoreError):
        return " It is a picture, but it cannot be shown here.", ()
    if picture is not None:
        return "", (Image(picture, "image/jpeg"),)
    return (" It was sent as a picture, but by its content it is none." if _is_picture(mimetype) else ""), ()


def _is_picture(mimetype: str) -> bool:
    return mimetype.strip().lower().startswith("image/")


def _facts(kept: KeptFile, mimetype: str, link_seconds: int) -> dict[str, Any]:
    file = kept.file
    return {
        "message_id": kept.message_id,
        "file_path": file.where,
        "file_url": file.link(link_seconds) if link_seconds else None,
        "filename": file.name,
        "media_type": mimetype if _MIME.fullmatch(mimetype) else kept.mime_type,
        "file_size": file.size,
    }

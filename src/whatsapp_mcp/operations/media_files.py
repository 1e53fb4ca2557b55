"""Files on their way out: what may be sent, and what an argument names."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

import anyio.to_thread

from whatsapp_mcp.errors import InvalidArgument, NotFound, SessionTimeout, StoreError, WhatsAppMcpError
from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.downloads import TEMPORARY
from whatsapp_mcp.media.limits import MIB
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.prepare import MediaSource
from whatsapp_mcp.media.received.place import ReceivedFile
from whatsapp_mcp.media.shown import shown_picture
from whatsapp_mcp.media.work import UnusableMedia
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import stored_message
from whatsapp_mcp.pipe.messages import DownloadMedia, MessageRef
from whatsapp_mcp.pipe.profiles import DownloadPicture
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.waiting import waits_for

OF_MESSAGE: Final = "message:"
"""Before the id of a message, whose media is meant."""
UPLOAD_TIMEOUT: Final = 75.0
"""Seconds, for a picture of a profile or a group."""
DOWNLOAD_TIMEOUT: Final = 180.0
"""Seconds, and as many more as the file takes over the slowest line."""
KEEP_TIMEOUT: Final = 120.0
"""Seconds, and as many more, to put it into a bucket."""
SLOWEST_LINE: Final = 1_000_000
"""Bytes a second."""
_PICTURE_LIMIT: Final = 2 * MIB
"""Of a profile, which phones make 640 pixels wide."""
_PICTURE_SECONDS: Final = 20.0


def media_policy(settings: Settings) -> MediaPolicy:
    """What may be sent and fetched under these settings."""
    return MediaPolicy(
        outbox=settings.outbox_folders,
        forbidden=settings.data_dir,
        temp=settings.media_dir / TEMPORARY,
        allow_loopback=settings.allow_loopback_urls,
    )


async def sending_policy(services: Services, source: str) -> MediaPolicy:
    """The same for what this caller sends; if a file is named, the caller's own folders count as an outbox too."""
    policy = media_policy(services.settings)
    if source[:5].lower() == "data:" or source.startswith(OF_MESSAGE) or "://" in source[:32]:
        return policy
    return replace(policy, outbox=(*policy.outbox, *await services.roots()))


async def media_source(services: Services, *, name: str | None = None, **arguments: str | None) -> MediaSource:
    """What the one argument names that was given; ``name`` is what others see it called.

    Raises:
        WhatsAppMcpError: it names a message whose media cannot be had.
    """
    field, source = next((field, source) for field, source in arguments.items() if source)
    kept: ReceivedFile | None = None
    if (message := await message_with_media(services, field, source)) is not None:
        kept, name = await kept_media(services, message), name or message.file_name
    policy = await sending_policy(services, source)
    return MediaSource(source, field, policy, services.decoders, name=name, kept=kept)


async def message_with_media(services: Services, field: str, source: str) -> Message | None:
    """The message whose media ``message:ID`` names; None: it names something else.

    Raises:
        NotFound: there is no such message for this caller.
        InvalidArgument: it has no media.
    """
    if not source.startswith(OF_MESSAGE):
        return None
    try:
        _, message = await stored_message(services, source.removeprefix(OF_MESSAGE))
    except (NotFound, InvalidArgument) as error:
        error.details["field"] = field
        raise
    if not message.media_mimetype:
        raise InvalidArgument(f"{field}: this message has no media", field=field)
    return message


async def kept_media(services: Services, message: Message) -> ReceivedFile:
    """The file of a message, fetched if it was not."""
    which = DownloadedFile(
        message.chat, message.id, message.media_mimetype or "", message.file_name, message.file_sha256
    )
    found = await anyio.to_thread.run_sync(services.received.find, which)
    if found is not None:
        return found
    try:
        await services.under_way.joined(
            f"download {which}", message.id, partial(_fetch, services, message, which), services.until
        )
    except TimeoutError:
        raise SessionTimeout(
            "the file is still being downloaded", next_step="Call again: it goes on meanwhile."
        ) from None
    found = await anyio.to_thread.run_sync(services.received.find, which)
    if found is None:
        raise StoreError(
            f"the file was downloaded, but not to {services.received}",
            next_step="WHATSAPP_MCP_MEDIA is not the same in all servers of this account: make it so, close all of "
            "them and call again.",
        )
    return found


async def profile_picture(services: Services, url: str) -> bytes | None:
    """A small JPEG of a picture that WhatsApp told the address of; None: it cannot be had, or is none."""
    policy = media_policy(services.settings)
    place = await anyio.to_thread.run_sync(downloads.draft, policy.temp)
    try:
        command = DownloadPicture(url=url, path=str(place), limit=_PICTURE_LIMIT, seconds=_PICTURE_SECONDS)
        with waits_for("fetching the picture"):
            await services.session.call(command, timeout=_PICTURE_SECONDS + 1)
            return await shown_picture(place, policy=policy, decoders=services.decoders)
    except (UnusableMedia, WhatsAppMcpError, OSError):
        return None
    finally:
        downloads.discard(place)


async def _fetch(services: Services, message: Message, which: DownloadedFile) -> None:
    """Have it downloaded and kept, also for whoever asks for it next."""
    limit = services.settings.download_limit * MIB
    claimed = min(max(message.file_length or 0, 0), limit)  # by a stranger
    seconds = DOWNLOAD_TIMEOUT + claimed / SLOWEST_LINE
    command = DownloadMedia(target=MessageRef.of(message), file=which, limit=limit, seconds=seconds - 1)
    keeping = KEEP_TIMEOUT + claimed / SLOWEST_LINE if services.settings.media else 0.0
    await services.session.call(command, timeout=seconds + keeping)

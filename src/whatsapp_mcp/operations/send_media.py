"""Operations that send files."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.media.prepare import MediaSource
from whatsapp_mcp.models.outgoing import MediaOut
from whatsapp_mcp.operations.media_files import UPLOAD_TIMEOUT, media_source
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.sending import Envelope, addressed, send
from whatsapp_mcp.operations.services import Services

__all__: list[str] = []


async def _begin(
    services: Services, arguments: Arguments, progress: Progress, *fields: str
) -> tuple[Envelope, MediaSource]:
    """First whatever is cheap to find wrong. The envelope, and the one source that was given in ``fields``."""
    envelope = await addressed(services, arguments)
    given = [field for field in fields if arguments.get(field)]
    if len(given) != 1:
        raise InvalidArgument(f"exactly one of {' and '.join(fields)} is needed", field=fields[0])
    await services.session.ready()
    return envelope, media_source(services, arguments, given[0], progress)


async def _send(
    services: Services, envelope: Envelope, progress: Progress, prepared: AbstractAsyncContextManager[MediaOut]
) -> Outcome:
    async with prepared as media:
        await progress(0.9, 1.0, "uploading")
        return await send(services, envelope, media, timeout=UPLOAD_TIMEOUT)


@operation("sendImage")
async def send_image(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    envelope, source = await _begin(services, arguments, progress, "image", "image_url")
    image = source.as_image(
        caption=arguments.get("caption") or "",
        view_once=arguments.get("view_once", False),
        compress=arguments.get("compress", False),
        hd=arguments.get("hd", False),
    )
    return await _send(services, envelope, progress, image)


@operation("sendVideo")
async def send_video(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    envelope, source = await _begin(services, arguments, progress, "video", "video_url")
    video = source.as_video(
        caption=arguments.get("caption") or "",
        view_once=arguments.get("view_once", False),
        gif=arguments.get("gif_playback", False),
        compress=arguments.get("compress", False),
        hd=arguments.get("hd", False),
    )
    return await _send(services, envelope, progress, video)


@operation("sendAudio")
async def send_audio(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    envelope, source = await _begin(services, arguments, progress, "audio", "audio_url")
    audio = source.as_voice_note() if arguments.get("ptt", False) else source.as_audio()
    return await _send(services, envelope, progress, audio)


@operation("sendFile")
async def send_file(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    envelope, source = await _begin(services, arguments, progress, "file", "file_url")
    return await _send(services, envelope, progress, source.as_document(caption=arguments.get("caption") or ""))


@operation("sendSticker")
async def send_sticker(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    envelope, source = await _begin(services, arguments, progress, "sticker", "sticker_url")
    return await _send(services, envelope, progress, source.as_sticker())

"""Operations that send files."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from whatsapp_mcp.models.outgoing import MediaOut
from whatsapp_mcp.operations.media_files import UPLOAD_TIMEOUT, media_source
from whatsapp_mcp.operations.outcome import Outcome, Progress
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.sending import Envelope, addressed, send
from whatsapp_mcp.operations.services import Services

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args


async def _send(
    services: Services, envelope: Envelope, progress: Progress, prepared: AbstractAsyncContextManager[MediaOut]
) -> Outcome:
    await services.session.ready()  # before anything is fetched or converted
    async with prepared as media:
        await progress(0.9, 1.0, "uploading")
        return await send(services, envelope, media, timeout=UPLOAD_TIMEOUT)


@operation("sendImage")
async def send_image(services: Services, arguments: args.SendImageArguments, progress: Progress) -> Outcome:
    source = media_source(services, progress, image=arguments.get("image"), image_url=arguments.get("image_url"))
    envelope = await addressed(
        services, arguments, reply_to=arguments.get("reply_message_id"), forwarded=arguments.get("is_forwarded", False)
    )
    image = source.as_image(
        caption=arguments.get("caption") or "",
        view_once=arguments.get("view_once", False),
        compress=arguments.get("compress", False),
        hd=arguments.get("hd", False),
    )
    return await _send(services, envelope, progress, image)


@operation("sendVideo")
async def send_video(services: Services, arguments: args.SendVideoArguments, progress: Progress) -> Outcome:
    source = media_source(services, progress, video=arguments.get("video"), video_url=arguments.get("video_url"))
    envelope = await addressed(
        services, arguments, reply_to=arguments.get("reply_message_id"), forwarded=arguments.get("is_forwarded", False)
    )
    video = source.as_video(
        caption=arguments.get("caption") or "",
        view_once=arguments.get("view_once", False),
        gif=arguments.get("gif_playback", False),
        compress=arguments.get("compress", False),
        hd=arguments.get("hd", False),
    )
    return await _send(services, envelope, progress, video)


@operation("sendAudio")
async def send_audio(services: Services, arguments: args.SendAudioArguments, progress: Progress) -> Outcome:
    source = media_source(services, progress, audio=arguments.get("audio"), audio_url=arguments.get("audio_url"))
    envelope = await addressed(
        services, arguments, reply_to=arguments.get("reply_message_id"), forwarded=arguments.get("is_forwarded", False)
    )
    audio = source.as_voice_note() if arguments.get("ptt", False) else source.as_audio()
    return await _send(services, envelope, progress, audio)


@operation("sendFile")
async def send_file(services: Services, arguments: args.SendFileArguments, progress: Progress) -> Outcome:
    source = media_source(services, progress, file=arguments.get("file"), file_url=arguments.get("file_url"))
    envelope = await addressed(
        services, arguments, reply_to=arguments.get("reply_message_id"), forwarded=arguments.get("is_forwarded", False)
    )
    return await _send(services, envelope, progress, source.as_document(caption=arguments.get("caption") or ""))


@operation("sendSticker")
async def send_sticker(services: Services, arguments: args.SendStickerArguments, progress: Progress) -> Outcome:
    given, link = arguments.get("sticker"), arguments.get("sticker_url")
    source = media_source(services, progress, sticker=given, sticker_url=link)
    envelope = await addressed(services, arguments, forwarded=arguments.get("is_forwarded", False))
    return await _send(services, envelope, progress, source.as_sticker())

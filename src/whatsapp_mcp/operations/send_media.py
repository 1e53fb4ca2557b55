"""Operations that send files."""

from __future__ import annotations

import base64

from whatsapp_mcp.catalog import arguments as args
from whatsapp_mcp.media.prepare import (
    prepared_audio,
    prepared_document,
    prepared_image,
    prepared_sticker,
    prepared_video,
)
from whatsapp_mcp.models.outgoing import MediaOut
from whatsapp_mcp.operations.media_files import UPLOAD_TIMEOUT, media_policy
from whatsapp_mcp.operations.outcome import Outcome, Progress
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.sending import Envelope, addressed, send
from whatsapp_mcp.operations.services import Services

__all__: list[str] = []


def _source(**arguments: str | None) -> tuple[str, str]:
    """The one of two arguments that was given, and its name."""
    field, source = next((field, source) for field, source in arguments.items() if source)
    return source, field


def _text64(data: bytes | None) -> str:
    return base64.b64encode(data or b"").decode()


async def _send(services: Services, envelope: Envelope, progress: Progress, out: MediaOut) -> Outcome:
    await progress(0.9, 1.0, "uploading")
    return await send(services, envelope, out, timeout=UPLOAD_TIMEOUT)


@operation("sendImage")
async def send_image(services: Services, arguments: args.SendImageArguments, progress: Progress) -> Outcome:
    source, field = _source(image=arguments.get("image"), image_url=arguments.get("image_url"))
    envelope = await addressed(
        services, arguments, reply_to=arguments.get("reply_message_id"), forwarded=arguments.get("is_forwarded", False)
    )
    await services.session.ready()
    async with prepared_image(
        source,
        field=field,
        policy=media_policy(services.settings),
        progress=progress,
        compress=arguments.get("compress", False),
        hd=arguments.get("hd", False),
    ) as image:
        out = MediaOut(
            media="image",
            path=str(image.path),
            mimetype=image.mimetype,
            file_length=image.file_length,
            caption=arguments.get("caption") or "",
            width=image.width,
            height=image.height,
            thumbnail_base64=_text64(image.thumbnail),
            view_once=arguments.get("view_once", False),
        )
        return await _send(services, envelope, progress, out)


@operation("sendVideo")
async def send_video(services: Services, arguments: args.SendVideoArguments, progress: Progress) -> Outcome:
    source, field = _source(video=arguments.get("video"), video_url=arguments.get("video_url"))
    envelope = await addressed(
        services, arguments, reply_to=arguments.get("reply_message_id"), forwarded=arguments.get("is_forwarded", False)
    )
    await services.session.ready()
    async with prepared_video(
        source,
        field=field,
        policy=media_policy(services.settings),
        progress=progress,
        compress=arguments.get("compress", False),
        hd=arguments.get("hd", False),
    ) as video:
        out = MediaOut(
            media="video",
            path=str(video.path),
            mimetype=video.mimetype,
            file_length=video.file_length,
            caption=arguments.get("caption") or "",
            seconds=video.seconds,
            width=video.width,
            height=video.height,
            thumbnail_base64=_text64(video.thumbnail),
            view_once=arguments.get("view_once", False),
            gif=arguments.get("gif_playback", False),
        )
        return await _send(services, envelope, progress, out)


@operation("sendAudio")
async def send_audio(services: Services, arguments: args.SendAudioArguments, progress: Progress) -> Outcome:
    source, field = _source(audio=arguments.get("audio"), audio_url=arguments.get("audio_url"))
    envelope = await addressed(
        services, arguments, reply_to=arguments.get("reply_message_id"), forwarded=arguments.get("is_forwarded", False)
    )
    await services.session.ready()
    voice = arguments.get("ptt", False)
    policy = media_policy(services.settings)
    async with prepared_audio(source, field=field, policy=policy, progress=progress, voice=voice) as audio:
        out = MediaOut(
            media="voice" if voice else "audio",
            path=str(audio.path),
            mimetype=audio.mimetype,
            file_length=audio.file_length,
            seconds=audio.seconds,
            waveform_base64=_text64(audio.waveform),
        )
        return await _send(services, envelope, progress, out)


@operation("sendFile")
async def send_file(services: Services, arguments: args.SendFileArguments, progress: Progress) -> Outcome:
    source, field = _source(file=arguments.get("file"), file_url=arguments.get("file_url"))
    envelope = await addressed(
        services, arguments, reply_to=arguments.get("reply_message_id"), forwarded=arguments.get("is_forwarded", False)
    )
    await services.session.ready()
    policy = media_policy(services.settings)
    async with prepared_document(source, field=field, policy=policy, progress=progress) as document:
        out = MediaOut(
            media="document",
            path=str(document.path),
            mimetype=document.mimetype,
            file_length=document.file_length,
            caption=arguments.get("caption") or "",
            file_name=document.file_name,
        )
        return await _send(services, envelope, progress, out)


@operation("sendSticker")
async def send_sticker(services: Services, arguments: args.SendStickerArguments, progress: Progress) -> Outcome:
    source, field = _source(sticker=arguments.get("sticker"), sticker_url=arguments.get("sticker_url"))
    envelope = await addressed(services, arguments, forwarded=arguments.get("is_forwarded", False))
    await services.session.ready()
    policy = media_policy(services.settings)
    async with prepared_sticker(source, field=field, policy=policy, progress=progress) as sticker:
        out = MediaOut(
            media="sticker",
            path=str(sticker.path),
            mimetype=sticker.mimetype,
            file_length=sticker.file_length,
            width=sticker.width,
            height=sticker.height,
            animated=sticker.animated,
        )
        return await _send(services, envelope, progress, out)

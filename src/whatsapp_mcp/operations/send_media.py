"""Operations that send files."""

from __future__ import annotations

import base64

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.media.prepare import (
    prepared_audio,
    prepared_document,
    prepared_image,
    prepared_sticker,
    prepared_video,
)
from whatsapp_mcp.models.outgoing import MediaOut
from whatsapp_mcp.operations.media_files import UPLOAD_TIMEOUT, media_policy
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.sending import Envelope, addressed, send
from whatsapp_mcp.operations.services import Services

__all__: list[str] = []


async def _begin(services: Services, arguments: Arguments, *fields: str) -> tuple[Envelope, str, str]:
    """First whatever is cheap to find wrong. The envelope, the one argument of ``fields`` that was given, its name."""
    envelope = await addressed(services, arguments)
    given = [field for field in fields if arguments.get(field)]
    if len(given) != 1:
        raise InvalidArgument(f"exactly one of {' and '.join(fields)} is needed", field=fields[0])
    await services.session.ready()
    return envelope, arguments[given[0]], given[0]


def _text64(data: bytes | None) -> str:
    return base64.b64encode(data or b"").decode()


async def _send(services: Services, envelope: Envelope, progress: Progress, out: MediaOut) -> Outcome:
    await progress(0.9, 1.0, "uploading")
    return await send(services, envelope, out, timeout=UPLOAD_TIMEOUT)


@operation("sendImage")
async def send_image(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    envelope, source, field = await _begin(services, arguments, "image", "image_url")
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
async def send_video(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    envelope, source, field = await _begin(services, arguments, "video", "video_url")
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
async def send_audio(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    envelope, source, field = await _begin(services, arguments, "audio", "audio_url")
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
async def send_file(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    envelope, source, field = await _begin(services, arguments, "file", "file_url")
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
async def send_sticker(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    envelope, source, field = await _begin(services, arguments, "sticker", "sticker_url")
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

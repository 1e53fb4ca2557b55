"""Operations that send files and fetch received ones."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio.to_thread

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.policy import MIB
from whatsapp_mcp.media.prepare import (
    prepare_photo,
    prepared_audio,
    prepared_document,
    prepared_image,
    prepared_sticker,
    prepared_video,
)
from whatsapp_mcp.models.outgoing import MediaOut
from whatsapp_mcp.operations.direct import pause_note
from whatsapp_mcp.operations.group import group_of
from whatsapp_mcp.operations.media_policy import media_policy
from whatsapp_mcp.operations.message import stored_message
from whatsapp_mcp.operations.outcome import Arguments, Image, Outcome, Progress
from whatsapp_mcp.operations.recipients import resolve
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.send import send
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.group_protocol import SetGroupPhoto
from whatsapp_mcp.pipe.profile_protocol import SetOwnPicture
from whatsapp_mcp.pipe.protocol import ChatRef, DownloadMedia
from whatsapp_mcp.private_files import ensure_private_folder, write_private
from whatsapp_mcp.side_login.queries import GroupPictureRemoval

__all__: list[str] = []

INLINE_LIMIT: Final = MIB // 2
"""Bytes of a downloaded picture that is shown in the result; some clients refuse results above 1 MiB."""
UPLOAD_TIMEOUT: Final = 75.0
"""Seconds; a large file takes longer than a message."""


async def _source(services: Services, arguments: Arguments, *fields: str) -> tuple[str, str]:
    """The one argument of ``fields`` that was given, and its name; first, whatever is cheap to find wrong."""
    await resolve(services, arguments["phone"])
    given = [field for field in fields if arguments.get(field)]
    if len(given) != 1:
        raise InvalidArgument(f"exactly one of {' and '.join(fields)} is needed", field=fields[0])
    await services.session.ready()
    return arguments[given[0]], given[0]


def _text64(data: bytes | None) -> str:
    return base64.b64encode(data or b"").decode()


async def _send(services: Services, arguments: Arguments, progress: Progress, out: MediaOut) -> Outcome:
    await progress(0.9, 1.0, "uploading")
    return await send(services, arguments, out, timeout=UPLOAD_TIMEOUT)


@operation("sendImage")
async def send_image(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    source, field = await _source(services, arguments, "image", "image_url")
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
        return await _send(services, arguments, progress, out)


@operation("sendVideo")
async def send_video(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    source, field = await _source(services, arguments, "video", "video_url")
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
        return await _send(services, arguments, progress, out)


@operation("sendAudio")
async def send_audio(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    source, field = await _source(services, arguments, "audio", "audio_url")
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
        return await _send(services, arguments, progress, out)


@operation("sendFile")
async def send_file(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    source, field = await _source(services, arguments, "file", "file_url")
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
        return await _send(services, arguments, progress, out)


@operation("sendSticker")
async def send_sticker(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    source, field = await _source(services, arguments, "sticker", "sticker_url")
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
        return await _send(services, arguments, progress, out)


@asynccontextmanager
async def _photo(services: Services, source: str, field: str, progress: Progress) -> AsyncIterator[Path]:
    """A square JPEG in a private file for the session process; gone afterwards."""
    policy = media_policy(services.settings)
    photo = await prepare_photo(source, field=field, policy=policy, progress=progress)
    path = policy.temp / f"photo-{secrets.token_hex(8)}.jpg"
    await anyio.to_thread.run_sync(_write_photo, path, photo.jpeg)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write_photo(path: Path, data: bytes) -> None:
    ensure_private_folder(path.parent)
    write_private(path, data)


@operation("userChangeAvatar")
async def user_change_avatar(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    async with _photo(services, arguments["avatar"], "avatar", progress) as path:
        await services.session.call(SetOwnPicture(path=str(path)), timeout=UPLOAD_TIMEOUT)
    return Outcome("Your picture was changed.")


@operation("setGroupPhoto")
async def set_group_photo(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    group = await group_of(services, arguments)
    if not arguments.get("photo"):
        return await _remove_group_photo(services, group)
    async with _photo(services, arguments["photo"], "photo", progress) as path:
        answer = await services.session.call(SetGroupPhoto(group=group, path=str(path)), timeout=UPLOAD_TIMEOUT)
    message = "The group's picture was changed."
    return Outcome(message, {"picture_id": answer.id, "message": message})


async def _remove_group_photo(services: Services, group: Jid) -> Outcome:
    await services.session.ready()
    answer = await services.side_login.ask(GroupPictureRemoval(group))
    message = f"The group's picture was removed. {pause_note(answer.paused_seconds)}"
    return Outcome(message, {"picture_id": "remove", "message": message})


@operation("downloadMessageMedia")
async def download_message_media(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    chat, message = await stored_message(services, arguments)
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
        command = DownloadMedia(target=ChatRef(chat=chat, message_id=message.id), path=str(temporary))
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

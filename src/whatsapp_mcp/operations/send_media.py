"""Operations that send files, or the preview of a page."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.errors import SessionError, SessionTimeout, WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media.prepare import MediaSource
from whatsapp_mcp.media.preview import preview
from whatsapp_mcp.models.outgoing import MediaOut, SendOptions, SentMessage
from whatsapp_mcp.operations.described import is_link
from whatsapp_mcp.operations.media_files import media_policy, media_source
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.sending import addressed, pending_outcome, replying, send
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.messages import CancelSend, NoteNotPrepared, NotePreparing
from whatsapp_mcp.policy.limits import LimitKind
from whatsapp_mcp.store.deferred import HELD, PENDING
from whatsapp_mcp.waiting import waits_for

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

_LATER: Final = 0.7
"""Seconds: what is uploaded answers by itself when it is time."""
_NOTE_SECONDS: Final = 0.5
_STOP_SECONDS: Final = 5.0
"""For the session process to stop what is being uploaded."""


async def _send(
    services: Services,
    where: tuple[Jid, SendOptions],
    source: MediaSource,
    prepared: AbstractAsyncContextManager[MediaOut],
) -> Outcome:
    """The file is read, converted and handed to the session process whether the client waits for that or not."""
    chat, options = where
    await services.session.ready()  # before anything is fetched or converted
    message_id = (HELD if services.hold_seconds else PENDING) + secrets.token_hex(9).upper()

    async def work() -> Outcome:
        async with AsyncExitStack() as files:
            try:
                media = await files.enter_async_context(prepared)
            except WhatsAppMcpError as error:
                await _note_not_prepared(services, message_id, error)
                raise
            if is_link(source.source):  # how much that is, nobody knew before
                await services.counting({LimitKind.MEDIA_BYTES: media.path.stat().st_size})
            return await send(services, chat, media, options, pending_id=message_id)

    key = services.send_key.key if services.send_key is not None else message_id
    until = services.until + _LATER if services.until is not None else None
    try:
        return await services.under_way.joined(key, message_id, work, until)
    except TimeoutError:
        name = services.under_way.name_of(key)
        if name is None:
            raise SessionTimeout("the answer came too late", next_step="Call again: that tells it.") from None
        preparing = NotePreparing(message_id=name, chat=chat, server=os.getpid())
        with suppress(SessionError):  # it goes on all the same, and this server knows of it
            await services.session.call(preparing, timeout=_NOTE_SECONDS)
        return await pending_outcome(services, SentMessage(message_id=name, chat=chat, timestamp=0))
    except asyncio.CancelledError:
        if services.patience.stops:
            await services.under_way.stop(key)
            with suppress(WhatsAppMcpError):
                await services.session.call(CancelSend(message_id=message_id), timeout=_STOP_SECONDS)
        raise


async def _note_not_prepared(services: Services, message_id: str, error: WhatsAppMcpError) -> None:
    """For who was told that it is pending."""
    if await services.store.look(lambda store: store.deferred(message_id)) is not None:
        with suppress(SessionError):
            await services.session.call(NoteNotPrepared(message_id=message_id, error=error.to_wire()))


@operation("sendImage")
async def send_image(services: Services, arguments: args.SendImageArguments) -> Outcome:
    source = await media_source(services, image=arguments.get("image"), image_url=arguments.get("image_url"))
    where = await replying(services, arguments)
    image = source.as_image(
        caption=arguments.get("caption") or "",
        view_once=arguments.get("view_once", False),
        compress=arguments.get("compress", False),
        hd=arguments.get("hd", False),
    )
    return await _send(services, where, source, image)


@operation("sendVideo")
async def send_video(services: Services, arguments: args.SendVideoArguments) -> Outcome:
    source = await media_source(services, video=arguments.get("video"), video_url=arguments.get("video_url"))
    where = await replying(services, arguments)
    video = source.as_video(
        caption=arguments.get("caption") or "",
        view_once=arguments.get("view_once", False),
        gif=arguments.get("gif_playback", False),
        compress=arguments.get("compress", False),
        hd=arguments.get("hd", False),
    )
    return await _send(services, where, source, video)


@operation("sendAudio")
async def send_audio(services: Services, arguments: args.SendAudioArguments) -> Outcome:
    source = await media_source(services, audio=arguments.get("audio"), audio_url=arguments.get("audio_url"))
    where = await replying(services, arguments)
    audio = source.as_voice_note() if arguments.get("ptt", False) else source.as_audio()
    return await _send(services, where, source, audio)


@operation("sendFile")
async def send_file(services: Services, arguments: args.SendFileArguments) -> Outcome:
    given, link = arguments.get("file"), arguments.get("file_url")
    source = await media_source(services, name=arguments.get("filename"), file=given, file_url=link)
    where = await replying(services, arguments)
    return await _send(services, where, source, source.as_document(caption=arguments.get("caption") or ""))


@operation("sendSticker")
async def send_sticker(services: Services, arguments: args.SendStickerArguments) -> Outcome:
    given, link = arguments.get("sticker"), arguments.get("sticker_url")
    source = await media_source(services, sticker=given, sticker_url=link)
    where = await addressed(services, arguments, forwarded=arguments.get("is_forwarded", False))
    return await _send(services, where, source, source.as_sticker())


@operation("sendLink")
async def send_link(services: Services, arguments: args.SendLinkArguments) -> Outcome:
    link = arguments["link"].strip()
    chat, options = await addressed(services, arguments, forwarded=arguments.get("is_forwarded", False))
    caption = arguments.get("caption") or ""
    policy = media_policy(services.settings)
    with waits_for("fetching the preview of the page"):
        out = await preview(link, field="link", policy=policy, caption=caption, decoders=services.decoders)
    return await send(services, chat, out, options)

"""Pictures, videos, sound, documents, stickers. They come here from a message, or from the head of another kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from whatsapp_mcp.models.content import Content, MediaInfo, MessageKind
from whatsapp_mcp.whatsapp.content.lines import known, lines
from whatsapp_mcp.whatsapp.content.strings import strings_of
from whatsapp_mcp.wire.protos import e2e

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import (
        AlbumMessage,
        AudioMessage,
        DocumentMessage,
        ImageMessage,
        Message,
        StickerMessage,
        StickerPackMessage,
        VideoMessage,
    )


def info(value: Any, **more: Any) -> MediaInfo:
    """What all media have; ``value``: any of the messages below."""
    return MediaInfo(
        mimetype=value.mimetype,
        file_length=value.fileLength or None,
        url=value.URL or None,
        direct_path=value.directPath or None,
        media_key=value.mediaKey or None,
        file_sha256=value.fileSHA256 or None,
        file_enc_sha256=value.fileEncSHA256 or None,
        **more,
    )


def image(value: ImageMessage) -> Content:
    extra = known(alt_text=value.accessibilityLabel, link=_tapped(value) or value.qrURL, on_it=_on_it(value))
    return Content(MessageKind.IMAGE, value.caption, media=image_info(value), extra=extra)


def video(value: VideoMessage) -> Content:
    extra = known(gif=value.gifPlayback, alt_text=value.accessibilityLabel, link=_tapped(value), on_it=_on_it(value))
    return Content(MessageKind.VIDEO, value.caption, media=video_info(value), extra=extra)


def video_note(value: VideoMessage) -> Content:
    """A round one, filmed on the spot."""
    content = video(value)
    content.extra["video_note"] = True
    return content


def audio(value: AudioMessage) -> Content:
    kind = MessageKind.VOICE if value.PTT else MessageKind.AUDIO
    extra = known(alt_text=value.accessibilityLabel)
    return Content(kind, media=info(value, seconds=value.seconds or None), extra=extra)


def document(value: DocumentMessage) -> Content:
    is_its_name = not value.fileName or value.title in (value.fileName, value.fileName.rpartition(".")[0])
    title = "" if is_its_name else value.title
    extra = known(pages=value.pageCount, title=title, alt_text=value.accessibilityLabel)
    return Content(MessageKind.DOCUMENT, value.caption, media=document_info(value), extra=extra)


def sticker(value: StickerMessage) -> Content:
    extra = known(alt_text=value.accessibilityLabel, emojis=value.emojis)
    return Content(MessageKind.STICKER, media=image_info(value), extra=extra)


def sticker_pack(value: StickerPackMessage) -> Content:
    text = lines(value.name, value.publisher, value.packDescription, value.caption)
    extra = known(type="stickerPackMessage", stickers=len(value.stickers) or value.stickerPackSize)
    return Content(MessageKind.OTHER, text, extra=extra)


def album(value: AlbumMessage) -> Content:
    extra: dict[str, object] = {"images": value.expectedImageCount, "videos": value.expectedVideoCount}
    return Content(MessageKind.ALBUM, extra=extra)


def image_info(value: Any) -> MediaInfo:
    return info(value, width=value.width or None, height=value.height or None)


def video_info(value: VideoMessage) -> MediaInfo:
    return info(value, width=value.width or None, height=value.height or None, seconds=value.seconds or None)


def document_info(value: DocumentMessage) -> MediaInfo:
    return info(value, file_name=value.fileName or value.title or None)


_HEADS: Final = {
    "imageMessage": image_info,
    "productImage": image_info,
    "videoMessage": video_info,
    "documentMessage": document_info,
}


def head(value: Any) -> MediaInfo | None:
    """The file at the head of a message with buttons, if there is one. ``value``: what may have such a field."""
    for name, read in _HEADS.items():
        if name in value.DESCRIPTOR.fields_by_name and value.HasField(name):
            media: MediaInfo = read(getattr(value, name))
            return media
    return None


def file_of(message: Message) -> Message:
    """A message that has the file of this one where every program looks for files."""
    if message.HasField("ptvMessage"):
        return e2e.Message(videoMessage=message.ptvMessage)
    for part in _with_heads(message):
        for name in _HEADS:
            if name in part.DESCRIPTOR.fields_by_name and part.HasField(name):
                found = e2e.Message()
                getattr(found, "imageMessage" if name == "productImage" else name).CopyFrom(getattr(part, name))
                return found
    return message


def _with_heads(message: Message) -> Iterator[Any]:
    """Those parts of a message with buttons that may have a file at their head."""
    template = message.templateMessage
    yield from (template.hydratedTemplate, template.hydratedFourRowTemplate, template.fourRowTemplate)
    for interactive in (message.interactiveMessage, template.interactiveMessageTemplate):
        yield interactive.header
    yield from (message.buttonsMessage, message.productMessage.product)


def _on_it(value: ImageMessage | VideoMessage) -> list[str]:
    """What is laid over a picture: places, songs, channels, questions."""
    texts = (strings_of(annotation) for annotation in (*value.interactiveAnnotations, *value.annotations))
    return [text for text in dict.fromkeys(texts) if text]


def _tapped(value: ImageMessage | VideoMessage) -> str:
    """Where a tap on the picture leads."""
    for annotation in (*value.interactiveAnnotations, *value.annotations):
        if annotation.tapAction.tapURL:
            return annotation.tapAction.tapURL
    return ""

"""Contents of messages, as phones make them. All functions return a message that is ready to be sent.

Shapes: whatsmeow send.go, msgsecret.go (BuildPollCreation); albums as neonize 0.5.2 makes and reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from google.protobuf.message import Message as ProtobufMessage

from whatsapp_mcp.simulator.content.attachments import UploadedMedia
from whatsapp_mcp.wire.message_secrets import new_secret
from whatsapp_mcp.wire.protos import common, e2e

# --- media ---


def image(
    media: UploadedMedia,
    *,
    caption: str = "",
    mimetype: str = "image/jpeg",
    size: tuple[int, int] = (0, 0),
    thumbnail: bytes = b"",
) -> e2e.Message:
    """A picture; ``size`` is width and height in pixels, ``thumbnail`` a small JPEG."""
    message = e2e.Message()
    _describe(message.imageMessage, media, mimetype)
    _decorate(message.imageMessage, caption=caption, size=size, thumbnail=thumbnail)
    return message


def video(
    media: UploadedMedia,
    *,
    caption: str = "",
    mimetype: str = "video/mp4",
    seconds: int = 1,
    size: tuple[int, int] = (0, 0),
    thumbnail: bytes = b"",
    gif: bool = False,
    note: bool = False,
) -> e2e.Message:
    """A video; ``gif``: plays in a loop without sound, ``note``: a round one, filmed on the spot."""
    message = e2e.Message()
    content = message.ptvMessage if note else message.videoMessage
    _describe(content, media, mimetype)
    _decorate(content, caption=caption, size=size, thumbnail=thumbnail)
    content.seconds = seconds
    if gif:
        content.gifPlayback = True
    return message


def audio(media: UploadedMedia, *, mimetype: str = "audio/mpeg", seconds: int = 1) -> e2e.Message:
    message = e2e.Message()
    _describe(message.audioMessage, media, mimetype)
    message.audioMessage.seconds = seconds
    return message


def voice(media: UploadedMedia, *, seconds: int = 1, waveform: bytes = bytes(range(64))) -> e2e.Message:
    """A voice note (Ogg/Opus); ``waveform`` has 64 values from 0 to 100."""
    message = audio(media, mimetype="audio/ogg; codecs=opus", seconds=seconds)
    message.audioMessage.PTT = True
    message.audioMessage.waveform = waveform
    return message


def document(
    media: UploadedMedia,
    *,
    name: str,
    caption: str = "",
    mimetype: str = "application/octet-stream",
    pages: int = 0,
    thumbnail: bytes = b"",
) -> e2e.Message:
    """A file. With a caption it is wrapped, as phones do."""
    inner = e2e.Message()
    content = inner.documentMessage
    _describe(content, media, mimetype)
    content.fileName, content.title = name, name.rpartition(".")[0] or name
    if pages:
        content.pageCount = pages
    if thumbnail:
        content.JPEGThumbnail = thumbnail
    if not caption:
        return inner
    content.caption = caption
    message = e2e.Message()
    message.documentWithCaptionMessage.message.CopyFrom(inner)
    return message


def sticker(media: UploadedMedia, *, animated: bool = False, size: tuple[int, int] = (512, 512)) -> e2e.Message:
    message = e2e.Message()
    _describe(message.stickerMessage, media, "image/webp")
    message.stickerMessage.width, message.stickerMessage.height = size
    message.stickerMessage.isAnimated = animated
    return message


def _describe(
    content: e2e.ImageMessage | e2e.VideoMessage | e2e.AudioMessage | e2e.DocumentMessage | e2e.StickerMessage,
    media: UploadedMedia,
    mimetype: str,
) -> None:
    content.URL, content.directPath, content.mimetype = media.url, media.direct_path, mimetype
    reference = media.reference
    content.fileSHA256, content.fileLength = reference.sha256, reference.length
    if reference.media_key:
        content.mediaKey, content.fileEncSHA256 = reference.media_key, reference.enc_sha256


def _decorate(
    content: e2e.ImageMessage | e2e.VideoMessage, *, caption: str, size: tuple[int, int], thumbnail: bytes
) -> None:
    if caption:
        content.caption = caption
    if any(size):
        content.width, content.height = size
    if thumbnail:
        content.JPEGThumbnail = thumbnail


def album(images: int, videos: int) -> e2e.Message:
    """What comes before the pictures and videos of an album."""
    return e2e.Message(albumMessage=e2e.AlbumMessage(expectedImageCount=images, expectedVideoCount=videos))


def better_quality(content: e2e.Message, parent: common.MessageKey) -> e2e.Message:
    """A picture or video that was sent already, in better quality: in an envelope that says so."""
    kinds = e2e.MessageAssociation.AssociationType
    is_video = content.HasField("videoMessage")
    message = e2e.Message()
    message.associatedChildMessage.message.CopyFrom(content)
    association = message.messageContextInfo.messageAssociation
    association.associationType = kinds.HD_VIDEO_DUAL_UPLOAD if is_video else kinds.HD_IMAGE_DUAL_UPLOAD
    association.parentMessageKey.CopyFrom(parent)
    return message


def album_child(content: e2e.Message, parent: common.MessageKey) -> e2e.Message:
    """Make a picture or video part of an album."""
    association = content.messageContextInfo.messageAssociation
    association.associationType = e2e.MessageAssociation.MEDIA_ALBUM
    association.parentMessageKey.CopyFrom(parent)
    return content


# --- everything else ---


def location(latitude: float, longitude: float, *, name: str = "", address: str = "") -> e2e.Message:
    place = e2e.LocationMessage(degreesLatitude=latitude, degreesLongitude=longitude)
    if name:
        place.name = name
    if address:
        place.address = address
    return e2e.Message(locationMessage=place)


def live_location(latitude: float, longitude: float, *, caption: str = "", sequence: int = 1) -> e2e.Message:
    """The first (``sequence`` 1) or a later position of somebody on the move."""
    place = e2e.LiveLocationMessage(degreesLatitude=latitude, degreesLongitude=longitude, sequenceNumber=sequence)
    if caption:
        place.caption = caption
    return e2e.Message(liveLocationMessage=place)


def contact_cards(cards: Sequence[tuple[str, str]]) -> e2e.Message:
    """One or more people: (name, number) each, as vCards."""
    contacts = [e2e.ContactMessage(displayName=name, vcard=vcard(name, number)) for name, number in cards]
    if len(contacts) == 1:
        return e2e.Message(contactMessage=contacts[0])
    array = e2e.ContactsArrayMessage(displayName=f"{len(contacts)} contacts", contacts=contacts)
    return e2e.Message(contactsArrayMessage=array)


def vcard(name: str, number: str) -> str:
    """A vCard as phones write it; ``waid`` makes it a button to write to the person."""
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"N:;{name};;;", f"FN:{name}"]
    return "\n".join([*lines, f"TEL;type=CELL;waid={number}:+{number}", "END:VCARD"])


def poll(question: str, options: Sequence[str], *, selectable: int = 1) -> e2e.Message:
    """A poll; ``selectable`` 0: any number of options."""
    creation = e2e.PollCreationMessage(name=question, selectableOptionsCount=selectable)
    creation.options.extend(e2e.PollCreationMessage.Option(optionName=name) for name in options)
    # Phones use the third form for polls with one answer.
    message = (
        e2e.Message(pollCreationMessageV3=creation) if selectable == 1 else e2e.Message(pollCreationMessage=creation)
    )
    message.messageContextInfo.messageSecret = new_secret()
    return message


def link(
    text: str,
    url: str,
    *,
    title: str,
    description: str = "",
    thumbnail: bytes = b"",
    picture: UploadedMedia | None = None,
) -> e2e.Message:
    """A text with the preview of a link in it; ``thumbnail`` is a small JPEG, ``picture`` a large one."""
    content = e2e.ExtendedTextMessage(text=text, matchedText=url, title=title)
    if description:
        content.description = description
    if thumbnail:
        content.JPEGThumbnail = thumbnail
    if picture is not None:
        reference, content.thumbnailDirectPath = picture.reference, picture.direct_path
        content.thumbnailSHA256, content.thumbnailEncSHA256 = reference.sha256, reference.enc_sha256
        content.mediaKey = reference.media_key
    return e2e.Message(extendedTextMessage=content)


# --- envelopes and context ---

_MAX_ENVELOPES = 6


def view_once(content: e2e.Message) -> e2e.Message:
    """May be looked at once only."""
    for _, value in content.ListFields():
        if isinstance(value, (e2e.ImageMessage, e2e.VideoMessage, e2e.AudioMessage)):
            value.viewOnce = True
    message = e2e.Message()
    message.viewOnceMessageV2.message.CopyFrom(content)
    return _lift_context(message, message.viewOnceMessageV2.message)


def ephemeral(content: e2e.Message, seconds: int) -> e2e.Message:
    """Disappears after ``seconds``."""
    context_of(content).expiration = seconds
    message = e2e.Message()
    message.ephemeralMessage.message.CopyFrom(content)
    return _lift_context(message, message.ephemeralMessage.message)


def unwrap(message: e2e.Message) -> e2e.Message:
    """Take off ephemeral, view-once and the like: while the content is a ``FutureProofMessage``, look inside."""
    for _ in range(_MAX_ENVELOPES):
        inner = next(_wrapped(message), None)
        if inner is None:
            return message
        message = inner
    return message


def _wrapped(message: e2e.Message) -> Iterator[e2e.Message]:
    for part, value in message.ListFields():
        if part.message_type is not None and part.message_type.name == "FutureProofMessage":
            # Edits keep their protocolMessage inside; everything else is content in an envelope.
            yield value.message


def _lift_context(message: e2e.Message, inner: e2e.Message) -> e2e.Message:
    """The secret of a message belongs outside of its envelopes."""
    if inner.HasField("messageContextInfo"):
        message.messageContextInfo.CopyFrom(inner.messageContextInfo)
        inner.ClearField("messageContextInfo")
    return message


def context_of(message: e2e.Message) -> e2e.ContextInfo:
    """The place for quotes, mentions and so on, inside of envelopes. A plain text is made one that has it.

    Raises:
        ValueError: this kind of message has none.
    """
    message = unwrap(message)
    if message.conversation:
        message.extendedTextMessage.text = message.conversation
        message.ClearField("conversation")
    for part, value in message.ListFields():
        if part.name != "messageContextInfo" and isinstance(value, ProtobufMessage):
            context = getattr(value, "contextInfo", None)
            if isinstance(context, e2e.ContextInfo):
                return context
    raise ValueError("this kind of message has no context")


def quote(message: e2e.Message, message_id: str, author: str, quoted: e2e.Message) -> None:
    """Make ``message`` a reply."""
    context = context_of(message)
    context.stanzaID, context.participant = message_id, author
    context.quotedMessage.CopyFrom(without_secret(quoted))


def without_secret(message: e2e.Message) -> e2e.Message:
    """A copy as it may be shown to others, without the message's secret."""
    copy = e2e.Message()
    copy.CopyFrom(message)
    copy.ClearField("messageContextInfo")
    return copy

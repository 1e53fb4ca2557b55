"""What can be sent, as models: made by the operations, carried to the session process, turned into protobufs there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from whatsapp_mcp.jid import Jid

MediaType = Literal["image", "video", "audio", "document", "sticker"]
"""How WhatsApp treats an upload."""


class _Out(BaseModel):
    model_config = ConfigDict(
        frozen=True, arbitrary_types_allowed=True, defer_build=True, ser_json_bytes="base64", val_json_bytes="base64"
    )


class TextOut(_Out):
    kind: Literal["text"] = "text"
    text: str


class LinkOut(_Out):
    """A link, with the preview data that is known (may be none)."""

    kind: Literal["link"] = "link"
    link: str
    caption: str = ""
    title: str = ""
    description: str = ""
    thumbnail: bytes = b""
    """Small JPEG."""


class LocationOut(_Out):
    kind: Literal["location"] = "location"
    latitude: float
    longitude: float


class ContactOut(_Out):
    kind: Literal["contact"] = "contact"
    name: str
    number: str
    """Digits only, international."""


class PollOut(_Out):
    kind: Literal["poll"] = "poll"
    question: str
    options: tuple[str, ...]
    selectable_count: int
    """How many options one person may choose."""


class _FileOut(_Out):
    """A prepared file: the server process made it, the session process reads and uploads it."""

    path: Path
    mimetype: str


class ImageOut(_FileOut):
    kind: Literal["image"] = "image"
    width: int
    height: int
    thumbnail: bytes
    """Small JPEG."""
    caption: str = ""
    view_once: bool = False


class VideoOut(_FileOut):
    kind: Literal["video"] = "video"
    seconds: int
    width: int
    height: int
    """As shown, upright."""
    thumbnail: bytes
    """Small JPEG."""
    caption: str = ""
    view_once: bool = False
    gif: bool = False
    """It plays silently in a loop."""


class AudioOut(_FileOut):
    kind: Literal["audio"] = "audio"
    seconds: int
    voice: bool = False
    """It shows as a voice note."""
    waveform: bytes = b""
    """64 values, 0..100, of a voice note."""


class DocumentOut(_FileOut):
    kind: Literal["document"] = "document"
    file_name: str
    """Safe on every system; with an extension where one is known."""
    caption: str = ""


class StickerOut(_FileOut):
    kind: Literal["sticker"] = "sticker"
    width: int
    height: int
    animated: bool = False


MediaOut = ImageOut | VideoOut | AudioOut | DocumentOut | StickerOut
Outgoing = Annotated[TextOut | LinkOut | LocationOut | ContactOut | PollOut | MediaOut, Field(discriminator="kind")]


class SendOptions(_Out):
    """What applies to every kind of message."""

    reply_to_id: str | None = None
    """A stored message of the same chat."""
    reply_to_author: Jid | None = None
    """Of that message."""
    forwarded: bool = False
    expiration: int = 0
    """Disappearing-message timer in seconds, 0 = stays."""
    mentions: tuple[Jid, ...] = ()


class SentMessage(_Out):
    """What WhatsApp has acknowledged; or what is held, to leave later."""

    message_id: str
    chat: Jid
    """As the wire addresses it, usually a LID; for the caller the form that the caller used."""
    timestamp: int
    """Milliseconds since 1970."""
    server_id: int = 0
    """Of a post: its number in its channel; 0: not told."""
    repeated: bool = False
    """It was sent by an earlier call under the same key; nothing was sent now."""
    pending: bool = False
    """It is not sent yet: the session process has taken it, under an id of ours, and sends it as soon as it can."""
    held_until: int | None = None
    """It was not sent: it leaves then, milliseconds since 1970, and until then it has an id of ours."""

"""What can be sent, as models: made by the operations, carried to the session process, turned into protobufs there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from whatsapp_mcp.jid import Jid

__all__ = [
    "ContactOut",
    "LinkOut",
    "LocationOut",
    "MediaOut",
    "MediaType",
    "Outgoing",
    "PollOut",
    "SendOptions",
    "TextOut",
]

MediaType = Literal["image", "video", "audio", "voice", "document", "sticker"]
"""How WhatsApp treats an upload; ``voice`` is audio that shows as a voice note."""


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, defer_build=True)


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
    thumbnail_base64: str = ""
    """Small JPEG, base64."""


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


class MediaOut(_Out):
    """A prepared file: the server process made it, the session process reads and uploads it."""

    kind: Literal["media"] = "media"
    media: MediaType
    path: str
    mimetype: str
    file_length: int
    """Bytes."""
    caption: str = ""
    file_name: str = ""
    seconds: int = 0
    width: int = 0
    height: int = 0
    thumbnail_base64: str = ""
    """Small JPEG, base64."""
    waveform_base64: str = ""
    """64 values 0..100 of a voice note, base64."""
    view_once: bool = False
    gif: bool = False
    """Of a video: plays silently in a loop."""
    animated: bool = False
    """Of a sticker."""


Outgoing = Annotated[TextOut | LinkOut | LocationOut | ContactOut | PollOut | MediaOut, Field(discriminator="kind")]


class SendOptions(_Out):
    """What applies to every kind of message."""

    reply_to_id: str | None = None
    """A stored message of the same chat."""
    forwarded: bool = False
    expiration: int = 0
    """Disappearing-message timer in seconds, 0 = stays."""
    mentions: tuple[Jid, ...] = ()

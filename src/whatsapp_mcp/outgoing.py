"""What can be sent, as models: made by the operations, carried to the session process, turned into protobufs there."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from whatsapp_mcp.jid import Jid

__all__ = ["ContactOut", "LinkOut", "LocationOut", "Outgoing", "PollOut", "SendOptions", "TextOut"]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)


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


Outgoing = Annotated[TextOut | LinkOut | LocationOut | ContactOut | PollOut, Field(discriminator="kind")]


class SendOptions(_Out):
    """What applies to every kind of message."""

    reply_to_id: str | None = None
    """A stored message of the same chat."""
    forwarded: bool = False
    expiration: int = 0
    """Disappearing-message timer in seconds, 0 = stays."""
    mentions: tuple[Jid, ...] = ()

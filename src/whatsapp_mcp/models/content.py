"""What a message says, unwrapped from WhatsApp's protobuf: its kind, its text, its file, what it answers, its facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from whatsapp_mcp.jid import Jid


class MessageKind(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    VOICE = "voice"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACT = "contact"
    POLL = "poll"
    EVENT = "event"
    ALBUM = "album"
    INVITE = "invite"
    INTERACTIVE = "interactive"
    CALL = "call"
    NOTICE = "notice"
    """Something that happened to a group (``models.notices``); nobody wrote it."""
    UNDECRYPTABLE = "undecryptable"
    """A message that could not be read. Its sender was asked to repeat it, unless it is ``LOST`` or ``UNREADABLE``."""
    OTHER = "other"


LOST: Final = "lost"
"""In the ``extra`` of an undecryptable message: it was decrypted, and then lost in a crash; its time is estimated."""


BELONGS_TO: Final = "belongs_to"
"""In the ``extra`` of a message that is part of another one by the same author: its ``id``, and what it is to it
(``as``: album, hd, event_cover …)."""


QUOTED_TEXT: Final = "quoted_text"
"""In the ``extra`` of a reply to a message that the store does not have: what it says to answer. For the search."""


UNREADABLE: Final = "unreadable"
"""The same, of a message that this server could not take in; the value is the reason, in our words."""


SEALED: Final = "sealed"
"""Beside ``UNREADABLE``: what the message is, that is about another one and encrypted under that one's secret."""


class CallOutcome(StrEnum):
    """How an incoming call ended; in the ``extra`` of its row."""

    MISSED = "missed"
    ANSWERED = "answered_elsewhere"
    DECLINED = "declined"


UNAVAILABLE: Final = "unavailable"
"""In the ``extra`` of an undecryptable message: WhatsApp sent linked devices no content; why, in WhatsApp's word where
it is known, else True."""


VIEW_ONCE: Final = "view_once"
"""WhatsApp's word for what only the phone shows, once."""


BROADCAST_LIST: Final = "broadcast_list"
"""In the ``extra`` of a message: the list of its author's by which it came, among others, to us."""


SERVER_ID: Final = "server_id"
"""In the ``extra`` of a post: its number in its channel, by which WhatsApp's lists of posts name it."""


MENTIONED: Final = "mentioned"
"""In the ``extra`` of a stored message: names of those whom it mentions, for the search alone."""


TRANSCRIPT: Final = "transcript"
"""In the ``extra`` of a stored message: what is said in it, as a machine heard it."""
TRANSCRIPT_BY_MACHINE: Final = "transcript_by_machine"
TRANSCRIPT_LANGUAGE: Final = "transcript_language"


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """All that is needed to download the media later, and to describe it now."""

    mimetype: str = ""
    file_name: str | None = None
    file_length: int | None = None
    """Bytes."""
    seconds: int | None = None
    width: int | None = None
    height: int | None = None
    url: str | None = None
    direct_path: str | None = None
    media_key: bytes | None = None
    file_sha256: bytes | None = None
    file_enc_sha256: bytes | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """What a message replies to."""

    message_id: str
    participant: Jid | None
    """Author of the quoted message, in the form used on the wire."""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says, unwrapped from the protobuf."""

    kind: MessageKind
    text: str = ""
    """Body, caption, poll question, name of a shared contact … : what a person would read first."""
    media: MediaInfo | None = None
    quote: Quote | None = None
    mentions: tuple[Jid, ...] = ()
    forwarded: bool = False
    expiration: int = 0
    """Disappearing-message timer in seconds, 0 = stays."""
    view_once: bool = False
    extra: dict[str, object] = field(default_factory=dict)
    """Facts of the kind, JSON-ready: latitude, longitude; options, selectable_count; vcard; link, title. ``cut``: the
    protobuf's fields that were longer than any phone writes them."""

    @classmethod
    def unreadable(cls, reason: str) -> Content:
        """The place of a message that came and cannot be shown."""
        return cls(MessageKind.UNDECRYPTABLE, extra={UNREADABLE: reason})


OPTION_HASH: Final = "sha256:"
"""Before the digest of an option's name, where the name is not known."""


class EventAnswer(StrEnum):
    GOING = "going"
    MAYBE = "maybe"
    NOT_GOING = "not_going"

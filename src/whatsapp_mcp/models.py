"""What crosses rooms.

Two families: *changes* (plain dataclasses: what the WhatsApp side learned, in arrival order, for the store's writer;
they are made by the thousand) and *views* (pydantic: what the store's reader, the session and the operations hand out).
Times are timezone-aware UTC datetimes in views and integer milliseconds since 1970 in changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp.jid import Jid

__all__ = [
    "FOR_EVER",
    "LOST",
    "AppStateChange",
    "Change",
    "Chat",
    "ChatChanged",
    "ChatCleared",
    "ChatDeleted",
    "ChatLabelled",
    "ChatMarkedRead",
    "Contact",
    "ContactSeen",
    "Content",
    "DeliveryStatus",
    "Group",
    "GroupMember",
    "IdentityLearned",
    "JoinRequest",
    "LabelChanged",
    "MediaInfo",
    "Message",
    "MessageDeletedForMe",
    "MessageEdited",
    "MessageKind",
    "MessageLabelled",
    "MessageReceived",
    "MessageRevoked",
    "MessageStarred",
    "Newsletter",
    "NewsletterPicture",
    "NewsletterPost",
    "NewsletterText",
    "Picture",
    "PollOptionVotes",
    "PollVoted",
    "Quote",
    "Reaction",
    "ReactionChanged",
    "ReceiptKind",
    "ReceiptReceived",
    "ReceiptView",
    "SendFinished",
    "SessionSnapshot",
    "SessionState",
]


class SessionState(StrEnum):
    """Where the WhatsApp session stands; the same words in logs, results and `status`."""

    STARTING = "starting"
    UNPAIRED = "unpaired"
    PAIRING = "pairing"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    LOGGED_OUT = "logged_out"
    REPLACED = "replaced"
    OUTDATED = "outdated"
    BANNED = "banned"
    STOPPED = "stopped"


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
    UNDECRYPTABLE = "undecryptable"
    """A message that could not be read; the sender was asked to repeat it, unless its content is ``LOST``."""
    OTHER = "other"


LOST: Final = "lost"
"""In the ``extra`` of an undecryptable message: it was decrypted, and then lost in a crash; its time is estimated."""


class DeliveryStatus(StrEnum):
    """How far a message of ours got. Order matters: a later receipt never moves it back."""

    FAILED = "failed"
    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"


class ReceiptKind(StrEnum):
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"


# ---- changes: WhatsApp -> store -------------------------------------------------------------------------------------


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
    """Facts of the kind, JSON-ready: latitude, longitude; options, selectable_count; vcard; link, title."""


@dataclass(frozen=True, slots=True)
class MessageReceived:
    """A message, from somebody else or from us (sent here or on the phone)."""

    id: str
    chat: Jid
    """As on the wire: may be a LID."""
    sender: Jid
    """As on the wire, without device; our own number when from_me."""
    timestamp: int
    """Milliseconds since 1970, UTC."""
    content: Content
    from_me: bool = False
    chat_alt: Jid | None = None
    """The other form (number for a LID and the other way round) when WhatsApp told it."""
    sender_alt: Jid | None = None
    push_name: str | None = None
    raw: bytes = b""
    """Serialized waE2E.Message, so that a later version can read what this one does not."""
    status: DeliveryStatus | None = None
    """Of our own messages: SENT when WhatsApp acknowledged it."""
    from_history: bool = False


@dataclass(frozen=True, slots=True)
class MessageEdited:
    chat: Jid
    message_id: str
    sender: Jid
    content: Content
    timestamp: int
    chat_alt: Jid | None = None


@dataclass(frozen=True, slots=True)
class MessageRevoked:
    """Deleted for everyone, by its author or by a group admin."""

    chat: Jid
    message_id: str
    revoked_by: Jid
    timestamp: int
    chat_alt: Jid | None = None


@dataclass(frozen=True, slots=True)
class ReactionChanged:
    chat: Jid
    message_id: str
    sender: Jid
    emoji: str
    """Empty: the reaction was taken back."""
    timestamp: int
    from_me: bool = False
    chat_alt: Jid | None = None
    sender_alt: Jid | None = None


@dataclass(frozen=True, slots=True)
class ReceiptReceived:
    """Somebody got, read or played messages of ours; or we read them on another device (``from_me``)."""

    chat: Jid
    sender: Jid
    message_ids: tuple[str, ...]
    kind: ReceiptKind
    timestamp: int
    from_me: bool = False
    chat_alt: Jid | None = None
    sender_alt: Jid | None = None


@dataclass(frozen=True, slots=True)
class IdentityLearned:
    """A LID and a phone number belong to one person."""

    lid: Jid
    number: Jid


@dataclass(frozen=True, slots=True)
class ContactSeen:
    """A name for a person; fields that are None stay as they are."""

    jid: Jid
    push_name: str | None = None
    full_name: str | None = None
    first_name: str | None = None
    business_name: str | None = None


@dataclass(frozen=True, slots=True)
class ChatChanged:
    """Facts about a chat; fields that are None stay as they are."""

    chat: Jid
    chat_alt: Jid | None = None
    name: str | None = None
    ephemeral_expiration: int | None = None
    """Seconds, 0 = off."""
    unread_count: int | None = None
    archived: bool | None = None
    pinned: bool | None = None
    muted_until: int | None = None
    """Milliseconds since 1970; 0 = not muted, -1 = for ever."""


@dataclass(frozen=True, slots=True)
class PollVoted:
    """A person's whole choice in a poll; it replaces what the person chose before."""

    chat: Jid
    poll_id: str
    """Id of the message that is the poll."""
    voter: Jid
    options: tuple[str, ...]
    """Names of the chosen options; empty: the vote was withdrawn."""
    timestamp: int
    from_me: bool = False
    chat_alt: Jid | None = None
    voter_alt: Jid | None = None


# ---- changes made in the app state: on the phone, on other linked devices, or here ----------------------------------


@dataclass(frozen=True, slots=True)
class MessageStarred:
    chat: Jid
    message_id: str
    starred: bool
    from_me: bool
    author: Jid | None = None
    """Of somebody else's message in a group; None otherwise."""
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class MessageDeletedForMe:
    """Deleted on our own devices only; everybody else still has it."""

    chat: Jid
    message_id: str
    from_me: bool
    author: Jid | None = None
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class ChatMarkedRead:
    chat: Jid
    read: bool
    """False: marked as unread by hand."""
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class ChatDeleted:
    """The chat and its messages up to now."""

    chat: Jid
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class ChatCleared:
    """The chat's messages up to now; the chat itself stays."""

    chat: Jid
    keeps_starred: bool
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class LabelChanged:
    label_id: str
    name: str
    color: int
    """Number in WhatsApp's palette."""
    deleted: bool = False
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class ChatLabelled:
    label_id: str
    chat: Jid
    labelled: bool
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class MessageLabelled:
    label_id: str
    chat: Jid
    message_id: str
    labelled: bool
    timestamp: int = 0


@dataclass(frozen=True, slots=True)
class SendFinished:
    """A message of ours that was sent under a key: what the caller of this key gets from now on."""

    key: str
    result: str
    """JSON."""


AppStateChange = (
    ChatChanged
    | MessageStarred
    | MessageDeletedForMe
    | ChatMarkedRead
    | ChatDeleted
    | ChatCleared
    | LabelChanged
    | ChatLabelled
    | MessageLabelled
)
"""``timestamp`` is when the device that made the change made it (milliseconds since 1970)."""

Change = (
    MessageReceived
    | MessageEdited
    | MessageRevoked
    | ReactionChanged
    | ReceiptReceived
    | PollVoted
    | IdentityLearned
    | ContactSeen
    | SendFinished
    | AppStateChange
)
"""All that a store takes in. Those of one message or chat may come in any order, and before it."""

FOR_EVER: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Until when a chat is muted that is muted without an end."""


# ---- views: what rooms above the store read --------------------------------------------------------------------------


class View(BaseModel):
    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, defer_build=True)


class Reaction(View):
    sender: Jid
    sender_name: str | None = None
    emoji: str
    from_me: bool = False
    reacted_at: datetime


class PollOptionVotes(View):
    """Who chose one option of a poll."""

    option: str
    count: int
    voters: tuple[Jid, ...] = ()
    """Canonical, who voted first comes first."""


class ReceiptView(View):
    """How far a message of ours got with one person. WhatsApp may tell of a later step only."""

    jid: Jid
    name: str | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    played_at: datetime | None = None


class Message(View):
    """One stored message. ``chat`` and ``sender`` are canonical: the phone number form where it is known."""

    id: str
    chat: Jid
    chat_name: str | None = None
    sender: Jid
    sender_name: str | None = None
    """Best known name: saved > full > push > verified business > number."""
    from_me: bool
    timestamp: datetime
    kind: MessageKind
    text: str = ""
    media_mimetype: str | None = None
    file_name: str | None = None
    file_length: int | None = None
    url: str | None = None
    seconds: int | None = None
    reply_to_id: str | None = None
    reply_to_text: str | None = None
    mentions: tuple[Jid, ...] = ()
    forwarded: bool = False
    view_once: bool = False
    extra: dict[str, object] = {}
    status: DeliveryStatus | None = None
    edited_at: datetime | None = None
    revoked_at: datetime | None = None
    reactions: tuple[Reaction, ...] = ()
    starred: bool = False
    labels: tuple[str, ...] = ()
    """Names, in alphabetical order."""
    votes: tuple[PollOptionVotes, ...] = ()
    """Of a poll: its options in their order, also those without votes."""
    created_at: datetime
    updated_at: datetime
    arrival: int
    """Ascending number in order of storing; the cursor of waitForMessage."""
    wire_chat: Jid
    """The chat as WhatsApp addresses it; needed to reply, react, mark read."""
    wire_sender: Jid


class Chat(View):
    jid: Jid
    lid: Jid | None = None
    name: str
    kind: Literal["person", "group", "newsletter", "broadcast"]
    last_message_time: datetime | None = None
    ephemeral_expiration: int = 0
    unread_count: int = 0
    marked_unread: bool = False
    """Marked as unread by hand, on any device; says nothing about ``unread_count``."""
    archived: bool = False
    pinned: bool = False
    muted_until: datetime | None = None
    """``FOR_EVER`` without an end; a time that is over: not muted any more."""
    labels: tuple[str, ...] = ()
    """Names, in alphabetical order."""
    created_at: datetime
    updated_at: datetime


class Contact(View):
    jid: Jid
    lid: Jid | None = None
    name: str
    """Best known name; the number when there is none."""
    full_name: str | None = None
    push_name: str | None = None
    business_name: str | None = None


class GroupMember(View):
    jid: Jid
    """Phone number form where it is known."""
    lid: Jid | None = None
    admin: bool = False
    """Also true for the super admin."""
    super_admin: bool = False
    display_name: str = ""
    error: int = 0
    """Of a change: WhatsApp's code why it failed for this person, 0 = it worked."""
    add_request: str | None = None
    """Code of an invitation that WhatsApp suggests to send instead."""


class Group(View):
    """A group as WhatsApp describes it."""

    jid: Jid
    name: str = ""
    name_set_at: datetime | None = None
    name_set_by: Jid | None = None
    topic: str = ""
    topic_id: str = ""
    topic_set_at: datetime | None = None
    topic_set_by: Jid | None = None
    owner: Jid | None = None
    created_at: datetime | None = None
    """Within about a minute: neonize 0.5.2 hands it over as a 32-bit float."""
    locked: bool = False
    """Only admins change name, topic and picture."""
    announce: bool = False
    """Only admins write."""
    announce_version: str = ""
    disappearing_timer: int = 0
    """Seconds, 0 = messages stay."""
    is_parent: bool = False
    linked_parent: Jid | None = None
    is_default_sub: bool = False
    approval_mode: str = ""
    participant_version: str = ""
    members: tuple[GroupMember, ...] = ()


class JoinRequest(View):
    jid: Jid
    """Phone number form where it is known."""
    wire_jid: Jid
    """As the group addresses the person; the form in which a request is answered."""
    requested_at: datetime


class Picture(View):
    """A profile picture; the URL expires."""

    url: str
    id: str
    type: str


class NewsletterText(View):
    text: str = ""
    id: str = ""
    update_time: int = 0


class NewsletterPicture(View):
    url: str = ""
    id: str = ""
    type: str = ""
    direct_path: str = ""


class Newsletter(View):
    """A channel that the account follows. Times as WhatsApp sends them (seconds or microseconds since 1970)."""

    jid: Jid
    state: str
    creation_time: int
    invite: str
    name: NewsletterText
    description: NewsletterText
    subscribers: int
    verification: str
    picture: NewsletterPicture | None = None
    preview: NewsletterPicture | None = None
    reaction_codes: str = ""
    mute: str = ""
    role: str = ""


class NewsletterPost(View):
    server_id: int
    """Ascending number of the post within its newsletter."""
    text: str
    kind: MessageKind
    views: int
    reactions: dict[str, int] = {}
    """Emoji -> how often."""


class SessionSnapshot(View):
    """What the session manager knows at one moment."""

    state: SessionState
    detail: str = ""
    """One sentence for a person: why it is so, when that is not obvious."""
    since: datetime
    own_jid: Jid | None = None
    own_lid: Jid | None = None
    push_name: str | None = None
    platform: str | None = None
    qr_text: str | None = None
    """What the QR shown now encodes, while pairing."""
    qr_expires_at: datetime | None = None
    restarts: int = 0
    """How often the session process was started again after it ended by itself."""

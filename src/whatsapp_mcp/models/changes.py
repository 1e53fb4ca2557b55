"""Changes: what the WhatsApp side learned, in arrival order, for the store's writer.

Plain dataclasses, because they are made by the thousand. Times are integer milliseconds since 1970.

A message is (chat, author, id): the id is chosen by its author, and two people may choose the same. So what is about a
message names its ``author`` beside chat and id; None where WhatsApp did not tell, and then it is about the message of
this id if there is only one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
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


MENTIONED: Final = "mentioned"
"""In the ``extra`` of a stored message: names of those whom it mentions, for the search alone."""


class DeliveryStatus(StrEnum):
    """How far a message of ours got. Order matters: a later receipt never moves it back."""

    UNKNOWN = "unknown"
    """It is from before this device, and the phone did not tell."""
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
    sent_here: bool = False
    """By this program: no news to who waits for messages here."""


@dataclass(frozen=True, slots=True)
class PlaceholderRedeemed:
    """What could not be decrypted came after all, and is no message of its own: a reaction, an edit …"""

    chat: Jid
    message_id: str
    sender: Jid
    from_me: bool = False
    chat_alt: Jid | None = None
    sender_alt: Jid | None = None


@dataclass(frozen=True, slots=True)
class MessageEdited:
    """Only the author edits: it is about the sender's own message."""

    chat: Jid
    message_id: str
    sender: Jid
    content: Content
    timestamp: int
    chat_alt: Jid | None = None


@dataclass(frozen=True, slots=True)
class MessageRevoked:
    """Deleted for everyone. Counts when ``revoked_by`` is the author, or an admin of the group."""

    chat: Jid
    message_id: str
    revoked_by: Jid
    timestamp: int
    chat_alt: Jid | None = None
    author: Jid | None = None
    """Of the message."""
    by_admin: bool = False
    """WhatsApp's server says that an admin of the group did it."""


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
    author: Jid | None = None
    """Of the message."""


@dataclass(frozen=True, slots=True)
class ReceiptReceived:
    """Somebody got, read or played messages of ours; or we read those of others on another device (``from_me``)."""

    chat: Jid
    sender: Jid
    message_ids: tuple[str, ...]
    kind: ReceiptKind
    timestamp: int
    from_me: bool = False
    chat_alt: Jid | None = None
    sender_alt: Jid | None = None


@dataclass(frozen=True, slots=True)
class PersonReceipts:
    """When one person got, read and played a message, milliseconds; None: not, or not told."""

    person: Jid
    delivered_at: int | None = None
    read_at: int | None = None
    played_at: int | None = None


@dataclass(frozen=True, slots=True)
class ReceiptsTold:
    """All that the phone knows of how far a message of ours got with each person."""

    chat: Jid
    message_id: str
    receipts: tuple[PersonReceipts, ...]
    chat_alt: Jid | None = None


@dataclass(frozen=True, slots=True)
class IdentityLearned:
    """A LID and a phone number belong to one person."""

    lid: Jid
    number: Jid


@dataclass(frozen=True, slots=True)
class NumberSpelled:
    """WhatsApp answers a number that people write with another one, under which it knows the person: without the ninth
    digit in Brazil, or with one more digit after the country code in Mexico and Argentina."""

    written: Jid
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
class LastMessage:
    """The newest message of a chat: up to it, we archive the chat, mark it or delete it."""

    message_id: str
    from_me: bool
    timestamp: int
    author: Jid | None = None
    """Of somebody else's message in a group; None otherwise."""
    others: tuple[str, ...] = ()
    """Ids of further messages that are named as the newest ones."""


@dataclass(frozen=True, slots=True)
class ChatChanged:
    """Facts about a chat; fields that are None stay as they are."""

    chat: Jid
    chat_alt: Jid | None = None
    name: str | None = None
    is_member: bool | None = None
    """Of a group: whether we are in it."""
    ephemeral_expiration: int | None = None
    """Seconds, 0 = off."""
    unread_count: int | None = None
    """How many messages of other people, the newest ones, are unread."""
    counted_until: int | None = None
    """When the last message was sent that ``unread_count`` knew of, milliseconds; None: all that are stored."""
    archived: bool | None = None
    pinned: bool | None = None
    muted_until: int | None = None
    """Milliseconds since 1970; 0 = not muted."""
    last: LastMessage | None = None
    """Where we archive the chat ourselves."""


OPTION_HASH: Final = "sha256:"
"""Before the digest of an option's name, where the name is not known."""


@dataclass(frozen=True, slots=True)
class GroupsJoined:
    """All groups that we are in; we have left every other one that is known."""

    groups: tuple[Jid, ...]
    asked_at: int
    """``StoreWriter.memberships_learned`` when WhatsApp was asked: what was learned since is newer."""
    complete: bool = True
    """False: there may be more, so nothing is said about the others."""


@dataclass(frozen=True, slots=True)
class PollVoted:
    """A person's whole choice in a poll; it replaces what the person chose before."""

    chat: Jid
    poll_id: str
    """Id of the message that is the poll."""
    voter: Jid
    options: tuple[str, ...]
    """Names of the chosen options; empty: the vote was withdrawn. Of one that is not known ``OPTION_HASH`` and its
    SHA-256 in hex: it may be added later."""
    timestamp: int
    from_me: bool = False
    chat_alt: Jid | None = None
    voter_alt: Jid | None = None
    author: Jid | None = None
    """Of the poll."""


@dataclass(frozen=True, slots=True)
class PollOptionAdded:
    """Somebody added an option to a poll. Counts when the poll lets everybody do that, or it is the poll's author."""

    chat: Jid
    message_id: str
    """Of the poll."""
    sender: Jid
    option: str
    timestamp: int
    from_me: bool = False
    chat_alt: Jid | None = None
    sender_alt: Jid | None = None
    author: Jid | None = None
    """Of the poll."""


class EventAnswer(StrEnum):
    GOING = "going"
    MAYBE = "maybe"
    NOT_GOING = "not_going"


@dataclass(frozen=True, slots=True)
class EventAnswered:
    """Somebody said whether they come; it replaces what the person said before."""

    chat: Jid
    message_id: str
    """Of the event."""
    sender: Jid
    answer: EventAnswer | None
    """None: taken back."""
    timestamp: int
    guests: int = 0
    """People whom the person brings along."""
    from_me: bool = False
    chat_alt: Jid | None = None
    sender_alt: Jid | None = None
    author: Jid | None = None
    """Of the event."""


@dataclass(frozen=True, slots=True)
class MessagePinned:
    """Pinned in the chat for everybody, or unpinned. Any member of a chat may, unless the group lets only admins edit
    it, which the phones of members enforce; who did it is kept."""

    chat: Jid
    message_id: str
    sender: Jid
    pinned: bool
    timestamp: int
    until: int | None = None
    """When the pin ends by itself, milliseconds; None: not told."""
    from_me: bool = False
    chat_alt: Jid | None = None
    sender_alt: Jid | None = None
    author: Jid | None = None
    """Of the message."""


@dataclass(frozen=True, slots=True)
class MessageKept:
    """A disappearing message is kept for everybody, or not any more."""

    chat: Jid
    message_id: str
    sender: Jid
    kept: bool
    timestamp: int
    from_me: bool = False
    chat_alt: Jid | None = None
    sender_alt: Jid | None = None
    author: Jid | None = None
    """Of the message."""


@dataclass(frozen=True, slots=True)
class SealedReceived:
    """A message about another one, encrypted under that one's secret: to be opened as soon as that one is here."""

    id: str
    chat: Jid
    message_id: str
    """Of the message that it is about."""
    sender: Jid
    timestamp: int
    raw: bytes
    """Serialized waE2E.Message, without wrappers."""
    from_me: bool = False
    chat_alt: Jid | None = None
    sender_alt: Jid | None = None
    author: Jid | None = None
    """Of the message that it is about, as the sender says."""
    from_history: bool = False


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
    sent: int = 0
    """When the message was sent, where we delete it ourselves."""


@dataclass(frozen=True, slots=True)
class ChatMarkedRead:
    chat: Jid
    read: bool
    """False: marked as unread by hand."""
    timestamp: int = 0
    last: LastMessage | None = None
    """Up to which message, where it is told."""


@dataclass(frozen=True, slots=True)
class ChatDeleted:
    """The chat and its messages up to now."""

    chat: Jid
    timestamp: int = 0
    last: LastMessage | None = None
    """Where we delete the chat ourselves."""


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
    author: Jid | None = None
    """Of the message; WhatsApp's app state does not tell."""


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
"""What an account's device changed, or we are to change. ``timestamp`` is when the device that made the change made it;
what we are to change has none yet."""


Change = (
    MessageReceived
    | PlaceholderRedeemed
    | MessageEdited
    | MessageRevoked
    | ReactionChanged
    | ReceiptReceived
    | ReceiptsTold
    | PollVoted
    | PollOptionAdded
    | EventAnswered
    | MessagePinned
    | MessageKept
    | SealedReceived
    | IdentityLearned
    | NumberSpelled
    | ContactSeen
    | GroupsJoined
    | SendFinished
    | AppStateChange
)
"""All that a store takes in. Those of one message or chat may come in any order, and before it; but a placeholder comes
before what redeems it."""


MUTED_FOR_EVER: Final = -1
"""``ChatChanged.muted_until`` for a mute without an end."""

FOR_EVER: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Until when a chat is muted that is muted without an end."""

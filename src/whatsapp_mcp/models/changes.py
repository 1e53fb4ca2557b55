"""Changes: what the WhatsApp side learned, in arrival order, for the store's writer.

Plain dataclasses, because they are made by the thousand. Times are integer milliseconds since 1970.

A message is (chat, author, id): the id is chosen by its author, and two people may choose the same. So what is about a
message names its ``author`` beside chat and id; None where WhatsApp did not tell, and then it is about the message of
this id if there is only one.
"""

from __future__ import annotations

from dataclasses import dataclass

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import AppStateChange, ChatMarksRead, ChatMarksSeen
from whatsapp_mcp.models.content import Content, EventAnswer
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind


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
class NumberChanged:
    """Somebody has another number, or LID, than before. That the old one is nobody else's by now is not known."""

    old: Jid
    new: Jid


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
class MessageTranscribed:
    """A machine wrote down what is said in a message; it replaces what one heard before."""

    chat: Jid
    message_id: str
    author: Jid
    """Of the message."""
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class SendFinished:
    """A message of ours that was sent under a key: what the caller of this key gets from now on."""

    key: str
    result: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class Live:
    """A change that happens now: no history tells of it, nor was it made here. Those who wait for events are told."""

    change: Change


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
    | NumberChanged
    | ContactSeen
    | GroupsJoined
    | MessageTranscribed
    | SendFinished
    | AppStateChange
    | ChatMarksSeen
    | ChatMarksRead
    | Live
)
"""All that a store takes in. Those of one message or chat may come in any order, and before it; but a placeholder comes
before what redeems it."""

"""Views: what the store's reader, the session and the operations hand out. Times are timezone-aware, UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Literal

from pydantic import Field

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import EventAnswer, MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.models.view import View

FOR_EVER: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""Until when a chat is muted that is muted without an end."""

NameSource = Literal["saved", "push", "business"]
"""Where a person's name comes from: the owner's address book, the person, or WhatsApp, which verified a business."""


class NamedPerson(View):
    """Somebody whom a message names."""

    jid: Jid
    """Canonical."""
    name: str | None = None
    """Best known name, else the number."""


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
    voter_names: tuple[str | None, ...] = ()
    """Of each the best known name, else the number."""


class ReceiptView(View):
    """How far a message of ours got with one person. WhatsApp may tell of a later step only."""

    jid: Jid
    name: str | None = None
    delivered_at: datetime | None = None
    read_at: datetime | None = None
    played_at: datetime | None = None


class Mark(View):
    """Who pinned or kept a message."""

    by: Jid
    by_name: str | None = None
    since: datetime
    until: datetime | None = None
    """When it ends by itself; None: not, or not told."""


class Attendee(View):
    """What one person answered to an event."""

    jid: Jid
    name: str | None = None
    answer: EventAnswer
    guests: int = 0
    """People whom the person brings along."""
    answered_at: datetime


class QuotedMessage(View):
    """What a reply answers."""

    sender: Jid | None = None
    """Canonical; None when the reply does not tell."""
    sender_name: str | None = None
    from_me: bool = False
    text: str = ""
    """Shortened; empty when it was deleted for everyone."""
    revoked: bool = False
    is_claim: bool = False
    """We do not have that message: author and text are what the writer of the reply says."""


@dataclass(slots=True, kw_only=True)
class Line:
    """What is shown of a stored message in few words. ``chat`` and ``sender`` are canonical: the phone number form
    where it is known.

    Nobody changes one. Neither a ``View`` nor frozen all the same: pages are made of many, and either takes four times
    as long to make.
    """

    id: str
    chat: Jid
    chat_name: str | None = None
    sender: Jid
    sender_name: str | None = None
    """Best known name: saved > push > verified business > number."""
    sender_name_source: NameSource | None = None
    """None also where the number stands for the name."""
    from_me: bool
    timestamp: datetime
    kind: MessageKind
    text: str = ""
    """With names where it mentions somebody."""
    file_name: str | None = None
    mentions: tuple[NamedPerson, ...] = ()
    more_mentions: int = 0
    """People beside those, of whom nothing is told but how many they are."""
    mentions_us: bool = False
    """By name, or with everybody in the group."""
    forwarded: bool = False
    view_once: bool = False
    extra: dict[str, object] = field(default_factory=dict)
    revoked_at: datetime | None = None
    reactions: tuple[Reaction, ...] = ()
    arrival: int
    """Ascending number in order of storing; the cursor of waitForMessage."""


@dataclass(slots=True, kw_only=True)
class Message(Line):
    """One stored message."""

    media_mimetype: str | None = None
    file_length: int | None = None
    """As its sender says."""
    file_sha256: bytes | None = None
    """Of its content; only a file that has it is the one of this message."""
    url: str | None = None
    seconds: int | None = None
    reply_to_id: str | None = None
    reply_to_text: str | None = None
    """As the writer of the reply says; see ``quoted``."""
    quoted: QuotedMessage | None = None
    parts: tuple[str, ...] = ()
    """Ids of messages that belong to this one, as the pictures of an album; oldest first."""
    cards: tuple[NamedPerson, ...] = ()
    """The WhatsApp accounts on the contact cards that it shows."""
    status: DeliveryStatus | None = None
    edited_at: datetime | None = None
    starred: bool = False
    labels: tuple[str, ...] = ()
    """Names, in alphabetical order."""
    votes: tuple[PollOptionVotes, ...] = ()
    """Of a poll: its options in their order, also those without votes."""
    answers: tuple[Attendee, ...] = ()
    """Of an event, who answered first comes first."""
    pinned: Mark | None = None
    kept: Mark | None = None
    """A disappearing message that stays."""
    created_at: datetime
    updated_at: datetime
    wire_chat: Jid
    """The chat as WhatsApp addresses it; needed to reply, react, mark read."""
    wire_sender: Jid


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as the session needs it: to quote it, react to it, edit, revoke, mark read or forward it."""

    id: str
    wire_chat: Jid
    """As WhatsApp addresses it."""
    wire_sender: Jid
    """As WhatsApp addresses the author."""
    from_me: bool
    text: str
    """Of the last edit; of a revoked message what it said before."""
    raw: bytes
    """Serialized waE2E.Message as it came; empty when there was none."""
    has_media: bool
    """Also of a revoked message."""
    is_placeholder: bool = False
    """It could not be read, or its content was lost."""
    file: bytes = b""
    """Serialized waE2E.Message that has the file: ``raw``, unless the picture came again in better quality."""
    broadcast_list: Jid | None = None
    """The list of its author's by which it came: a receipt for it goes there."""
    is_edited: bool = False
    """``text`` counts, and what is in ``raw`` and ``file`` does not."""


@dataclass(frozen=True, slots=True)
class SealedTarget:
    """A message that something sealed may be about."""

    message: StoredMessage
    author_forms: tuple[Jid, ...]
    """All addresses of its author."""


@dataclass(frozen=True, slots=True)
class SealedStatement:
    """What came encrypted under the secret of the message that it is about."""

    number: int
    """Of its row."""
    id: str
    message_id: str
    """Of the message that it is about."""
    chat: Jid
    """As WhatsApp addresses it."""
    sender: Jid
    sender_forms: tuple[Jid, ...]
    """All addresses of the sender."""
    from_me: bool
    from_history: bool
    timestamp: int
    raw: bytes
    """Serialized waE2E.Message."""
    author: Jid | None
    """Of the message that it is about, where that was told."""
    about: tuple[SealedTarget, ...]
    """The messages of that id in the chat; that of the author first."""


class Chat(View):
    jid: Jid
    lid: Jid | None = None
    name: str
    name_source: NameSource | None = None
    """Of a person with a name."""
    kind: Literal["person", "group", "newsletter", "broadcast"]
    last_message_time: datetime | None = None
    ephemeral_expiration: int = 0
    left: bool = False
    """A group that we are not in any more."""
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


class Label(View):
    """Of a business account, for chats and messages."""

    id: str
    name: str
    color: int
    """Number in WhatsApp's palette, from 0."""
    chats: tuple[Chat, ...]
    """The first ones, by name."""
    chat_count: int
    message_count: int


class Contact(View):
    jid: Jid
    lid: Jid | None = None
    name: str
    """Best known name; the number when there is none."""
    name_source: NameSource | None = None
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
    name: str | None = None
    """Best known name, else the number."""
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
    owner_name: str | None = None
    """Best known name, else the number."""
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
    deleted: bool = False
    text: str
    kind: MessageKind
    views: int
    reactions: dict[str, int] = Field(default_factory=dict)
    """Emoji -> how often."""


class Device(View):
    """The linked device that a session is."""

    jid: Jid
    lid: Jid | None
    push_name: str
    business_name: str
    platform: str


class Person(View):
    """Somebody, as WhatsApp describes them."""

    jid: Jid
    verified_name: str
    status: str
    picture_id: str
    devices: tuple[Jid, ...]


class NumberCheck(View):
    """Whether a phone number is on WhatsApp."""

    number: str
    """Digits only."""
    registered: bool
    jid: Jid | None

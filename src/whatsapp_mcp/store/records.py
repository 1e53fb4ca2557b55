"""What the store hands out beside the views of ``whatsapp_mcp.models``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeVar

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.views import Chat, Line, Message, NameSource, SealedStatement

if TYPE_CHECKING:
    from whatsapp_mcp.models.changes import Change

R = TypeVar("R", Chat, Message)


class Suggestion(NamedTuple):
    """A search that finds something."""

    query: str
    total: int
    total_is_more: bool
    """There are more than ``total``: not all are counted."""


class Elsewhere(NamedTuple):
    """A chat in which a search finds something."""

    jid: Jid
    name: str | None
    total: int
    """Of the newest hits."""


class KnownPost(NamedTuple):
    """A stored post of a channel, by its number there."""

    number: int
    message_id: str
    author: Jid


@dataclass(frozen=True, slots=True)
class Hint:
    """What would find something where a search found nothing."""

    fewer_words: Sequence[Suggestion] = ()
    spelling: Suggestion | None = None
    spelled_in: Sequence[Jid] = ()
    """The chats from whose messages words of ``spelling`` were taken."""
    other_chats: Sequence[Elsewhere] = ()
    without_filters: int = 0
    """So many messages fit the words in the chat, whatever their sender, kind and time."""

    def __bool__(self) -> bool:
        return bool(self.fewer_words or self.spelling or self.other_chats or self.without_filters)


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    rows: tuple[R, ...]
    total: int
    """How many chats or messages fit the filters, on all pages."""
    total_is_more: bool = False
    """There are more than ``total``: a search does not count them all."""
    more: bool = False
    """Whether others follow."""
    cursors: tuple[str, ...] = ()
    """For each row, where the rest after it begins; empty where rows are not sorted by time."""
    hint: Hint | None = None
    """Of a search that found nothing."""


@dataclass(frozen=True, slots=True)
class News:
    """What is new or unread."""

    messages: tuple[Message, ...]
    """In order of arrival."""
    total: int
    """How many there are, shown or not."""
    chats: int
    """In so many chats."""
    total_is_more: bool = False
    """There are more than ``total``: not all are counted."""


class Look(NamedTuple):
    """Up to where somebody has caught up."""

    arrival: int
    looked_at: int
    """Milliseconds since 1970."""


class Stretch(NamedTuple):
    """What is new: what was written since a moment and stored after one arrival and up to another; and what was written
    earlier and came late, but live."""

    start: int
    """Milliseconds since 1970."""
    after: int
    """0: all since ``start``."""
    late: int
    """What came after this arrival is new although it was written earlier; ``until``: nothing is."""
    until: int


class Asked(StrEnum):
    """By what a message looks as if its author waited for the owner's answer."""

    QUESTION = "question"
    MENTION = "mention"
    REPLY = "reply"
    """To the owner's own message."""


class Wrote(NamedTuple):
    """Somebody who wrote in a chat."""

    jid: Jid
    name: str | None
    messages: int


@dataclass(frozen=True, slots=True)
class ChatNews:
    """What is new in one chat."""

    chat: Chat
    messages: int
    """Of everybody, what happened to a group and calls among them."""
    messages_are_more: bool
    """There are more: not all are counted."""
    wrote: Sequence[Wrote]
    """Others than the owner, who wrote most first; as the following, of the newest messages alone."""
    asked: Mapping[int, Asked]
    """By arrival."""
    mentions: int
    missed_calls: int
    group_changes: int
    lines: Sequence[Line]
    """The newest, and those that ask; oldest first."""


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A page of chats in which something is new, the one with the newest message first."""

    chats: Sequence[ChatNews]
    cursors: Sequence[str]
    """For each, where the rest after it begins."""
    more: bool
    """Whether others follow."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What was said in a chat around a message, oldest first."""

    before: tuple[Message, ...]
    after: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class KeyedSend:
    """A send under a key."""

    fingerprint: str
    """Of the tool and its arguments."""
    result: str | None
    """What the session answered, as JSON; None while it is not known whether the message was sent."""
    message: bytes | None
    """Serialized waE2E.Message, as long as there is no result."""
    started_at: int
    """Milliseconds since 1970; of what was sent, when that was."""


@dataclass(frozen=True, slots=True)
class NewDeferred:
    """A message that is to leave later."""

    id: str
    """Ours."""
    chat: Jid
    due_at: int
    """Milliseconds since 1970."""
    key: str
    """In ``sends``: the caller's, or the id."""
    kept: int
    """Milliseconds for which the key is taken after the send."""
    fingerprint: str
    command: str
    """What to send, as JSON."""
    answer: str
    """What its caller is answered, as JSON."""
    late: int = 5 * 60 * 1000
    """Milliseconds after ``due_at`` for which it may still leave."""
    caller: str | None = None
    """Who scheduled it, as JSON; None: it is merely held back."""


_OPEN: Final = (DeferredState.PREPARING, DeferredState.HELD, DeferredState.LEAVING)


@dataclass(frozen=True, slots=True)
class DeferredSend:
    """A message that was to leave later, and what became of it."""

    id: str
    """Ours."""
    chat: Jid
    """As the caller addressed it."""
    state: DeferredState
    due_at: int
    """Milliseconds since 1970."""
    key: str
    """Under which it stands among the sends, for a day."""
    sent_id: str | None = None
    """Under which it left."""
    scheduled: bool = False
    """For a time of the caller's choice; else it is held back."""
    text: str | None = None
    """Of a text that was scheduled, as long as it may leave."""
    settled_at: int | None = None
    """When it became clear what became of it."""
    error: dict[str, Any] | None = None
    """Why it failed, as ``WhatsAppMcpError.to_wire``."""
    pending: bool = False
    """It leaves as soon as it can, not at a time."""
    server: int | None = None
    """Process of the server that prepares it."""

    @property
    def status(self) -> str:
        """In one word, for a caller."""
        return "pending" if self.pending and self.state in _OPEN else self.state.value


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of something that was sealed."""

    statement: SealedStatement
    opened: bool
    changes: Sequence[Change]
    """What it means; of what could not be opened, the row that says so."""


@dataclass(frozen=True, slots=True)
class ChatFacts:
    """How the owner and a chat know each other."""

    jid: Jid
    """Canonical."""
    lid: Jid | None = None
    others: tuple[Jid, ...] = ()
    """Further addresses of the same person, as a number that is written with a digit more or less."""
    saved: bool = False
    """A person in the owner's address book."""
    wrote_first: bool = False
    """Its first message is not the owner's."""
    written_to: bool = False
    """The owner wrote there."""
    member: bool = False
    """A group that the owner is in."""
    own: bool = False
    """The owner."""

    @property
    def known(self) -> bool:
        if self.jid.is_group:
            return self.member
        return self.own or self.saved or self.wrote_first or self.written_to


@dataclass(frozen=True, slots=True)
class NamedTarget:
    """Somebody or something that can be written to."""

    jid: Jid
    name: str
    """The number, or the JID, where there is none."""
    kind: Literal["person", "group", "newsletter", "broadcast"]
    name_source: NameSource | None = None
    """Of a person with a name."""


@dataclass(frozen=True, slots=True)
class StoreStats:
    schema_version: int
    messages: int
    chats: int
    bytes: int
    """Size of the file and its log."""
    newest_message: datetime | None


class Pauses(NamedTuple):
    """When the session was paused, by the clock: milliseconds since 1970."""

    started: Sequence[int] = ()
    """Those of the last day, oldest first."""
    ended: int = 0
    """When the last one ended."""

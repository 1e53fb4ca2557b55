"""What an account's devices tell each other by way of the app state, and we tell them: about chats, stars, labels.

Plain dataclasses. Times are integer milliseconds since 1970. ``author`` is that of the message that a change is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.jid import Jid


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
    from_history: bool = False
    """It was so when the phone wrote a history, and may have been told otherwise since."""


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
class ChatMarks:
    """How the account has a chat, where that is not as every chat is at first."""

    chat: Jid
    pinned: bool = False
    archived: bool = False
    muted_until: int = 0
    """As in ``ChatChanged``."""


@dataclass(frozen=True, slots=True)
class ChatMarksSeen:
    """What neonize's database has of all chats, which it takes from the app state by itself."""

    device: str
    """Whose database it is: nothing of another one counts."""
    versions: dict[str, int]
    """Of the collections that it is from."""
    chats: tuple[ChatMarks, ...]


@dataclass(frozen=True, slots=True)
class ChatMarksRead:
    """Changes that a side login read, or made: they are newer than what neonize's database has of these collections
    until that is of the same version."""

    device: str
    """As in ``ChatMarksSeen``."""
    since: dict[str, int]
    """After which version everything in a collection was read."""
    versions: dict[str, int]
    """Up to which."""
    changes: tuple[ChatChanged, ...]


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


MUTED_FOR_EVER: Final = -1
"""``ChatChanged.muted_until`` for a mute without an end."""

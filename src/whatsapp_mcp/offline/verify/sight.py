"""What a step may say that it saw: words of ours, so that nothing of the account gets into a report."""

from __future__ import annotations

from enum import StrEnum


class Ending(StrEnum):
    """How a step ended."""

    AS_EXPECTED = "as expected"
    DIFFERS = "differs"
    FAILED = "failed"
    """The tool answered with an error."""
    TIMED_OUT = "timed out"
    NOT_TRIED = "not tried"


class Sight(StrEnum):
    """What was seen."""

    CONNECTED = "connected"
    NOT_CONNECTED = "not connected"
    IN_CHAT = "in the chat"
    NOT_IN_CHAT = "not in the chat"
    HELD = "held back by the policy"
    QUOTES = "quotes the text"
    NO_QUOTE = "quotes nothing"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    REACTED = "the reaction is there"
    NO_REACTION = "no reaction is there"
    OTHER_KIND = "of another kind"
    VOTED = "the vote was counted"
    NO_VOTE = "no vote came"
    STATUS_PENDING = "pending"
    STATUS_FAILED = "failed"
    STATUS_SENT = "sent"
    STATUS_DELIVERED = "delivered"
    STATUS_READ = "read"
    STATUS_PLAYED = "played"
    STATUS_UNKNOWN = "unknown"
    FOUND = "found"
    NOT_FOUND = "not found"
    SAME_BYTES = "the same bytes"
    OTHER_BYTES = "other bytes"
    EARLIER_MESSAGES = "chats from before"
    NO_EARLIER_MESSAGES = "no chats from before"
    OWN_NAME = "the account has a name"
    NO_OWN_NAME = "the account has no name"
    CONTACT_NAMES = "contacts have names"
    NO_CONTACT_NAMES = "no contact has a name"
    SET = "set"
    NOT_SET = "not set"
    ALREADY = "it was set before"
    ALONE = "nobody else is in the group"
    NOT_ALONE = "who is in the group cannot be told, or somebody else is"
    LEFT = "left"
    ON_PHONE = "the phone shows it"
    NOT_ON_PHONE = "the phone does not show it"
    REVOKED = "deleted for everyone"
    NOT_REVOKED = "still there"
    NOBODY_AT_PHONE = "nobody is at the phone"
    NOT_WANTED = "not wanted"
    ODD_ANSWER = "an answer of another form"
    INTERRUPTED = "interrupted"


class Left(StrEnum):
    """What could not be put back."""

    STAR = "a message is starred"
    PIN = "the chat is pinned, or was"
    MUTE = "the chat is muted"
    ARCHIVE = "the chat is archived, or was"
    MESSAGES = "messages in the chat with yourself"
    GROUP = "a group in which nobody but you is"

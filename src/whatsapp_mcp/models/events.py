"""What happens on an account, as those who wait for it are told: the messages that come, and all that people do beside
writing them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.view import View
from whatsapp_mcp.models.views import Message


class EventKind(StrEnum):
    MESSAGE = "message"
    """Somebody wrote; and what the owner wrote to the own chat on another device."""
    OWN_MESSAGE = "own_message"
    """The owner wrote, on the phone or another linked device."""
    EDIT = "edit"
    DELETION = "deletion"
    """For everyone, by the author or an admin of the group."""
    REACTION = "reaction"
    VOTE = "vote"
    """In a poll; or an option that was added to one."""
    ANSWER = "answer"
    """Whether somebody comes to an event."""
    PIN = "pin"
    RECEIPT = "receipt"
    """A message of ours was delivered, read or played; or the owner read one of others on another device."""
    JOIN_REQUEST = "join_request"
    """Somebody asked to join a group, or withdrew that."""
    GROUP_CHANGE = "group_change"
    CALL = "call"
    """It rings here; and once more when it is over, with the outcome."""
    TYPING = "typing"
    """Of the moment: it is not kept, and who does not wait while it happens does not learn of it."""


KEPT: Final = tuple(kind for kind in EventKind if kind is not EventKind.TYPING)
"""Kinds that are told after they happened, also to who was not there."""
USUAL: Final = tuple(kind for kind in KEPT if kind is not EventKind.RECEIPT)
"""What is told where no kinds are named: receipts come in great numbers and mostly say little."""


class Event(View):
    kind: EventKind
    arrival: int
    """The cursor of who knows everything up to it; the same numbers as those of messages."""
    chat: Jid
    chat_name: str | None = None
    sender: Jid | None = None
    """Who did it; None: not told."""
    sender_name: str | None = None
    from_me: bool = False
    timestamp: datetime
    message_id: str | None = None
    message: Message | None = None
    """The message that came or that it is about, as far as it is here and shown."""
    facts: Mapping[str, Any] = Field(default_factory=dict)
    """What is particular to its kind."""


class Events(View):
    """Those after a number."""

    events: tuple[Event, ...]
    missed: bool = False
    """Some that came after that number are not kept any more."""

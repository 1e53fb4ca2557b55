"""Who calls: what the caller was given, in which conversation, and how its owner can be asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal

from whatsapp_mcp.policy.taint import Conversation

Scope = Literal["read", "send", "full"]
"""``read`` changes nothing, ``send`` also writes to chats and arranges them, ``full`` is everything."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller was given beyond the account's policy, which holds for all: it can only be narrower."""

    name: str = "local"
    """Of the token over HTTP; ``local`` for a host that started the server itself."""
    scope: Scope = "full"
    accounts: tuple[str, ...] | None = None
    """Only these accounts; None: all."""
    chats: tuple[str, ...] | None = None
    """Only these chats may be read and written to, written as in policy.toml; None: as the policy says."""
    toolsets: str | None = None
    """Only these tools, written as for ``--toolsets``; None: all that the server offers."""
    sends_per_day: int | None = None
    """Of this caller, beside the limits of the account."""
    unlisted: tuple[str, ...] = ()
    """Tools that this caller has although the server lists them to nobody: a page of our own."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the owner is asked before a call goes through."""

    rule: str
    """Which rule asks: ``first_contact``, ``other_chat``, ``files``, …"""
    text: str
    """What would be done, to whom, with which text and file; the resolved person, never the caller's own words for
    them. Holds text of others only between quotation marks, cleaned and shortened."""
    digest: str
    """Of exactly this call of this caller: 64 hexadecimal digits."""
    can_be_always: bool = False
    """It can be answered for all later calls of this kind to the same chat."""
    seconds: float = 120.0
    """So long a host waits for the answer."""


class Consent(StrEnum):
    YES = "yes"
    ALWAYS = "always"
    """Yes, and never ask again about this kind of call to this chat."""
    NO = "no"
    CANNOT_ASK = "cannot_ask"
    """The host cannot show a question, or nobody answered in time."""


Asking = Callable[[Question], Awaitable[Consent]]
"""How a host puts a question to its person; the model has no part in it."""


async def cannot_ask(_question: Question) -> Consent:
    return Consent.CANNOT_ASK


Roots = Callable[[], Awaitable[tuple[Path, ...]]]
"""Gives folders of the client's own from which files may be sent, resolved."""


async def no_roots() -> tuple[Path, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a client waits for an answer."""

    answer_within: float | None = None
    """Seconds; None: as long as it takes."""
    waiting: float | None = None
    """Seconds that a call waits for news, where nobody says how long; None: as long as tools.yaml says."""
    stops: bool = False
    """Who gives up wants it stopped, as a person does with Ctrl-C; otherwise what was taken goes on."""


@dataclass(slots=True)
class Caller:
    """One call's caller."""

    grant: Grant = field(default_factory=Grant)
    transport: Literal["stdio", "http", "terminal"] = "stdio"
    host: str = ""
    """Name and version of the host program, as it says."""
    client: str = ""
    """Its name alone, which stays the same when it is upgraded."""
    conversation: Conversation = field(default_factory=Conversation)
    ask: Asking = cannot_ask
    roots: Roots = no_roots
    patience: Patience = field(default_factory=Patience)

    @property
    def name(self) -> str:
        """Under which something is kept for whoever calls, across conversations and restarts."""
        return f"{self.grant.name} {self.client}".strip()

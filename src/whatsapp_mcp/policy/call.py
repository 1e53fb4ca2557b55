"""One call as the policy sees it: what it would do, to whom, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.store.records import ChatFacts


@dataclass(frozen=True, slots=True)
class Party:
    """A chat or person that a call is about."""

    facts: ChatFacts
    called: str
    """As the owner is told of it: name, where it comes from, and number or address."""

    @property
    def jid(self) -> Jid:
        """Canonical."""
        return self.facts.jid


@dataclass(frozen=True, slots=True)
class SentFile:
    """A local file or content that a call would send."""

    field: str
    called: str
    """Name of the file, or kind of the content."""
    local: bool
    """It lies on this machine: the owner's, and not what the caller wrote itself."""
    size: int = 0
    """Bytes."""
    secrets: tuple[str, ...] = ()
    """What looks like a secret in it, in words."""
    source: Jid | None = None
    """The chat in which it came, of a received file."""
    text: str = ""
    """Of a text that the call brings along: its beginning."""


@dataclass(frozen=True, slots=True)
class FailedItem:
    """One of a list with which nothing was done, while others were."""

    item: str
    """Its place, by the name of the parameter: ``chat_jid[2]``."""
    code: str
    message: str
    """Of the error, as for a call of its own."""


@dataclass(frozen=True, slots=True)
class Call:
    operation: Operation
    arguments: Mapping[str, object]
    """With addresses in place of names."""
    addressed: str = ""
    """Address of the one chat that is sent to."""
    chats: tuple[Party, ...] = ()
    """That are read, written to or changed: one, or those of a list."""
    people: tuple[Party, ...] = ()
    """Beside the chats."""
    added: tuple[Party, ...] = ()
    """People who would become members of a group."""
    source: Jid | None = None
    """Chat of a message that is forwarded."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """What others would get to read, by parameter."""
    files: tuple[SentFile, ...] = ()
    links: tuple[str, ...] = ()
    """Links that this server would open."""
    others_numbers: tuple[str, ...] = ()
    """Numbers of people known here who are neither the owner nor in the chat, in the texts."""
    secrets: tuple[str, ...] = ()
    """What looks like a secret in texts and files, in words."""

    when: str | None = None
    """When it would be sent, for the owner; None: now."""
    due_at: int | None = None
    """The same in milliseconds since 1970."""
    stops_own: bool = False
    """It keeps a message of ours from leaving: nobody has it, so nothing is removed."""

    failed: tuple[FailedItem, ...] = ()
    """Items of a list in ``arguments`` of which it is not known what they mean; they are left out there."""

    @property
    def chat(self) -> Party | None:
        """The only chat; None where there is none, or several."""
        return self.chats[0] if len(self.chats) == 1 else None

    @property
    def parties(self) -> tuple[Party, ...]:
        """All whom the call is about."""
        return (*self.chats, *self.people, *self.added)

    @property
    def strangers(self) -> tuple[Party, ...]:
        """Those who would hear from the owner for the first time."""
        written_to = self.chats if self.operation.touches.act == "send" else ()
        return tuple(party for party in (*written_to, *self.added) if not party.facts.known)

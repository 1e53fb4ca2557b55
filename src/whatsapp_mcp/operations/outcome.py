"""What an operation hands back: the contract between the handlers and the MCP face.

A handler returns an :class:`Outcome` or raises a :class:`~whatsapp_mcp.errors.WhatsAppMcpError`; it never builds MCP
types. The face turns the outcome into ``structuredContent`` and text, within the byte budget.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.policy.passage import Passage

if TYPE_CHECKING:
    from whatsapp_mcp.media.received.place import ReceivedFile
    from whatsapp_mcp.policy.call import FailedItem

V = TypeVar("V")

Arguments = dict[str, Any]
"""Validated arguments of one call, by parameter name."""


@dataclass(frozen=True, slots=True)
class Image:
    """A picture shown beside the text of a result."""

    data: bytes
    mime_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A received file that is kept."""

    file: ReceivedFile
    mime_type: str
    """By its content, whatever its sender says."""
    chat: Jid
    message_id: str
    """As the tools take it."""


@dataclass(frozen=True, slots=True)
class Rows(Generic[V]):
    """A list of a result, whose rows are made one by one while there is room for them: what nobody is shown costs
    nothing, and a row that cannot be made is one that says so."""

    views: Sequence[V]
    render: Callable[[V], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one successful call."""

    message: str
    """One sentence of ours; never contains text that other people wrote."""
    results: Any = None
    """The operation's ``results`` as tools.yaml describes them; JSON-ready but for times, which are datetimes; None
    values are dropped by the face. Long lists are :class:`Rows`."""
    rows: str | None = None
    """Name of the list inside ``results`` (``data``) that may be cut to fit the byte budget, if there is one: a list or
    ``Rows``."""
    offset: int = 0
    """Position of the first row, so that a cut can say where to go on."""
    cursors: Sequence[str] = ()
    """For each row, where the rest after it begins, so that a cut can say so."""
    next_cursor: str | None = None
    """Where to go on after all rows; None when nothing follows."""
    untrusted: bool = False
    """True when results carry text that other people wrote."""
    full: bool = False
    """True when the rows are shown with all that they have, each for itself; else the face makes them short."""
    heard: Collection[Jid] | None = None
    """Chats whose texts are in the results; None: of the chat that the operation names, or of unknown people."""
    seen: Callable[[], Awaitable[None]] | None = None
    """Called when the result was shown whole, and nothing follows on another page."""
    note: str | None = None
    """A remark of ours that a model has to see, in a sentence or two."""
    images: tuple[Image, ...] = field(default_factory=tuple)
    failed: tuple[FailedItem, ...] = ()
    """Items of a list with which nothing was done, while others were."""
    file: KeptFile | None = None
    """What the operation fetched, for who reads it as a resource."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What somebody wants to be told of when it changes."""

    arguments: Arguments
    """Of the operation that shows it, with addresses in place of names."""
    mark: Hashable
    """Another one each time that the operation would show something else."""


class Runner(Protocol):
    """Runs operations; the only thing the MCP face knows of what lies below."""

    async def run(self, passage: Passage, arguments: Arguments) -> Outcome:
        """Carry out the operation of a call with validated arguments, if the policy lets it through.

        Raises:
            WhatsAppMcpError: with code, message and next step for the caller.
        """
        ...

    async def watch(self, passage: Passage, arguments: Arguments) -> Watched:
        """How it stands with what the operation of a call shows. Raises WhatsAppMcpError, as ``run`` does."""
        ...

    def ended(self, passage: Passage) -> None:
        """The call has ended, and its answer leaves now."""
        ...

"""What handlers work with: the session, the store, the settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import anyio
import anyio.to_thread

from whatsapp_mcp.errors import SessionError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import HandedOver, SessionSnapshot
from whatsapp_mcp.operations.under_way import UnderWay
from whatsapp_mcp.pipe.command import Command
from whatsapp_mcp.pipe.lines import TypingSeen
from whatsapp_mcp.pipe.messages import SendKey
from whatsapp_mcp.policy.caller import Caller, Grant, Patience, Roots, no_roots
from whatsapp_mcp.policy.chats import ChatList
from whatsapp_mcp.policy.limits import Uses
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.read.reader import StoreReader

if TYPE_CHECKING:
    from whatsapp_mcp.media.decoder_pool import DecoderPool
    from whatsapp_mcp.media.received.place import ReceivedMedia

R = TypeVar("R")
T = TypeVar("T")
KEPT: Final = 8
"""Restrictions of the store that are kept ready, the last ones that were used."""
READERS: Final = 4
"""Store queries at once; a limiter of our own, so that slow queries never starve the transport's threads."""


class Session(Protocol):
    """The session of one account, in a process of its own; `supervisor.manager` is the real one."""

    @property
    def snapshot(self) -> SessionSnapshot:
        """What is known of it now."""

    @property
    def newest_arrival(self) -> int:
        """Arrival number of the newest stored message that it announced."""

    async def ready(self) -> None:
        """Return when connected, after a bounded wait. Raises SessionError with the state and the next step."""

    async def call(self, command: Command[R], *, timeout: float | None = None) -> R:
        """Run a command; one that needs the connection waits for it. Raises WhatsAppMcpError."""

    def typing_after(self, mark: int | None) -> tuple[int, tuple[TypingSeen, ...]]:
        """Who began or ended typing after a mark, as far as it is remembered, and the mark of now; None: the mark."""

    async def wait_change(self, timeout: float) -> bool:
        """Wait until the state changes or something is stored; False when ``timeout`` seconds passed first."""

    async def handed_over(self, message: bytes) -> HandedOver | None:
        """Under which id a message of ours (serialized waE2E.Message) left; None if it did not get that far."""

    def problem(self) -> SessionError:
        """Why it is not connected, and what to do."""

    async def login(self) -> SessionSnapshot:
        """Start pairing by QR, or continue it; returns with the code that is valid now.

        Raises AlreadyLoggedIn, or SessionError when there is no code in time.
        """

    async def login_with_code(self, digits: str) -> str:
        """Start pairing by phone number; the code is valid for 160 seconds."""

    async def logout(self, *, erase_messages: bool = False) -> bool:
        """Unlink the device, delete session and messages; whether WhatsApp confirmed it. Raises NotLoggedIn."""

    async def restart(self) -> None:
        """Begin anew; returns when connected. Raises SessionError."""


class Store:
    """The message store, read in worker threads. All that one query asks, it asks of the same state of the store."""

    def __init__(self, reader: StoreReader, limiter: anyio.CapacityLimiter | None = None) -> None:
        self._reader = reader
        self._limiter = limiter or anyio.CapacityLimiter(READERS)
        self._restricted: dict[ChatList, Store] = {}

    def restricted(self, chats: ChatList) -> Store:
        """The same store, in which there are no other chats than these; the last few are kept."""
        if chats.is_everything:
            return self
        store = self._restricted.pop(chats, None) or Store(self._reader.restricted(chats.allows), self._limiter)
        self._restricted[chats] = store
        if len(self._restricted) > KEPT:
            del self._restricted[next(iter(self._restricted))]
        return store

    async def may_read(self, *chats: Jid) -> frozenset[Jid]:
        """Those of these chats that may be read, be they known or not."""
        return await self.look(lambda reader: reader.may_read(chats))

    async def look(self, query: Callable[[StoreReader], T]) -> T:
        """Look a few rows up by an index: in a file without the detour over a thread, which costs more than such a
        query."""
        if self._reader.is_at_hand:
            return self._reader.of_one_state(query)
        return await self.read(query)

    async def read(self, query: Callable[[StoreReader], T]) -> T:
        return await anyio.to_thread.run_sync(self._reader.of_one_state, query, limiter=self._limiter)


_PATIENT: Final = Patience()


async def _uncounted(_uses: Uses) -> None: ...


@dataclass(slots=True, eq=False)
class Services:
    """Nobody changes one. Not frozen all the same: each call gets its own, and a frozen one takes five times as long to
    make."""

    settings: Settings
    session: Session
    store: Store
    decoder_pool: Callable[[], DecoderPool] | None = None
    """Gives what ``decoders`` is, made when it is first asked for: most calls decode nothing."""
    transcriber_pool: Callable[[], DecoderPool] | None = None
    """The same for ``transcribers``."""
    send_key: SendKey | None = None
    """Of the call that is served: under it, a message is sent once; see `idempotency`."""
    counting: Callable[[Uses], Awaitable[None]] = _uncounted
    """Said of what only shows on the way, before it is done: that WhatsApp is asked whether a number is on it, that so
    many bytes came from a link. It counts, whatever becomes of the call; raises RateLimited."""
    patience: Patience = _PATIENT
    """Of the client."""
    until: float | None = None
    """When the client wants its answer, by the event loop's clock; None: it waits."""
    grant: Grant = field(default_factory=Grant)
    """What the caller was given; set for what is sent later, by the rules of then."""
    under_way: UnderWay = field(default_factory=UnderWay)
    """What goes on when its client waits no longer."""
    roots: Roots = no_roots
    """Of the caller: folders that count as an outbox for what it sends."""
    caller: str = "local"
    """Name of who calls, under which something is kept between calls."""
    hold_seconds: int = 0
    """So much later a message leaves that is sent, and `revokeMessage` stops it until then."""
    addressed: str = ""
    """Address of the chat that is sent to, as it was found when the policy judged it: nobody looks for it again."""

    def but(self, **changed: object) -> Services:
        """The same, but for these fields; `replace` takes five times as long."""
        made: Services = object.__new__(Services)
        for name in Services.__slots__:
            setattr(made, name, changed[name] if name in changed else getattr(self, name))
        return made

    def for_call(self, caller: Caller, store: Store, until: float | None, *, hold_seconds: int) -> Services:
        """The same for one call."""
        return self.but(
            store=store,
            until=until,
            hold_seconds=hold_seconds,
            caller=caller.name,
            roots=caller.roots,
            patience=caller.patience,
        )

    @property
    def received(self) -> ReceivedMedia:
        """Where received media lie. Raises NotInstalled, SetupError: it cannot be used with this configuration."""
        from whatsapp_mcp.media.received.opening import received_media  # with the first file

        return received_media(self.settings.received_media)

    @property
    def decoders(self) -> DecoderPool | None:
        """Processes for decoding media, shared by all calls; None: each call starts its own."""
        return self.decoder_pool() if self.decoder_pool is not None else None

    @property
    def transcribers(self) -> DecoderPool | None:
        """The same for writing down speech."""
        return self.transcriber_pool() if self.transcriber_pool is not None else None
